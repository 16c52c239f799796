"""Trimming: where the largest share of a member's entries begins, exactly and in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from adapterstilts.compose.merges import Layer
from adapterstilts.compose.updates import Matrix, Update
from adapterstilts.config.identity import derive_seed

_BLOCK = 2**15  # numbers handled at once: as many as stay in a core's cache
_SAMPLED = 256  # one entry of so many is looked at before the first pass
_FEWEST = 4096
_DEVIATIONS = 5.0  # half a bracket, in standard errors of the sampled share: one pass in a million misses

Layers = Callable[[], Iterable[Layer]]


def row_blocks(shape: tuple[int, int]) -> Iterator[slice]:
    """Yield slices of rows that together are all of them."""
    step = max(1, _BLOCK // max(1, shape[1]))
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


def thresholds(layers: Layers, members: Sequence[int], density: float) -> dict[int, float]:
    """Return, by member, the magnitude of the smallest of its `density` x n largest entries (at least one).

    n counts the entries of the layers that the member changes at all. What equals this magnitude is as large, so all
    of it is kept. Where there are fewer entries other than zero, it is 0. One pass over the layers: a sample tells
    within which bracket the magnitude lies; the pass counts what lies above and sorts only what lies inside.
    """
    found = dict.fromkeys(members, 0.0)
    wanted = [member for member in members if density < 1.0]
    deviations = _DEVIATIONS
    samples = _samples(layers, wanted) if wanted else {}
    while wanted:
        tallies = {member: _bracket(samples[member], density, deviations) for member in wanted}
        _count(layers, tallies)
        known = {member: tally.threshold(density) for member, tally in tallies.items()}
        found.update({member: size for member, size in known.items() if size is not None})
        wanted = [member for member, size in known.items() if size is None]
        deviations *= 4
    return found


@dataclass
class _Tally:
    """What one pass has met of one member: entries, those above the bracket, and those inside it."""

    low: float
    high: float
    entries: int = 0
    above: int = 0
    inside: list[Matrix] = field(default_factory=list)

    def add(self, sizes: Matrix) -> None:
        """Count a block of magnitudes; zeros are never kept apart."""
        reached = sizes >= self.low if self.low else sizes > 0.0
        above = sizes > self.high
        self.above += int(np.count_nonzero(above))
        self.inside.append(sizes[reached & ~above])

    def threshold(self, density: float) -> float | None:
        """Return the magnitude looked for; None where it is not in the bracket."""
        rank = max(1, round(density * self.entries)) - self.above
        inside = np.concatenate([*self.inside, np.zeros(0)])
        if 1 <= rank <= inside.size:
            return float(np.partition(inside, inside.size - rank)[inside.size - rank])
        return 0.0 if rank > inside.size and self.low == 0.0 else None


def _count(layers: Layers, tallies: Mapping[int, _Tally]) -> None:
    for layer in layers():
        for member, tally in tallies.items():
            if not layer.changed_by(member):
                continue
            changed = not isinstance(layer.deltas[member], Update)  # factors of zeros are as good as none at all
            for rows in row_blocks(layer.shape):
                sizes = layer.dense(member, rows)
                np.abs(sizes, out=sizes)
                changed = changed or bool(sizes.any())
                tally.add(sizes)
            tally.entries += layer.shape[0] * layer.shape[1] if changed else 0


def _samples(layers: Layers, members: Sequence[int]) -> dict[int, Matrix]:
    """Return, by member, magnitudes of entries drawn from every layer that it changes, the largest first."""
    drawn: dict[int, list[Matrix]] = {member: [np.zeros(0)] for member in members}
    for layer in layers():
        out, into = layer.shape
        draw = np.random.default_rng(derive_seed(0, "sample", layer.name))
        count = max(out * into // _SAMPLED, min(out * into, _FEWEST))
        rows, columns = draw.integers(0, max(out, 1), count), draw.integers(0, max(into, 1), count)
        for member in members:
            sizes = np.abs(_entries(layer.deltas[member], rows, columns))
            if sizes.any():
                drawn[member].append(sizes)
    return {member: -np.sort(-np.concatenate(parts)) for member, parts in drawn.items()}


def _entries(delta: Update | Matrix, rows: np.ndarray, columns: np.ndarray) -> Matrix:
    if isinstance(delta, Update):
        return np.asarray(np.einsum("nr,rn->n", delta.left[rows], delta.right[:, columns]))
    return np.asarray(delta[rows, columns])


def _bracket(sample: Matrix, density: float, deviations: float) -> _Tally:
    """Return a tally between the sample's quantiles around `density`, open where the sample ends."""
    count = sample.size
    reach = deviations * math.sqrt(density * (1.0 - density) * count) + 2.0
    first, last = math.floor(density * count - reach), math.ceil(density * count + reach)
    high = float(sample[first]) if first >= 0 and count else math.inf
    return _Tally(float(sample[last]) if last < count else 0.0, high)
