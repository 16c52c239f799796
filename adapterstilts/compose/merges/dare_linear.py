"""DARE: drop entries by chance, scale up the others, add the members up."""

from __future__ import annotations

from collections.abc import Iterator

from adapterstilts.compose.merges import Delta, Ingredients, Merge
from adapterstilts.compose.merges._elect import DropSettings, dropping, merged_by_rows, total


def combine(ingredients: Ingredients, settings: DropSettings) -> Iterator[tuple[str, Delta]]:
    """Yield every layer; the draws follow seed, layer and member, so no order has an effect."""
    yield from merged_by_rows(ingredients, dropping(ingredients, settings), total)


MERGE = Merge(
    summary="the weighted sum of a random share of each member's entries, scaled up",
    formula="dW = sum_k w_k drop(dW_k, 1 - density) / density",
    source="Yu et al. 2023, arXiv 2311.03099; on updates, not on their factors; the default density is ours",
    combine=combine,
    kept="sum",
    schema=DropSettings,
    alone={"density": 1.0},
    methods=("lora", "full"),
)
