"""The plain mean of the members, exactly."""

from __future__ import annotations

from adapterstilts.compose.merges import Merge
from adapterstilts.compose.merges._steps import weighted_sums

MERGE = Merge(
    summary="the plain mean, exactly; its rank is at most the sum of the members' ranks",
    formula="dW = 1/K sum_k dW_k",
    source="uniform soup: Wortsman et al. 2022, arXiv 2203.05482; here on updates, not on their factors A and B",
    combine=weighted_sums,
    kept="exact",
    linear=True,
    equal_weights=True,
    methods=("lora", "bottleneck", "full"),
)
