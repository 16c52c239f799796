"""The weighted sum, exactly, in as few pairs as it needs."""

from __future__ import annotations

from adapterstilts.compose.merges import Merge
from adapterstilts.compose.merges._steps import weighted_sums

MERGE = Merge(
    summary="the weighted sum, exactly; a negative weight takes a task away; its rank is at most the sum of the ranks",
    formula="dW = sum_k w_k dW_k",
    source="task arithmetic: Ilharco et al. 2023, arXiv 2212.04089; here on updates, not on their factors A and B",
    combine=weighted_sums,
    kept="exact",
    linear=True,
    methods=("lora", "full"),
)
