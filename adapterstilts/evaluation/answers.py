"""One task's answers, language by language, written as they come; scores from what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adapterstilts.console import log, progress
from adapterstilts.data.cache import Encoded
from adapterstilts.data.mixed import PARTNER
from adapterstilts.data.rows import Rows
from adapterstilts.evaluation import mining, retrieval
from adapterstilts.evaluation.conditions import Conditions
from adapterstilts.evaluation.files import THRESHOLD, read_question, score_folder, write_predictions
from adapterstilts.evaluation.heads import SavedHead, meaning_of
from adapterstilts.evaluation.language_adapters import PIVOT, language_of
from adapterstilts.evaluation.load import Loaded
from adapterstilts.evaluation.neighbours import Vectors
from adapterstilts.evaluation.predict import gold_values, predict
from adapterstilts.evaluation.ranking import Pool, Ranking
from adapterstilts.formats import Prediction
from adapterstilts.formats.retrieval import QUERY
from adapterstilts.interrupt import StopRequest
from adapterstilts.model import Runtime
from adapterstilts.store.atomic import remove_leftovers
from adapterstilts.store.places import inside
from adapterstilts.tasks import Task


@dataclass(frozen=True)
class Evaluation:
    """One task's scores: the folder they lie in, and the content of its metrics.json."""

    path: Path
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Session:
    """What all tasks of one command share: the model, where it runs, retrieval's layers, the conditions.

    `tuning`: of mining, by task and language, the rows that choose the threshold, where the scored ones do not.
    `pools`: of answer retrieval, by task, the candidates of all languages. `place`: where in the run the answers go.
    """

    loaded: Loaded
    runtime: Runtime
    layers: Sequence[int]
    conditions: Conditions
    tuning: Mapping[tuple[str, str], Rows] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)
    place: str = "eval"


@dataclass(frozen=True)
class _Answers:
    """The answers to one row set: what a predictions file holds; `beside`: more columns, if there are any."""

    ids: list[str]
    gold: list[Any]
    predictions: list[Prediction]
    beside: dict[str, list[Any]] = field(default_factory=dict)


def answer_task(session: Session, many: list[Rows], head: SavedHead | None, stop: StopRequest) -> list[Evaluation]:
    """Answer and score one task in all its languages: by `head`, or (None) by searching in the session's layers.

    Languages that an earlier, interrupted command has finished are kept. Raises Interrupted after a signal.
    """
    task, run = many[0].task, session.loaded.run
    model: dict[str, Any] = {
        "run": run.record.fingerprint,
        "precision": session.runtime.precision,
        "windows": run.record.config["data"]["max_length"],
        "select_on": run.record.config["data"]["select_on"],
        "source_languages": run.source_languages,
        **session.conditions.question(many),
    }
    name = f"{task.name}-{many[0].split}{session.conditions.suffix}"
    if head is None:
        if task.name in session.pools:
            model["pool"] = session.pools[task.name].record()
        models = {f"{name}-layer{layer}": {**model, "layer": layer} for layer in session.layers}
        return _in_folders(session, many, models, _search(session, task, stop))
    session.loaded.add_head(head)
    models = {name: {**model, "head": head.name, **({"head_from": head.source} if head.source else {})}}
    return _in_folders(session, many, models, lambda rows: [_answered(session, rows, head, stop)])


def _answered(session: Session, rows: Rows, head: SavedHead, stop: StopRequest) -> _Answers:
    encoded, meaning = session.loaded.encode(rows), meaning_of(head, rows.task)
    session.loaded.speak(rows.language)
    found = predict(session.loaded.model, encoded, head.name, meaning, session.runtime, stop)
    beside = {PARTNER: list(rows.table[PARTNER])} if PARTNER in rows.table.column_names else {}
    return _Answers(rows.ids(), gold_values(encoded), found, beside)


def _search(session: Session, task: Task, stop: StopRequest) -> Callable[[Rows], list[_Answers]]:
    """Return what answers a task without a head, language by language: one set of answers a layer."""
    if task.name in session.pools:
        pool, device = session.pools[task.name], session.runtime.device
        ranking = Ranking(pool, _embedder(session, stop), session.layers, device, stop)
        return lambda rows: [_Answers(*ranked) for ranked in ranking.answer(rows)]
    search = _mined if task.format == "mining" else _found
    return lambda rows: search(session, rows, stop)


