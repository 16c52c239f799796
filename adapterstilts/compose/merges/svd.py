"""The best approximation of the weighted sum at a given rank."""

from __future__ import annotations

from adapterstilts.compose.merges import Merge
from adapterstilts.compose.merges._steps import weighted_sums

MERGE = Merge(
    summary="the nearest update to the weighted sum at a rank; without one, at the largest rank of the members",
    formula="dW = argmin over rank R of |sum_k w_k dW_k - dW|_F",
    source="Eckart and Young 1936; the same result as peft's combination_type=svd, without forming dW",
    combine=weighted_sums,
    kept="largest",
    linear=True,
)
