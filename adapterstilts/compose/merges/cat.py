"""The weighted sum, exactly, with the members' own factors kept side by side."""

from __future__ import annotations

from adapterstilts.compose.merges import Merge
from adapterstilts.compose.merges._steps import weighted_sums

MERGE = Merge(
    summary="the weighted sum, exactly, as the members' factors side by side; the rank is the sum of their ranks",
    formula="dW = [w_1 B_1 .. w_K B_K] [A_1; ..; A_K]",
    source="peft's combination_type=cat (LoraModel.add_weighted_adapter)",
    combine=weighted_sums,
    kept="factors",
    linear=True,
)
