"""Bitext mining as XTREME does it on BUCC: pairs of sentences that are nearer to each other than to their neighbours.

The score of a pair is the ratio margin of Artetxe and Schwenk 2019 (arXiv 1811.01136): its cosine over the mean cosine
of both sentences with their four nearest neighbours in the other language. XTREME third_party/utils_retrieve.py,
`mine_bitext` with its defaults (mode mine, retrieval max, margin ratio, k 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from adapterstilts.data.rows import Rows
from adapterstilts.data.source import NoSuchRows, load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.neighbours import Neighbours, Vectors, both_ways, to_unit
from adapterstilts.formats import Prediction
from adapterstilts.formats.mining import SOURCE, TARGET
from adapterstilts.interrupt import StopRequest
from adapterstilts.metrics.mining_f1 import best_threshold

NEIGHBOURS = 4
_HELD = 8 << 30  # bytes of vectors at a time; a sweep over layers reads a large pool in several goes

Indices = npt.NDArray[np.int64]


class Encoder(NamedTuple):
    """What makes vectors: `embed` gives them by layer, `width` numbers each; they are compared on `device`."""

    embed: Callable[[Rows, Sequence[int]], dict[int, Vectors]]
    width: int
    device: torch.device


class Candidate(NamedTuple):
    """Two sentences that may translate each other, by their ids, and their margin."""

    source: str
    target: str
    score: float


class Found(NamedTuple):
    """What was mined in one pool: one item a source sentence, and the threshold that decided."""

    ids: list[str]
    gold: list[list[str]]
    predictions: list[Prediction]
    threshold: float


class Sentences(NamedTuple):
    """One side of a pool, each text once: `single` tells whether no other sentence reads the same."""

    rows: Rows
    ids: list[str]
    single: npt.NDArray[np.bool_]


class Pool(NamedTuple):
    """Sentences in two languages, and the gold: by the id of every source sentence the ids of its translations."""

    source: Sentences
    target: Sentences
    gold: dict[str, list[str]]

    @property
    def pairs(self) -> int:
        """How many gold pairs there are."""
        return sum(len(set(partners)) for partners in self.gold.values())


def with_tuning(
    tasks: Sequence[list[Rows]], mirror: str | None
) -> tuple[list[list[Rows]], dict[tuple[str, str], Rows]]:
    """Return the rows of every task that are scored, and by task and language those that choose a threshold.

    Mining alone has one. Dev rows choose their own; others have the task's dev rows, or rows that are marked as held
    out. Raises UserError where there are neither: chosen on the gold that it is scored by, a threshold flatters.
    """
    tuning: dict[tuple[str, str], Rows] = {}
    scored = [list(many) for many in tasks]
    for many in scored:
        for place, rows in enumerate(many):
            if rows.task.format == "mining" and rows.split != "dev":
                many[place], tuning[rows.task.name, rows.language] = _tuned(rows, mirror)
    return scored, tuning


def _tuned(rows: Rows, mirror: str | None) -> tuple[Rows, Rows]:
    if "held_out" in rows.table.column_names:
        marked = np.asarray(rows.table["held_out"][:], dtype=bool)
        kept, held_out = np.flatnonzero(~marked), np.flatnonzero(marked)
        return _part(rows, kept, "without held-out rows"), _part(rows, held_out, "held-out rows")
    try:
        return rows, load_rows(rows.task, rows.language, "dev", mirror)
    except NoSuchRows as error:
        raise UserError(
            f"task {rows.task.name}: no dev rows in language {rows.language!r} to choose the threshold on",
            where=error.what,
            fix="bring them, or choose another language",
        ) from None


def read_pool(rows: Rows) -> Pool:
    """Return the two sides of a pool and its gold.

    Raises UserError where an id stands twice, a side is empty or no two sentences belong together.
    """
    ids, sides = [str(name) for name in rows.table["id"]], list(rows.table["side"])
    source, target = (_sentences(rows, side, ids, sides) for side in (SOURCE, TARGET))
    partners = zip(ids, sides, rows.table["partners"], strict=True)
    pool = Pool(source, target, {name: list(others) for name, side, others in partners if side == SOURCE})
    place = f"{rows.task.repo} {rows.task.configs[rows.language]} {rows.split} ({rows.selection})"
    if len(set(ids)) < len(ids):
        raise UserError(
            f"task {rows.task.name}: {len(ids) - len(set(ids))} sentences have the id of another",
            where=place,
            fix="give every sentence of the pool an id of its own",
        )
    if not source.ids or not target.ids:
        raise UserError(
            f"task {rows.task.name}: one side of the pool has no sentence",
            where=f"{place}: distinct sentences of {SOURCE}: {len(source.ids)}, of {TARGET}: {len(target.ids)}",
            fix=f"column {rows.task.columns['side']!r} must say {SOURCE} or {TARGET}",
        )
    if not pool.pairs:
        raise UserError(
            f"task {rows.task.name}: no two sentences of the pool belong together, so nothing can be scored",
            where=place,
            fix="choose a split with gold pairs, or another copy of the data",
        )
    return pool


def mine_layers(
    scored: Pool, tuning: Pool, layers: Sequence[int], encoder: Encoder, stop: StopRequest
) -> Iterator[Found]:
    """Yield what is mined in every layer, its threshold chosen on `tuning` (which may be `scored` itself).

    As many layers are read at a time as fit into a few gigabytes. Raises Interrupted after a signal.
    """
    pools = [scored] if tuning is scored else [scored, tuning]
    sentences = sum(len(side.ids) for pool in pools for side in (pool.source, pool.target))
    for some in _in_goes(layers, sentences, encoder.width):
        vectors = [[encoder.embed(side.rows, some) for side in (pool.source, pool.target)] for pool in pools]
        for layer in some:
            found = [
                candidates(pool, to_unit(left.pop(layer)), to_unit(right.pop(layer)), encoder.device, stop)
                for pool, (left, right) in zip(pools, vectors, strict=True)
            ]
            yield extract(found[0], scored, choose_threshold(found[-1], tuning))


def candidates(
    pool: Pool, left: Vectors, right: Vectors, device: torch.device | str = "cpu", stop: StopRequest | None = None
) -> list[Candidate]:
    """Return the candidates of a pool by falling margin; `left` and `right` hold its sentences' vectors, of length one.

    As in XTREME, a text that stands under several ids is looked for once, and then dropped, since it cannot be said
    which of the ids is meant: gold pairs of such texts are never found (jiant keeps all of their ids).
    """
    source, target = pool.source, pool.target
    pairs, scores = mine(left, right, device=device, stop=stop)
    keep = source.single[pairs[:, 0]] & target.single[pairs[:, 1]]
    return [
        Candidate(source.ids[one], target.ids[other], float(score))
        for (one, other), score in zip(pairs[keep].tolist(), scores[keep], strict=True)
    ]


def mine(
    left: Vectors,
    right: Vectors,
    neighbours: int = NEIGHBOURS,
    *,
    device: torch.device | str = "cpu",
    stop: StopRequest | None = None,
) -> tuple[Indices, Vectors]:
    """Return pairs of rows (pairs, 2) of `left` and `right`, vectors of length one, and their margins, falling.

    Every vector of either side proposes the one of its nearest neighbours with the largest margin; the best proposals
    are taken first, and no vector twice. Margins of 0 and less are left out.
    """
    forward, backward = both_ways(left, right, neighbours, device=device, stop=stop)
    theirs, onward = _proposals(forward, backward)
    ours, back = _proposals(backward, forward)
    pairs = np.concatenate([_beside(np.arange(len(left)), theirs), _beside(ours, np.arange(len(right)))])
    scores = np.concatenate([onward, back])
    order = np.argsort(-scores, kind="stable")
    order = order[_first_of_both(pairs[order])]
    order = order[scores[order] > 0]
    return pairs[order], scores[order]


def choose_threshold(found: Sequence[Candidate], pool: Pool) -> float:
    """Return the threshold of the best F1 on the pool's gold."""
    right = [one.target in pool.gold[one.source] for one in found]
    return best_threshold([one.score for one in found], right, pool.pairs)


