"""The weighted sum of each member's largest entries."""

from __future__ import annotations

from collections.abc import Iterator

from adapterstilts.compose.merges import Delta, Ingredients, Merge
from adapterstilts.compose.merges._elect import TrimSettings, merged_by_rows, total, trimming


def combine(ingredients: Ingredients, settings: TrimSettings) -> Iterator[tuple[str, Delta]]:
    """Yield every layer: a pass over all layers for where to trim, a second one to add up."""
    yield from merged_by_rows(ingredients, trimming(ingredients, settings), total)


MERGE = Merge(
    summary="the weighted sum of each member's largest entries",
    formula="dW = sum_k w_k top(dW_k, density)",
    source="peft's combination_type=magnitude_prune; here on updates, not on their factors A and B",
    combine=combine,
    kept="sum",
    schema=TrimSettings,
    alone={"density": 1.0},
    methods=("lora", "full"),
)
