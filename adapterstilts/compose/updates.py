"""The algebra of low-rank updates, in float64 and through their factors.

A LoRA adds dW = left @ right to the weight of one Linear layer. Sums, norms, distances and best approximations
all follow from a QR of either factor and a small core between them, so that the full matrix, out x in numbers,
is never formed: an adapter of XLM-R Large takes seconds instead of minutes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapterstilts.errors import UserError

Matrix = NDArray[np.float64]

# A zero that float64 has computed from factors whose columns and rows measure l_j and r_j comes out as up to two
# roundings (2.2e-16) of sum(l_j * r_j), measured up to rank 1024. Below eight nothing can be told from zero.
_ROUNDINGS = 8 * float(np.finfo(np.float64).eps)

_NEARLY_ORTHOGONAL = 1e-11  # a condition of some hundreds


@dataclass(frozen=True)
class Update:
    """The change dW = left @ right of one Linear layer: left (out, r), right (r, in); any scale is in `left`."""

    left: Matrix
    right: Matrix

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (out, in) of dW."""
        return self.left.shape[0], self.right.shape[1]

    @property
    def rank(self) -> int:
        """How many pairs of vectors it is kept as, which may be more than dW needs."""
        return int(self.left.shape[1])


Updates = dict[str, Update]


@dataclass(frozen=True)
class Compressed:
    """An update in as few pairs as asked for, and all singular values of the one before, largest first."""

    update: Update
    singular: Matrix

    @property
    def truncation(self) -> float:
        """Exact relative error of the update: the root of the sum of dropped squares, over the norm; 0 of nothing."""
        norm = float(np.linalg.norm(self.singular))
        return float(np.linalg.norm(self.singular[self.update.rank :])) / norm if norm else 0.0


@dataclass(frozen=True)
class Distance:
    """Frobenius norms of a - b, of a and of b; what float64 cannot tell from zero is zero."""

    difference: float
    first: float
    second: float

    @property
    def relative(self) -> float:
        """The difference over the norm of b; infinite where only b is zero."""
        if self.difference == 0.0:
            return 0.0
        return self.difference / self.second if self.second else math.inf


def concatenate(members: Sequence[Updates], weights: Sequence[float]) -> Updates:
    """Return the weighted sum of `members`, its factors those of the members side by side.

    A member that lacks a layer contributes nothing to it, and neither does one of weight 0. Raises UserError for
    another number of weights than members, layers of different shapes.
    """
    if len(members) != len(weights):
        raise UserError(f"{len(weights)} weights for {len(members)} members", fix="give one weight to each member")
    pairs = list(zip(members, weights, strict=True))
    layers = dict.fromkeys(layer for member in members for layer in member)
    return {
        layer: side_by_side(layer, [(member[layer], weight) for member, weight in pairs if layer in member])
        for layer in layers
    }


def side_by_side(layer: str, parts: Sequence[tuple[Update, float]]) -> Update:
    """Return the weighted sum of updates of one layer, with their factors side by side; those of weight 0 left out."""
    shape = parts[0][0].shape
    for update, _ in parts:
        must_fit(layer, shape, update.shape)
    used = [(update, weight) for update, weight in parts if weight != 0.0]
    lefts = [np.zeros((shape[0], 0)), *(weight * update.left for update, weight in used)]
    rights = [np.zeros((0, shape[1])), *(update.right for update, _ in used)]
    return Update(np.hstack(lefts), np.vstack(rights))


def must_fit(layer: str, first: tuple[int, int], other: tuple[int, int]) -> None:
    """Raise UserError for two changes of one layer that are of different shapes."""
    if first != other:
        raise UserError(
            f"layer {layer}: one member changes a weight of {first[0]} x {first[1]}, another one of "
            f"{other[0]} x {other[1]}",
            fix="merge updates of the same base",
        )


def compress(update: Update, rank: int | None = None) -> Compressed:
    """Return the best approximation of at most `rank` pairs, with factors of equal norms, and the singular values.

    `rank`: None keeps every singular value that float64 can tell from zero (eight roundings of the size of the
    factors, see _ROUNDINGS); the others are returned as 0 and never kept, so that an update of zero has rank 0.
    Raises UserError for a rank below 1. Source: Eckart and Young 1936; no other matrix of this rank is nearer.
    """
    if rank is not None and rank < 1:
        raise UserError(f"an update cannot have rank {rank}", fix="ranks begin with 1")
    basis_out, core, basis_in = _core(update)
    vectors_out, singular, vectors_in = np.linalg.svd(core, full_matrices=False)
    singular = np.where(singular > _noise(update), singular, 0.0)
    real = int(np.count_nonzero(singular))
    kept = real if rank is None else min(rank, real)
    root = np.sqrt(singular[:kept])
    left = basis_out @ (vectors_out[:, :kept] * root)
    right = (root[:, None] * vectors_in[:kept]) @ basis_in.T
    return Compressed(Update(left, right), singular)


