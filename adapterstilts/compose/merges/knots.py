"""KnOTS: bring all members into one space by an SVD of their updates side by side, and merge them there by TIES."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from pydantic import Field

from adapterstilts.compose.merges import Delta, Ingredients, Layer, Merge, MergeSettings
from adapterstilts.compose.merges._elect import Join, Majority, electing, joined, keeping, present
from adapterstilts.compose.merges._steps import few_at_once
from adapterstilts.compose.merges._trim import thresholds
from adapterstilts.compose.updates import Update, compress_dense, joint_svd


class KnotsSettings(MergeSettings):
    """What is trimmed in the common space, how signs are elected there, how the result is scaled."""

    density: float = Field(0.2, gt=0, le=1, description="Share of each V_k's entries that is kept: the largest ones.")
    majority: Majority = Field("total", description="Sign of the sum of the entries, or of the sum of their signs.")
    scale: float = Field(1.0, allow_inf_nan=False, description="Factor on the result (TIES' lambda).")


def combine(ingredients: Ingredients, settings: KnotsSettings) -> Iterator[tuple[str, Delta]]:
    """Yield every layer as factors; the members' changes are never formed."""
    join = electing(settings.majority, settings.scale)
    weights = {member: ingredients.weights[member] for member in present(ingredients)}
    yield from few_at_once(
        ingredients.layers(), lambda layer: (layer.name, _merged(layer, weights, settings.density, join))
    )


def _merged(layer: Layer, weights: Mapping[int, float], density: float, join: Join) -> Update:
    members = [member for member in weights if layer.changed_by(member)]
    if not members:
        return Update(np.zeros((layer.shape[0], 0)), np.zeros((0, layer.shape[1])))
    basis, singular, rights = joint_svd([_factors(layer.deltas[member]) for member in members])
    space = Layer(layer.name, rights)
    sieve = keeping(thresholds(lambda: [space], range(len(members)), density))
    return Update(basis * singular, joined(space, {k: weights[one] for k, one in enumerate(members)}, sieve, join))


def _factors(delta: Delta) -> Update:
    return delta if isinstance(delta, Update) else compress_dense(delta).update


MERGE = Merge(
    summary="TIES in a space that an SVD of the members side by side gives them in common",
    formula="dW = U S V^T, V = TIES of V_k at w_k within a layer; U S [V_1^T .. V_K^T] = svd([dW_1 .. dW_K])",
    source="Stoica et al. 2024, arXiv 2410.19735, with TIES; through the factors, dW is never formed",
    combine=combine,
    kept="sum",
    schema=KnotsSettings,
    alone={"density": 1.0},
)