def _embedder(session: Session, stop: StopRequest) -> Callable[[Rows, Sequence[int]], dict[int, Vectors]]:
    """Return what turns rows into vectors, by layer."""

    def embed(some: Rows, layers: Sequence[int]) -> dict[int, Vectors]:
        encoded = session.loaded.encode(some)
        session.loaded.speak(language_of(some))
        return retrieval.embed(session.loaded.model.encoder, encoded, layers, session.runtime, stop)

    return embed


def _found(session: Session, rows: Rows, stop: StopRequest) -> list[_Answers]:
    """Search in every layer; the right answer to a row's query is the row's own document."""
    encoded, gold = session.loaded.encode(rows), [str(row) for row in range(len(rows))]
    vectors = _both_sides(session, encoded, stop)
    return [_Answers(rows.ids(), gold, retrieval.search(encoded, vectors[layer])) for layer in session.layers]


def _both_sides(session: Session, encoded: Encoded, stop: StopRequest) -> dict[int, Vectors]:
    """Return the vectors of English queries and of documents in the rows' language, each side's by its own adapter.

    Where those are two, everything is read twice: what stands beside a text in its pass decides its last bits, so
    only then is one adapter under two names still one.
    """
    loaded, language = session.loaded, encoded.rows.language

    def read(spoken: str) -> dict[int, Vectors]:
        loaded.speak(spoken)
        return retrieval.embed(loaded.model.encoder, encoded, session.layers, session.runtime, stop)

    documents = read(language)
    if loaded.adapters.get(language) == loaded.adapters.get(PIVOT):
        return documents
    queries = read(PIVOT)
    is_query = np.asarray(encoded.examples["part"][:])[:, None] == QUERY
    return {layer: np.where(is_query, queries[layer], documents[layer]) for layer in session.layers}


def _mined(session: Session, rows: Rows, stop: StopRequest) -> list[_Answers]:
    """Mine in every layer, with a threshold chosen in the same layer."""
    tuning = session.tuning.get((rows.task.name, rows.language))
    pool = mining.read_pool(rows)
    encoder = mining.Encoder(_embedder(session, stop), session.loaded.model.width, session.runtime.device)
    choosing = mining.read_pool(tuning) if tuning else pool
    found = mining.mine_layers(pool, choosing, session.layers, encoder, stop)
    return [_Answers(one.ids, one.gold, one.predictions, {THRESHOLD: [one.threshold] * len(one.ids)}) for one in found]


def _in_folders(
    session: Session,
    many: list[Rows],
    models: Mapping[str, Mapping[str, Any]],
    answer: Callable[[Rows], list[_Answers]],
) -> list[Evaluation]:
    """Answer language by language into one folder or several (one a layer), then score each folder.

    `models` says for each folder whose answers it holds; `answer` gives one set of answers a folder, in order.
    """
    task, split, root = many[0].task, many[0].split, session.loaded.run.path / session.place
    folders = {inside(root, name): model for name, model in models.items()}
    for folder in folders:
        (folder / "predictions").mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder, below=True)
    with progress(f"{task.name} {split}", sum(map(len, many))) as bar:
        for rows in many:
            bar.note(rows.language)
            tuning = session.tuning.get((task.name, rows.language))
            origins = {"rows": rows.origin(), **({"tuning": tuning.origin()} if tuning else {})}
            questions = {
                inside(folder / "predictions", f"{rows.language}.parquet"): {**model, **origins}
                for folder, model in folders.items()
            }
            if all(read_question(file) == question for file, question in questions.items()):
                log(f"evaluate: {task.name} {rows.language}: kept from an earlier command")
            else:
                for (file, question), found in zip(questions.items(), answer(rows), strict=True):
                    write_predictions(file, found.ids, found.gold, found.predictions, question, found.beside)
            bar.advance(len(rows))
    alarms = session.loaded.alarms
    return [Evaluation(folder, score_folder(folder, task, split, model, alarms)) for folder, model in folders.items()]