def compress_dense(full: Matrix, rank: int | None = None) -> Compressed:
    """Return the best approximation of at most `rank` pairs of a change given number by number, and what it has lost.

    `rank` and errors as of `compress`. The vectors of the shorter side come from an eigenvalue decomposition of full
    full^T, which takes an eighth of an SVD's time; the other factor is what they project `full` on, so that the error
    is exact even where near-equal singular values leave the vectors undecided.
    """
    if rank is not None and rank < 1:
        raise UserError(f"an update cannot have rank {rank}", fix="ranks begin with 1")
    if full.shape[0] > full.shape[1]:
        turned = compress_dense(full.T, rank)
        return Compressed(Update(turned.update.right.T, turned.update.left.T), turned.singular)
    _, vectors = np.linalg.eigh(full @ full.T)
    right = vectors.T @ full
    singular = np.linalg.norm(right, axis=1)
    order = np.argsort(-singular, kind="stable")  # largest first; below 1e-8 of the largest, eigh's order is chance
    vectors, right, singular = vectors[:, order], right[order], singular[order]
    singular = np.where(singular > _ROUNDINGS * float(np.linalg.norm(full)), singular, 0.0)
    real = int(np.count_nonzero(singular))
    kept = real if rank is None else min(rank, real)
    root = np.sqrt(singular[:kept])
    return Compressed(Update(vectors[:, :kept] * root, right[:kept] / root[:, None]), singular)


def joint_svd(updates: Sequence[Update]) -> tuple[Matrix, Matrix, list[Matrix]]:
    """Return U (out, n), S (n) and V_k^T (n, in) for each update, where [dW_1 .. dW_K] = U S [V_1^T .. V_K^T].

    n counts the singular values that float64 can tell from zero. Only the small core between QRs of the factors is
    decomposed.
    """
    basis_out, upper_out = _qr(np.hstack([update.left for update in updates]))
    ends = np.cumsum([update.rank for update in updates])[:-1]
    sides = [_qr(update.right.T) for update in updates]
    parts = np.split(upper_out, ends, axis=1)
    core = np.hstack([part @ upper_in.T for part, (_, upper_in) in zip(parts, sides, strict=True)])
    vectors_out, singular, vectors_in = np.linalg.svd(core, full_matrices=False)
    real = singular > sum(_noise(update) for update in updates)
    widths = np.cumsum([basis.shape[1] for basis, _ in sides])[:-1]
    slices = np.split(vectors_in[real], widths, axis=1)
    rights = [part @ basis.T for part, (basis, _) in zip(slices, sides, strict=True)]
    return basis_out @ vectors_out[:, real], singular[real], rights


def distance(first: Update, second: Update) -> Distance:
    """Measure how far `first` is from `second`; shapes that differ are a UserError."""
    both = side_by_side("compared", [(first, 1.0), (second, 1.0)])
    upper_out, upper_in = _upper(both.left), _upper(both.right.T)  # one QR of either side serves all three norms
    end = first.rank
    one, other = upper_out[:, :end] @ upper_in[:, :end].T, upper_out[:, end:] @ upper_in[:, end:].T
    noises = _noise(first), _noise(second)
    return Distance(_size(one - other, sum(noises)), _size(one, noises[0]), _size(other, noises[1]))


def norm(update: Update) -> float:
    """Return the Frobenius norm of dW; what float64 cannot tell from zero is zero."""
    return _size(_upper(update.left) @ _upper(update.right.T).T, _noise(update))


def _core(update: Update) -> tuple[Matrix, Matrix, Matrix]:
    """Return P, C and Q of dW = P C Q^T: P and Q have orthonormal columns, C is at most r x r."""
    basis_out, upper_out = _qr(update.left)
    basis_in, upper_in = _qr(update.right.T)
    return basis_out, upper_out @ upper_in.T, basis_in


def _size(core: Matrix, noise: float) -> float:
    size = float(np.linalg.norm(core))
    return size if size > noise else 0.0


def _upper(factor: Matrix) -> Matrix:
    quick = _quick_qr(factor)
    return quick[1] if quick else np.asarray(np.linalg.qr(factor, mode="r"), dtype=np.float64)


def _qr(factor: Matrix) -> tuple[Matrix, Matrix]:
    quick = _quick_qr(factor)
    if quick:
        return quick
    basis, upper = np.linalg.qr(factor)
    return basis, upper


def _quick_qr(factor: Matrix) -> tuple[Matrix, Matrix] | None:
    """Return Q and R by two rounds of Cholesky, four times as fast as reflections; None where that would be inexact.

    The first round is off by a rounding times the square of the condition (of columns of one length); the second sees
    by how much, and sets it right while it is small. Source: Yamamoto et al. 2015, on CholeskyQR2 (recalled).
    """
    if factor.shape[0] < 2 * factor.shape[1]:
        return None
    sizes = np.linalg.norm(factor, axis=0)
    if not (np.isfinite(sizes).all() and sizes.all()):
        return None
    try:
        first = np.linalg.cholesky((factor.T @ factor) / sizes / sizes[:, None]).T
        basis = (factor / sizes) @ np.linalg.inv(first)
        again = basis.T @ basis
        if not np.abs(again - np.eye(sizes.size)).max(initial=0.0) < _NEARLY_ORTHOGONAL:
            return None
        second = np.linalg.cholesky(again).T
    except np.linalg.LinAlgError:
        return None
    return basis @ np.linalg.inv(second), second @ first * sizes


def _noise(update: Update) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = np.linalg.norm(update.left, axis=0) * np.linalg.norm(update.right, axis=1)
        noise = _ROUNDINGS * float(sizes.sum())
    if not math.isfinite(noise):
        raise UserError("the numbers of an update are too large to compute with", fix="give smaller weights")
    return noise
