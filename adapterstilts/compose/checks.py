"""Checks for a certificate: figures on what was saved, or a UserError, after which nothing may be kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from adapterstilts.compose.combine import Merged, ingredients
from adapterstilts.compose.merges import Delta, Merge
from adapterstilts.compose.updates import Matrix, Update, Updates, concatenate, distance, norm
from adapterstilts.errors import UserError

SAVED = 1e-6  # relative; the factors are rounded to fp32, which costs up to 1.2e-7 where nothing cancels out
COMPUTED = 1e-10  # relative, in float64

Figures = dict[str, float]


def check_sum(
    saved: Updates, members: Sequence[Updates], weights: Sequence[float], truncation: Mapping[str, float]
) -> Figures:
    """Return, by layer, how far `saved` lies from the weighted sum, relative to the sum's Frobenius norm.

    That must be the stated truncation error (0 for a layer without one) within 1e-6. Raises UserError where it is
    not, and where layers are missing or too many.
    """
    expected = concatenate(members, weights)
    figures = _distances(saved, expected)
    for layer, figure in figures.items():
        stated = truncation.get(layer, 0.0)
        if not abs(figure - stated) <= SAVED:
            raise UserError(
                f"layer {layer}: what was saved is {figure:.3g} away from the weighted sum, stated: {stated:.3g}",
                where=f"allowed is a difference of {SAVED:.0e}",
                fix="where members nearly cancel out, fp32 cannot hold their factors: merge with linear, not cat",
            )
    return figures


def check_computed(merged: Merged, members: Sequence[Updates], weights: Sequence[float]) -> Figures:
    """Return, by layer, how far the merge lies from the weighted sum beyond its truncation, both in float64.

    Relative to the sum's Frobenius norm. Raises UserError above 1e-10.
    """
    found = _distances(merged.updates, concatenate(members, weights))
    figures = {layer: abs(figure - merged.truncation[layer]) for layer, figure in found.items()}
    for layer, figure in figures.items():
        if not figure <= COMPUTED:
            raise UserError(
                f"layer {layer}: the merge is {figure:.3g} away from the weighted sum, allowed: {COMPUTED:.0e}",
                fix="this is a fault of the merge, please report it",
            )
    return figures


def check_identity(merge: Merge, member: Updates, reads: Sequence[Callable[[str], Matrix]] = ()) -> Figures:
    """Return, by layer, how far the merge of `member` alone lies from it: at weight 1, with the settings for that.

    `reads`: what was measured of it, for merges that need that.

    Raises UserError above 1e-10.
    """
    given = ingredients([member], [1.0], reads=reads)
    alone = dict(merge.combine(given, merge.schema(**merge.alone)))
    _must_match(alone, member)
    figures = {layer: _apart(alone[layer], update) for layer, update in member.items()}
    for layer, figure in figures.items():
        if not figure <= COMPUTED:
            raise UserError(
                f"layer {layer}: the merge of one member is {figure:.3g} away from it, allowed: {COMPUTED:.0e}",
                fix="this is a fault of the merge, please report it",
            )
    return figures


def check_reload(reread: Updates, merged: Updates) -> Figures:
    """Return, by layer, how far what was read back lies from what was merged: the price of fp32.

    Raises UserError unless every factor is, bit for bit, the merged one in fp32 and filled up with zeros.
    """
    figures = _distances(reread, merged)
    for layer, update in merged.items():
        rank, again = update.rank, reread[layer]
        same = np.array_equal(again.left[:, :rank], update.left.astype(np.float32)) and np.array_equal(
            again.right[:rank], update.right.astype(np.float32)
        )
        if not same or again.left[:, rank:].any() or again.right[rank:].any():
            raise UserError(
                f"layer {layer}: the file does not hold what was written ({figures[layer]:.3g} away)",
                fix="check the disk, and merge again",
            )
    return figures


def _distances(found: Updates, expected: Updates) -> Figures:
    _must_match(found, expected)
    return {layer: distance(found[layer], update).relative for layer, update in expected.items()}


def _apart(found: Delta, expected: Update) -> float:
    """Return the distance of a change from an update; one given number by number is not brought to factors first."""
    if isinstance(found, Update):
        return distance(found, expected).relative
    size = norm(expected)
    difference = float(np.linalg.norm(found - expected.left @ expected.right))
    return difference / size if size else float(found.any())


def _must_match(found: Collection[str], expected: Collection[str]) -> None:
    different = sorted(set(found) ^ set(expected))
    if different:
        what = "lacks" if different[0] in expected else "has, beyond its members,"
        raise UserError(f"the merged update {what} layer {different[0]}", fix="merge again")
