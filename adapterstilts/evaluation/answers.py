"""One task's answers, language by language, written as they come; scores from what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.console import log, progress
from adapterstilts.data.rows import Rows
from adapterstilts.evaluation import retrieval
from adapterstilts.evaluation.files import read_question, score_folder, write_predictions
from adapterstilts.evaluation.heads import SavedHead, meaning_of
from adapterstilts.evaluation.load import Loaded
from adapterstilts.evaluation.predict import gold_values, predict
from adapterstilts.formats import Prediction
from adapterstilts.interrupt import StopRequest
from adapterstilts.model import Runtime
from adapterstilts.store.atomic import remove_leftovers
from adapterstilts.store.places import inside


@dataclass(frozen=True)
class Evaluation:
    """One task's scores: the folder they lie in, and the content of its metrics.json."""

    path: Path
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Session:
    """What all tasks of one command share: the model, where it runs, the layers that retrieval reads."""

    loaded: Loaded
    runtime: Runtime
    layers: Sequence[int]


@dataclass(frozen=True)
class _Answers:
    """The answers to one row set: what a predictions file holds."""

    ids: list[str]
    gold: list[Any]
    predictions: list[Prediction]


def answer_task(session: Session, many: list[Rows], head: SavedHead | None, stop: StopRequest) -> list[Evaluation]:
    """Answer and score one task in all its languages: by `head`, or (None) by searching in the session's layers.

    Languages that an earlier, interrupted command has finished are kept. Raises Interrupted after a signal.
    """
    task, run = many[0].task, session.loaded.run
    model = {
        "run": run.record.fingerprint,
        "precision": session.runtime.precision,
        "windows": run.record.config["data"]["max_length"],
        "select_on": run.record.config["data"]["select_on"],
    }
    if head is None:
        models = {f"{task.name}-{many[0].split}-layer{layer}": {**model, "layer": layer} for layer in session.layers}
        return _in_folders(run.path, many, models, lambda rows: _found(session, rows, stop))
    session.loaded.add_head(head)
    models = {f"{task.name}-{many[0].split}": {**model, "head": head.name}}
    return _in_folders(run.path, many, models, lambda rows: [_answered(session, rows, head, stop)])


def _answered(session: Session, rows: Rows, head: SavedHead, stop: StopRequest) -> _Answers:
    encoded, meaning = session.loaded.encode(rows), meaning_of(head, rows.task)
    found = predict(session.loaded.model, encoded, head.name, meaning, session.runtime, stop)
    return _Answers(_ids(rows), gold_values(encoded), found)


def _found(session: Session, rows: Rows, stop: StopRequest) -> list[_Answers]:
    """Search in every layer; the right answer to a row's query is the row's own document."""
    encoded, gold = session.loaded.encode(rows), [str(row) for row in range(len(rows))]
    vectors = retrieval.embed(session.loaded.model.encoder, encoded, session.layers, session.runtime, stop)
    return [_Answers(_ids(rows), gold, retrieval.search(encoded, vectors[layer])) for layer in session.layers]


def _in_folders(
    run: Path,
    many: list[Rows],
    models: Mapping[str, Mapping[str, Any]],
    answer: Callable[[Rows], list[_Answers]],
) -> list[Evaluation]:
    """Answer language by language into one folder or several (one a layer), then score each folder.

    `models` says for each folder whose answers it holds; `answer` gives one set of answers a folder, in order.
    """
    task, split, root = many[0].task, many[0].split, run / "eval"
    folders = {inside(root, name): model for name, model in models.items()}
    for folder in folders:
        (folder / "predictions").mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder / "predictions")
    with progress(f"{task.name} {split}", sum(map(len, many))) as bar:
        for rows in many:
            bar.note(rows.language)
            questions = {
                inside(folder / "predictions", f"{rows.language}.parquet"): {**model, "rows": rows.origin()}
                for folder, model in folders.items()
            }
            if all(read_question(file) == question for file, question in questions.items()):
                log(f"evaluate: {task.name} {rows.language}: kept from an earlier command")
            else:
                for (file, question), found in zip(questions.items(), answer(rows), strict=True):
                    write_predictions(file, found.ids, found.gold, found.predictions, question)
            bar.advance(len(rows))
    return [Evaluation(folder, score_folder(folder, task, split, model)) for folder, model in folders.items()]


def _ids(rows: Rows) -> list[str]:
    if "id" in rows.table.column_names:
        return [str(name) for name in rows.table["id"]]
    return [str(row) for row in range(len(rows))]