def extract(found: Sequence[Candidate], pool: Pool, threshold: float) -> Found:
    """Return the pairs that reach the threshold, as one prediction a source sentence; its score is the margin."""
    best: Mapping[str, Candidate] = {one.source: one for one in found}
    nothing = Candidate("", "", 0.0)
    chosen = [best.get(name, nothing) for name in pool.gold]
    predictions = [
        Prediction([one.target] if one.target and one.score >= threshold else [], one.score) for one in chosen
    ]
    return Found(list(pool.gold), list(pool.gold.values()), predictions, threshold)


def _proposals(ours: Neighbours, theirs: Neighbours) -> tuple[Indices, Vectors]:
    """Return for each vector the neighbour with the largest margin, and that margin."""
    mean, other = ours.cosines.mean(1, keepdims=True), theirs.cosines.mean(1)[ours.rows]
    margins = ours.cosines / ((mean + other) / 2)
    best = margins.argmax(1)[:, None]
    return np.take_along_axis(ours.rows, best, 1)[:, 0], np.take_along_axis(margins, best, 1)[:, 0]


def _beside(left: Indices, right: Indices) -> Indices:
    return np.stack([left, right], axis=1)


def _first_of_both(pairs: Indices) -> npt.NDArray[np.bool_]:
    """Return which pairs to take, the first ones first, so that no row of either side is in two."""
    taken = np.zeros(len(pairs), dtype=bool)
    seen: tuple[set[int], set[int]] = (set(), set())
    for place, (one, other) in enumerate(pairs.tolist()):
        if one not in seen[0] and other not in seen[1]:
            taken[place] = True
            seen[0].add(one)
            seen[1].add(other)
    return taken


def _sentences(rows: Rows, side: str, ids: Sequence[str], sides: Sequence[str]) -> Sentences:
    """Return the sentences of one side, each text under the id that it has first."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(rows.table["text"]):
        if sides[place] == side:
            places.setdefault(text.strip(), []).append(place)
    first = [same[0] for same in places.values()]
    single = np.array([len(same) == 1 for same in places.values()], dtype=bool)
    return Sentences(
        _part(rows, np.array(first, dtype=np.int64), f"{side}, distinct"), [ids[one] for one in first], single
    )


def _part(rows: Rows, chosen: Indices, how: str) -> Rows:
    """Return the chosen rows; what they are is part of what their tokens are cached under."""
    return replace(rows, table=rows.table.select(chosen), selection=f"{rows.selection}, {how}", declared=None)


def _in_goes(layers: Sequence[int], sentences: int, width: int) -> Iterator[Sequence[int]]:
    """Yield the layers, so many at a time that their vectors (sentences, width) stay within what may be held."""
    size = max(1, _HELD // max(1, sentences * width * 4))
    return (layers[begin : begin + size] for begin in range(0, len(layers), size))
