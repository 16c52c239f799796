"""`predict`: new text without gold, answered by a finished run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapterstilts.config.resolve import read_settings
from adapterstilts.config.schema import EvaluationSettings
from adapterstilts.console import progress
from adapterstilts.data.own import find_task
from adapterstilts.data.unlabelled import Unlabelled, read_unlabelled
from adapterstilts.errors import UserError
from adapterstilts.evaluation.heads import SavedHead, head_for, meaning_of
from adapterstilts.evaluation.load import Loaded, load_run
from adapterstilts.evaluation.predict import predict as answer
from adapterstilts.formats import Prediction
from adapterstilts.interrupt import listening
from adapterstilts.model import Runtime, choose_runtime
from adapterstilts.store.atomic import write_text
from adapterstilts.store.run import Run, read_run


def predict(
    run: Run | str | Path,
    task: str,
    *,
    input: str | Path,
    language: str | None = None,
    out: str | Path | None = None,
    head: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Label new text with a finished run's head; return one dict a row: `id` (or `line`), `prediction`, `score`.

    `task`: a name or a YAML file, which says what the text is to the run. `input`: a file of text without gold, as
    `read_unlabelled` takes it. `language` (a code, noted in every dict; None: not said) changes no answer. `out`: a
    JSONL file for the same dicts, written whole at the end; None writes nothing. `head`: the task whose head answers;
    None means the task's own, or the one that it learns from. `settings`: those of `evaluate`. The score, from 0 to 1,
    is how sure the model is. Raises UserError for bad input, Interrupted after a signal.
    """
    run = run if isinstance(run, Run) else read_run(run)
    if out is not None and Path(out).resolve() == Path(input).resolve():
        raise UserError(f"{out} is the input", fix="choose another --out")
    wanted = read_settings(EvaluationSettings, settings or {})
    declared = find_task(task)
    chosen = head_for(run, declared, head)
    given = read_unlabelled(declared, Path(input), language)
    runtime = choose_runtime(wanted.resources, wanted.precision or run.record.config["precision"])
    predictions = _answers(load_run(run, runtime, wanted.base), chosen, given, runtime)
    found = [
        {**name, **({"language": language} if language else {}), "prediction": one.value, "score": round(one.score, 6)}
        for name, one in zip(given.names, predictions, strict=True)
    ]
    if out is not None:
        write_text(Path(out), as_lines(found))
    return found


def as_lines(found: list[dict[str, Any]]) -> str:
    """Return dicts as JSONL."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found)


def _answers(loaded: Loaded, head: SavedHead, given: Unlabelled, runtime: Runtime) -> list[Prediction]:
    loaded.add_head(head)
    encoded, meaning = loaded.encode(given.rows), meaning_of(head, given.rows.task)
    with listening() as stop, progress(f"predict {given.rows.task.name}", len(encoded)) as bar:
        return answer(loaded.model, encoded, head.name, meaning, runtime, stop, bar.advance)
