"""How far members agree before they are merged: in the signs of their changes, and in the directions they use."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from adapterstilts.compose.merges import Ingredients, Layer
from adapterstilts.compose.updates import Matrix, Update, compress, compress_dense
from adapterstilts.config.identity import derive_seed

ROWS = 32  # of a layer, looked at for its signs: of XLM-R Large's, 32,768 numbers at least
Figures = dict[str, float | None]


def agreement(given: Ingredients) -> dict[str, Figures]:
    """Return by layer, of the members with a weight, three figures from 0 to 1; None where fewer than two change it.

    `sign_conflict`: the share of all weighted changes, by magnitude, in entries where two members differ in sign; on
    ROWS rows drawn by the layer's name. `overlap_out`, `overlap_in`: the mean squared cosine of the principal angles
    between two members' column or row spaces, over all pairs; 1 where one space holds the other, 0 at right angles.
    """
    weights = {member: weight for member, weight in enumerate(given.weights) if weight != 0.0}
    return {layer.name: _figures(layer, weights) for layer in given.layers()}


def overall(layers: Mapping[str, Figures]) -> Figures:
    """Return the mean of each figure over the layers that have it."""
    figures: Figures = {}
    for key in ("sign_conflict", "overlap_out", "overlap_in"):
        known = [one[key] for one in layers.values() if one[key] is not None]
        figures[key] = float(np.mean(np.array(known, dtype=np.float64))) if known else None
    return figures


def _figures(layer: Layer, weights: Mapping[int, float]) -> Figures:
    spaces = {member: _spaces(layer, member) for member in weights if layer.changed_by(member)}
    changing = [member for member, (out, _) in spaces.items() if out.size]
    if len(changing) < 2:
        return dict.fromkeys(("sign_conflict", "overlap_out", "overlap_in"))
    outs, ins = ([spaces[member][side] for member in changing] for side in (0, 1))
    return {
        "sign_conflict": _conflict(layer, {member: weights[member] for member in changing}),
        "overlap_out": _overlap(outs),
        "overlap_in": _overlap(ins),
    }


def _conflict(layer: Layer, weights: Mapping[int, float]) -> float:
    draw = np.random.default_rng(derive_seed(0, "rows", layer.name))
    rows = np.sort(draw.permutation(layer.shape[0])[:ROWS])
    up, down = np.zeros((rows.size, layer.shape[1])), np.zeros((rows.size, layer.shape[1]))
    for member, weight in weights.items():
        delta = layer.deltas[member]
        part = weight * (delta.left[rows] @ delta.right if isinstance(delta, Update) else delta[rows])
        up += np.maximum(part, 0.0)
        down += np.maximum(-part, 0.0)
    whole = up + down
    total = float(whole.sum())
    return float(whole[(up > 0.0) & (down > 0.0)].sum()) / total if total else 0.0


def _spaces(layer: Layer, member: int) -> tuple[Matrix, Matrix]:
    """Return orthonormal bases of one change's column space (out, r) and row space (in, r)."""
    delta = layer.deltas[member]
    update = (compress(delta) if isinstance(delta, Update) else compress_dense(delta)).update
    return update.left / np.linalg.norm(update.left, axis=0), update.right.T / np.linalg.norm(update.right, axis=1)


def _overlap(bases: Sequence[Matrix]) -> float:
    pairs = itertools.combinations(bases, 2)
    return float(np.mean([np.linalg.norm(a.T @ b) ** 2 / min(a.shape[1], b.shape[1]) for a, b in pairs]))
