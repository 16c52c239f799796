"""The best approximation of the weighted sum at a given rank."""

from __future__ import annotations

from collections.abc import Sequence

from adapterstilts.compose.merges import Merge, Merged
from adapterstilts.compose.merges._steps import compressed_sum
from adapterstilts.compose.updates import Updates


def _combine(members: Sequence[Updates], weights: Sequence[float], rank: int | None) -> Merged:
    largest = max((update.rank for member in members for update in member.values()), default=1)
    return compressed_sum(members, weights, max(1, largest) if rank is None else rank)


MERGE = Merge(
    summary="the nearest update to the weighted sum at a rank; without one, at the largest rank of the members",
    formula="dW = argmin over rank R of |sum_k w_k dW_k - dW|_F",
    source="Eckart and Young 1936; the same result as peft's combination_type=svd, without forming dW",
    combine=_combine,
    equal_weights=False,
    takes_rank=True,
    exact=False,
)
