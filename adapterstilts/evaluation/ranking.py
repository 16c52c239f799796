"""Answers ranked in one pool of many languages, as in LAReQA (Roy et al. 2020, arXiv 2004.05484).

A question is held against the candidates of every language of the task that has rows here, whichever languages are
scored: only so does it show whether a right answer in another language lies nearer than a wrong one in the question's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from adapterstilts.console import log_once
from adapterstilts.data.rows import Rows
from adapterstilts.data.source import NoSuchRows, load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.neighbours import Vectors, both_ways, to_unit
from adapterstilts.formats import Prediction
from adapterstilts.formats.answer_retrieval import CANDIDATE, QUESTION
from adapterstilts.interrupt import StopRequest
from adapterstilts.metrics.map_at_20 import RANKED

Embed = Callable[[Rows, Sequence[int]], dict[int, Vectors]]


class Pool(NamedTuple):
    """The candidates of all languages, and by the id of every question the ids of those that answer it.

    `languages` are the row sets that they come from, in the task's order; `ids` their ids, one after the other.
    """

    languages: Sequence[Rows]
    ids: list[str]
    right: Mapping[str, list[str]]

    def record(self) -> dict[str, Any]:
        """Return what tells pools apart: each language's revision and how many candidates it has."""
        return {
            rows.language: {"candidates": len(_side(rows, CANDIDATE)), "revision": rows.revision}
            for rows in self.languages
        }


class Ranked(NamedTuple):
    """One language's answers: for each question the ids that are right and the best ones found, best first."""

    ids: list[str]
    gold: list[list[str]]
    predictions: list[Prediction]


def with_pools(tasks: Sequence[list[Rows]], mirror: str | None) -> dict[str, Pool]:
    """Return by task the pool that its questions are asked of; only answer retrieval has one.

    Languages that have no rows here are said and left out. Raises UserError for a pool that cannot be scored.
    """
    return {many[0].task.name: read_pool(_all_languages(many, mirror)) for many in tasks
            if many[0].task.format == "answer_retrieval"}  # fmt: skip


def _all_languages(many: list[Rows], mirror: str | None) -> list[Rows]:
    task, split = many[0].task, many[0].split
    found = {rows.language: rows for rows in many}
    for language in task.languages:
        if language not in found:
            try:
                found[language] = load_rows(task, language, split, mirror)
            except NoSuchRows:
                continue
    missing = [language for language in task.languages if language not in found]
    if missing:
        log_once(
            f"evaluate: {task.name}: a pool of {len(found)} languages, which is easier than that of all; "
            f"not here: {' '.join(missing)}"
        )
    return [found[language] for language in task.languages if language in found]


def read_pool(languages: Sequence[Rows]) -> Pool:
    """Return the candidates of all languages and which of them answer what.

    Raises UserError where an id stands twice, a language has no candidates or a question no right answer.
    """
    ids: list[str] = []
    right: dict[str, list[str]] = {}
    for rows in languages:
        for row in _side(rows, CANDIDATE).each():
            ids.append(row["id"])
            for question in row["questions"]:
                right.setdefault(question, []).append(row["id"])
    for rows in languages:
        _must_be_whole(rows, right)
    if len(set(ids)) < len(ids):
        raise UserError(
            f"task {languages[0].task.name}: {len(ids) - len(set(ids))} candidates have the id of another",
            where=f"in the pool of {' '.join(rows.language for rows in languages)}",
            fix="give every candidate an id of its own, in all languages",
        )
    return Pool(languages, ids, right)


def _must_be_whole(rows: Rows, right: Mapping[str, object]) -> None:
    place = f"{rows.task.repo} {rows.task.configs[rows.language]} {rows.split} ({rows.selection})"
    asked = list(_side(rows, QUESTION).table["id"])
    if absent := {QUESTION, CANDIDATE} - set(rows.table["side"]):
        raise UserError(
            f"task {rows.task.name}: language {rows.language!r} has no {' and no '.join(sorted(absent))}",
            where=place,
            fix=f"column {rows.task.columns['side']!r} must say {QUESTION} or {CANDIDATE}",
        )
    lost = [name for name in asked if name not in right]
    if lost or len(set(asked)) < len(asked):
        what = f"no candidate answers question {lost[0]!r}" if lost else "questions have the id of another"
        raise UserError(f"task {rows.task.name}: {what}", where=place, fix="fetch or import the data again")


class Ranking:
    """The pool's vectors, made once, and the search for every language's questions among them."""

    def __init__(
        self, pool: Pool, embed: Embed, layers: Sequence[int], device: torch.device, stop: StopRequest
    ) -> None:
        self._pool, self._embed, self._layers, self._device, self._stop = pool, embed, layers, device, stop
        self._vectors: dict[int, Vectors] = {}

    def answer(self, rows: Rows) -> list[Ranked]:
        """Return the answers to one language's questions, of each layer in order. Raises Interrupted after a signal."""
        if not self._vectors:
            self._vectors = self._read_candidates()
        questions = _side(rows, QUESTION)
        ids, asked = list(questions.table["id"]), self._embed(questions, self._layers)
        gold = [self._pool.right[name] for name in ids]
        return [Ranked(ids, gold, self._search(to_unit(asked[layer]), layer)) for layer in self._layers]

    def _read_candidates(self) -> dict[int, Vectors]:
        parts = [self._embed(_side(rows, CANDIDATE), self._layers) for rows in self._pool.languages]
        return {layer: to_unit(np.concatenate([part.pop(layer) for part in parts])) for layer in self._layers}

    def _search(self, asked: Vectors, layer: int) -> list[Prediction]:
        """Return the best candidates of each question, nearest first; the score is the nearest one's cosine."""
        found, _ = both_ways(asked, self._vectors[layer], RANKED, device=self._device, stop=self._stop)
        names = np.asarray(self._pool.ids, dtype=object)[found.rows]
        return [Prediction(list(best), float(cosines[0])) for best, cosines in zip(names, found.cosines, strict=True)]


def _side(rows: Rows, side: str) -> Rows:
    """Return the questions or the candidates alone; which they are is part of what their tokens are cached under."""
    chosen = [place for place, one in enumerate(rows.table["side"]) if one == side]
    return replace(rows, table=rows.table.select(chosen), selection=f"{rows.selection}, {side}s", declared=None)
