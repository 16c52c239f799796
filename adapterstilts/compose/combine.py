"""Merging by one of the algorithms in `merges/`, layer by layer, at a stated error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from adapterstilts.compose.merges import Delta, Layer, Merge, MergeSettings
from adapterstilts.compose.merges._steps import few_at_once
from adapterstilts.compose.updates import Compressed, Matrix, Update, Updates, compress, compress_dense, must_fit, norm
from adapterstilts.errors import UserError


@dataclass(frozen=True)
class LoraIngredients:
    """The updates of LoRA members; made by `ingredients`, which checks them."""

    members: Sequence[Updates]
    weights: Sequence[float]
    digests: Sequence[str]
    reads: Sequence[Callable[[str], Matrix]] = ()

    def layers(self) -> Iterator[Layer]:
        """Yield every layer that some member changes, in the order of their first appearance."""
        for name in dict.fromkeys(name for member in self.members for name in member):
            shape = next(member[name].shape for member in self.members if name in member)
            nothing = Update(np.zeros((shape[0], 0)), np.zeros((0, shape[1])))
            yield Layer(name, [member.get(name, nothing) for member in self.members], self.reads)


@dataclass(frozen=True)
class Merged:
    """The merged update; by layer, its distance from the one before its rank was cut (0 to 1), and that one's norm."""

    updates: Updates
    truncation: dict[str, float]
    norms: dict[str, float]


def ingredients(
    members: Sequence[Updates],
    weights: Sequence[float],
    digests: Sequence[str] | None = None,
    reads: Sequence[Callable[[str], Matrix]] = (),
) -> LoraIngredients:
    """Return what a merge takes. `digests`: None means the members' places. `reads`: see `Layer`.

    Raises UserError for no members, another number of weights, a weight that is not finite, layers of two shapes.
    """
    if not members or len(members) != len(weights):
        raise UserError(f"{len(weights)} weights for {len(members)} members", fix="give one weight to each member")
    bad = [weight for weight in weights if not math.isfinite(weight)]
    if bad:
        raise UserError(f"a member cannot have the weight {bad[0]}", fix="weights are finite numbers")
    shapes: dict[str, tuple[int, int]] = {}
    for member in members:
        for layer, update in member.items():
            must_fit(layer, shapes.setdefault(layer, update.shape), update.shape)
    return LoraIngredients(members, weights, digests or [str(place) for place in range(len(members))], reads)


def combine(merge: Merge, given: LoraIngredients, settings: MergeSettings, rank: int | None = None) -> Merged:
    """Merge LoRA members and return the merged update, in float64, with its error.

    `rank`: of merges that take one; None means as the merge says (`Merge.kept`). Raises UserError for a rank that the
    merge does not take, and for weights that are not 1/K each where all members weigh alike.
    """
    if rank is not None and not merge.takes_rank:
        raise UserError(f"this merge takes no rank, but {rank} was given", fix="leave it out, or merge with svd")
    count = len(given.weights)
    if merge.equal_weights and not all(math.isclose(weight * count, 1.0, rel_tol=1e-12) for weight in given.weights):
        raise UserError(
            f"this merge weighs each of {count} members 1/{count}, but {list(given.weights)} was given",
            fix="leave the weights out, or merge with linear",
        )
    wanted = _rank(merge, given.members) if rank is None else rank
    merged = Merged({}, {}, {})
    layers = merge.combine(given, settings)
    for name, kept, before in few_at_once(layers, lambda one: (one[0], *_kept(merge, one[1], wanted))):
        merged.updates[name], merged.truncation[name], merged.norms[name] = kept.update, kept.truncation, before
    return merged


def _rank(merge: Merge, members: Sequence[Updates]) -> int | None:
    """Return the rank that a merge keeps when none is asked for; None: what is needed."""
    ranks = [max((update.rank for update in member.values()), default=0) for member in members]
    if merge.kept == "largest":
        return max(1, *ranks)
    return max(1, sum(ranks)) if merge.kept == "sum" else None


def _kept(merge: Merge, delta: Delta, rank: int | None) -> tuple[Compressed, float]:
    """Return what is kept of one layer, and the norm of all of it."""
    if isinstance(delta, Update) and merge.kept == "factors":
        return Compressed(delta, np.zeros(0)), norm(delta)
    compressed = compress(delta, rank) if isinstance(delta, Update) else compress_dense(delta, rank)
    return compressed, float(np.linalg.norm(compressed.singular))
