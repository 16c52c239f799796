"""`evaluate`: a trained run on a task's languages, zero-shot where it never saw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.config.schema import Precision, ResourceSettings
from adapterstilts.console import log, progress
from adapterstilts.data.cache import Encoded, encode_rows
from adapterstilts.data.source import Rows, load_languages
from adapterstilts.evaluation.files import read_question, score_folder, write_predictions
from adapterstilts.evaluation.load import Loaded, load_run
from adapterstilts.evaluation.predict import gold_values, predict
from adapterstilts.interrupt import StopRequest, listening
from adapterstilts.model import Runtime, choose_runtime
from adapterstilts.store.atomic import remove_leftovers
from adapterstilts.store.places import inside, locked
from adapterstilts.store.run import Run, read_run
from adapterstilts.tasks import Split, Task, tasks


@dataclass(frozen=True)
class Evaluation:
    """One task's scores: the folder they lie in, and the content of its metrics.json."""

    path: Path
    metrics: Mapping[str, Any]


def evaluate(
    run: Run | str | Path,
    task: str | Sequence[str],
    *,
    languages: Sequence[str] | None = None,
    split: Split = "test",
    base: str | None = None,
    precision: Precision | None = None,
    resources: ResourceSettings | None = None,
) -> list[Evaluation]:
    """Predict and score tasks in several languages with a finished run, into its `eval/` folder.

    `languages`: None means all that have the split here. `base`: another place of the run's own base; None
    means where it was. `precision`: None means the run's own. Languages that an earlier, interrupted
    command has finished are kept. Scores are percentages; averages are plain means over languages, as in
    XTREME. Raises UserError for bad input, Interrupted after a signal.
    """
    run = run if isinstance(run, Run) else read_run(run)
    names = [task] if isinstance(task, str) else list(task)
    wanted = precision or run.record.config["precision"]
    resources = resources or ResourceSettings()
    runtime = choose_runtime(resources, wanted)
    asked = {name: load_languages(tasks.get(name), languages, split, resources.mirror) for name in names}
    loaded = load_run(run, names, runtime, base)
    with locked(run.path), listening() as stop:
        return [_one_task(loaded, tasks.get(name), rows, runtime, stop) for name, rows in asked.items()]


def _one_task(loaded: Loaded, task: Task, many: list[Rows], runtime: Runtime, stop: StopRequest) -> Evaluation:
    split = many[0].split
    folder = inside(loaded.run.path / "eval", f"{task.name}-{split}")
    (folder / "predictions").mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder / "predictions")
    model = {
        "run": loaded.run.record.fingerprint,
        "precision": runtime.precision,
        "max_length": loaded.run.record.config["data"]["max_length"],
    }
    with progress(f"{task.name} {split}", sum(map(len, many))) as bar:
        for rows in many:
            bar.note(rows.language)
            file = inside(folder / "predictions", f"{rows.language}.parquet")
            question = {**model, "rows": rows.origin()}
            if read_question(file) == question:
                log(f"evaluate: {task.name} {rows.language}: kept from an earlier command")
            else:
                encoded = encode_rows(rows, loaded.tokenizer, model["max_length"])
                predictions = predict(loaded.model, encoded, loaded.labels[task.name], runtime, stop)
                write_predictions(file, _ids(encoded), gold_values(encoded), predictions, question)
            bar.advance(len(rows))
    return Evaluation(folder, score_folder(folder, task, split, model))


def _ids(encoded: Encoded) -> list[str]:
    table = encoded.rows.table
    if "id" in table.column_names:
        return [str(name) for name in table["id"]]
    return [str(row) for row in range(len(table))]
