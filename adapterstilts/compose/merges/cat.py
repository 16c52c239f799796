"""The weighted sum, exactly, with the members' own factors kept side by side."""

from __future__ import annotations

from collections.abc import Sequence

from adapterstilts.compose.merges import Merge, Merged
from adapterstilts.compose.merges._steps import refuse_rank
from adapterstilts.compose.updates import Updates, concatenate


def _combine(members: Sequence[Updates], weights: Sequence[float], rank: int | None) -> Merged:
    refuse_rank("cat", rank)
    updates = concatenate(members, weights)
    return Merged(updates, dict.fromkeys(updates, 0.0))


MERGE = Merge(
    summary="the weighted sum, exactly, as the members' factors side by side; the rank is the sum of their ranks",
    formula="dW = [w_1 B_1 .. w_K B_K] [A_1; ..; A_K]",
    source="peft's combination_type=cat (LoraModel.add_weighted_adapter)",
    combine=_combine,
    equal_weights=False,
    takes_rank=False,
    exact=True,
)
