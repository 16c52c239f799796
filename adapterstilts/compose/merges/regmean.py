"""The update whose outputs are nearest to the members' own, on the inputs that each has seen in its training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import Field
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from adapterstilts.compose.merges import Delta, Ingredients, Layer, Merge, MergeSettings
from adapterstilts.compose.merges._steps import must_share
from adapterstilts.compose.updates import Matrix, Update
from adapterstilts.errors import UserError

_LEAST = 1e-12  # of the mean diagonal: what an input that never occurs weighs, so that its 0/0 is the weighted mean
_SINGULAR = 1e-10  # of a diagonal of ones: below it, an inverse has fewer than six digits


class RegMeanSettings(MergeSettings):
    """How much of what inputs have in common counts."""

    alpha: float = Field(0.9, ge=0, le=1, description="Numbers off the Grams' diagonals times this (paper: 0.9).")


def regressed(ingredients: Ingredients, settings: RegMeanSettings) -> Iterator[tuple[str, Delta]]:
    """Yield, layer by layer, the least-squares solution through the members' factors; out x in is never formed.

    Raises UserError for weights that are no shares (below zero, or all zero) and for members without Gram matrices.
    """
    must_share(ingredients.weights)
    for layer in ingredients.layers():
        yield layer.name, _solved(layer, ingredients.weights, settings.alpha)


def _solved(layer: Layer, weights: Sequence[float], alpha: float) -> Delta:
    """Return dW = sum_k dW_k G_k S^-1 with S = sum_k G_k; scaled to a diagonal of ones, S is far from singular."""
    present = [member for member, weight in enumerate(weights) if weight]
    read = [layer.statistic(member) for member in present]
    least = _LEAST * float(np.mean([np.diagonal(gram).mean() for gram in read])) or 1.0
    grams = [weights[member] * _shrunk(gram, alpha, least) for member, gram in zip(present, read, strict=True)]
    total = np.sum(grams, axis=0)
    scale = 1.0 / np.sqrt(np.diagonal(total))
    factor = _factor(layer.name, total * scale * scale[:, None])
    parts = [_factors(layer.deltas[member]) for member in present]
    moved = np.vstack([right @ gram for (_, right), gram in zip(parts, grams, strict=True)])
    right = cho_solve(factor, (moved * scale).T).T * scale if len(moved) else moved
    return Update(np.hstack([left for left, _ in parts]), right)


def _factors(delta: Delta) -> tuple[Matrix, Matrix]:
    return (delta.left, delta.right) if isinstance(delta, Update) else (np.eye(len(delta)), delta)


def _factor(layer: str, total: Matrix) -> tuple[Matrix, bool]:
    try:
        factor, lower = cho_factor(total)
    except LinAlgError:
        factor, lower = np.zeros((1, 1)), False
    if np.diagonal(factor).min() ** 2 < _SINGULAR:
        raise UserError(
            f"layer {layer}: the sum of the members' Gram matrices cannot be inverted",
            fix="measure more examples, or use a smaller alpha (--set alpha=0.9)",
        )
    return factor, lower


def _shrunk(gram: Matrix, alpha: float, least: float) -> Matrix:
    """Return a Gram matrix with what lies off its diagonal times alpha, and `least` at least on it."""
    shrunk = alpha * gram
    np.fill_diagonal(shrunk, np.maximum(np.diagonal(gram), least))
    return shrunk


MERGE = Merge(
    summary="the update whose outputs are nearest to each member's on its own inputs; needs Gram matrices",
    formula="dW = (sum_k w_k dW_k G_k) (sum_k w_k G_k)^-1",
    source="RegMean: Jin et al. 2023, arXiv 2212.09849; G_k: mean of x x^T, off its diagonal times alpha",
    combine=regressed,
    kept="exact",
    schema=RegMeanSettings,
    needs="gram",
)
