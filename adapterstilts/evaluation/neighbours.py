"""The nearest neighbours of many vectors among many others, exactly, in memory that does not grow with their product.

Every pair is compared, a block of one side with a block of the other. Of a block only the maxima of groups of cosines
are read for every vector; most tell that no new neighbour is among them, and only the other groups are looked through.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from adapterstilts.errors import UserError
from adapterstilts.interrupt import StopRequest

Vectors = npt.NDArray[np.float32]
BLOCK = 4096  # vectors of each side at a time: their cosines take 64 MiB
_GROUP = 64


class Neighbours(NamedTuple):
    """The nearest rows of the other side, (vectors, k), and their cosines, falling; of equals the first is first."""

    rows: npt.NDArray[np.int64]
    cosines: Vectors


def to_unit(vectors: Vectors) -> Vectors:
    """Bring every vector (n, hidden) to length one, in place, and return them; a vector of zeros stays one.

    Raises UserError where a vector has a number that is none.
    """
    for part in _slices(len(vectors), BLOCK):
        lengths = np.linalg.norm(vectors[part], axis=1, keepdims=True)
        if not np.isfinite(lengths).all():
            raise UserError(
                "the encoder's states have no finite length, so nothing can be compared by them",
                fix="its training has diverged, or another --precision is needed",
            )
        vectors[part] /= np.maximum(lengths, 1e-12)
    return vectors


@torch.inference_mode()
def both_ways(
    left: Vectors,
    right: Vectors,
    count: int,
    *,
    block: int = BLOCK,
    device: torch.device | str = "cpu",
    stop: StopRequest | None = None,
) -> tuple[Neighbours, Neighbours]:
    """Return the `count` nearest of `right` for each of `left`, and of `left` for each of `right`.

    `left` (n, hidden), `right` (m, hidden), all of length one (`to_unit`). Both directions come from the same products,
    in fp32. Where a side has fewer than `count`, all of it. Beside the vectors a few blocks are held. Raises
    Interrupted between two blocks after a signal.
    """
    device = torch.device(device)
    forward, backward = (
        _Best(len(left), min(count, len(right)), device),
        _Best(len(right), min(count, len(left)), device),
    )
    room = torch.empty(min(block, len(left)) * min(block, len(right)), device=device)
    for rows in _slices(len(left), block):
        mine = torch.from_numpy(left[rows]).to(device)
        for columns in _slices(len(right), block):
            if stop:
                stop.raise_if_asked()
            theirs = torch.from_numpy(right[columns]).to(device)
            cosines = room[: len(mine) * len(theirs)].view(len(mine), len(theirs))
            torch.mm(mine, theirs.T, out=cosines)
            forward.take_in(rows, cosines, _maxima(cosines, 1), columns.start)
            backward.take_in(columns, cosines.T, _maxima(cosines, 0).T, rows.start)
    return forward.found(), backward.found()


def nearest(queries: Vectors, index: Vectors, block: int = BLOCK) -> tuple[npt.NDArray[np.int64], Vectors]:
    """Return for each query the row of `index` with the largest cosine, and that cosine.

    `queries` (q, hidden), `index` (n, hidden), of any lengths. Of equals the first row wins.
    """
    found, _ = both_ways(to_unit(queries.copy()), to_unit(index.copy()), 1, block=block)
    return found.rows[:, 0], found.cosines[:, 0]


class _Best:
    """The best of what each vector has been compared with so far."""

    def __init__(self, vectors: int, count: int, device: torch.device) -> None:
        self.cosines = torch.full((vectors, count), -torch.inf, device=device)
        self.rows = torch.zeros((vectors, count), dtype=torch.int64, device=device)

    def take_in(self, part: slice, cosines: Tensor, groups: Tensor, first: int) -> None:
        """Take in the cosines (vectors of `part`, others) with the other side's rows from `first` on, later ones last.

        `groups` (vectors, groups): the maxima of as many groups of the others, side by side and of one width.
        """
        count, width = self.cosines.shape[1], cosines.shape[1] // groups.shape[1]
        news = (groups.amax(1) > self.cosines[part, -1]).nonzero()
        if not len(news):
            return
        # The k largest lie in the k groups of the largest maxima, read in their order: of equals the first wins.
        held = _largest(groups[news[:, 0]], count)[1].sort(1).values
        places = (held.unsqueeze(2) * width + torch.arange(width, device=held.device)).flatten(1)
        values, among = _largest(cosines[news, places], count)
        mine = news[:, 0] + part.start
        values = torch.cat([self.cosines[mine], values], 1)
        rows = torch.cat([self.rows[mine], places.gather(1, among) + first], 1)
        order = values.argsort(dim=1, descending=True, stable=True)[:, :count]
        self.cosines[mine], self.rows[mine] = values.gather(1, order), rows.gather(1, order)

    def found(self) -> Neighbours:
        """Return the neighbours as arrays."""
        return Neighbours(self.rows.cpu().numpy(), self.cosines.cpu().numpy())


def _maxima(cosines: Tensor, side: int) -> Tensor:
    """Return the maxima of neighbouring groups along one side of a block; read as it lies, a block is read fast."""
    width = math.gcd(cosines.shape[side], _GROUP)
    rows, columns = cosines.shape
    shape = (rows, columns // width, width) if side else (rows // width, width, columns)
    return cosines.view(shape).amax(side + 1)


def _largest(cosines: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the largest of each row and their places; of equals the first, which topk does not promise.

    What has been found is struck out of `cosines`.
    """
    values, places = [], []
    for _ in range(min(count, cosines.shape[1])):
        value, place = cosines.max(1, keepdim=True)
        cosines.scatter_(1, place, -torch.inf)
        values.append(value)
        places.append(place)
    return torch.cat(values, 1), torch.cat(places, 1)


def _slices(total: int, size: int) -> Iterator[slice]:
    return (slice(begin, min(begin + size, total)) for begin in range(0, total, size))
