"""TIES: trim each member, elect a sign for every entry, average those that have it."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from adapterstilts.compose.merges import Delta, Ingredients, Merge
from adapterstilts.compose.merges._elect import Majority, TrimSettings, electing, merged_by_rows, trimming


class TiesSettings(TrimSettings):
    """What is trimmed, how signs are elected, how the result is scaled."""

    majority: Majority = Field("total", description="Sign of the sum of the entries, or of the sum of their signs.")
    scale: float = Field(1.0, allow_inf_nan=False, description="Factor on the result (the paper's lambda).")


def combine(ingredients: Ingredients, settings: TiesSettings) -> Iterator[tuple[str, Delta]]:
    """Yield every layer merged by TIES: a pass over all layers for where to trim, a second one to merge."""
    yield from merged_by_rows(ingredients, trimming(ingredients, settings), electing(settings.majority, settings.scale))


MERGE = Merge(
    summary="each member's largest entries; of these, entry by entry, the mean of those that have the elected sign",
    formula="dW = scale * mean of w_k t_k over k with sgn(w_k t_k) = sgn(sum_j w_j t_j); t_k = top(dW_k, density)",
    source="Yadav et al. 2023, arXiv 2306.01708; where no sign wins, the entry is 0; equal magnitudes stay together",
    combine=combine,
    kept="sum",
    schema=TiesSettings,
    alone={"density": 1.0},
    methods=("lora", "full"),
)
