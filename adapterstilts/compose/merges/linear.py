"""The weighted sum, exactly, in as few pairs as it needs."""

from __future__ import annotations

from collections.abc import Sequence

from adapterstilts.compose.merges import Merge, Merged
from adapterstilts.compose.merges._steps import compressed_sum, refuse_rank
from adapterstilts.compose.updates import Updates


def _combine(members: Sequence[Updates], weights: Sequence[float], rank: int | None) -> Merged:
    refuse_rank("linear", rank)
    return compressed_sum(members, weights, None)


MERGE = Merge(
    summary="the weighted sum, exactly; its rank is at most the sum of the members' ranks",
    formula="dW = sum_k w_k dW_k",
    source="task arithmetic: Ilharco et al. 2023, arXiv 2212.04089; here on updates, not on their factors A and B",
    combine=_combine,
    equal_weights=False,
    takes_rank=False,
    exact=True,
)
