"""DARE in the place of trimming, then TIES: elect a sign for every entry, average those that have it."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from adapterstilts.compose.merges import Delta, Ingredients, Merge
from adapterstilts.compose.merges._elect import DropSettings, Majority, dropping, electing, merged_by_rows


class DareTiesSettings(DropSettings):
    """What is dropped, and how signs are elected."""

    majority: Majority = Field("total", description="Sign of the sum of the entries, or of the sum of their signs.")


def combine(ingredients: Ingredients, settings: DareTiesSettings) -> Iterator[tuple[str, Delta]]:
    """Yield every layer; the draws follow seed, layer and member, so no order has an effect."""
    yield from merged_by_rows(ingredients, dropping(ingredients, settings), electing(settings.majority))


MERGE = Merge(
    summary="a random share of each member's entries, scaled up; of these the mean of those that have the elected sign",
    formula="dW = mean of w_k t_k over k with sgn(w_k t_k) = sgn(sum_j w_j t_j); "
    "t_k = drop(dW_k, 1 - density) / density",
    source="Yu et al. 2023, arXiv 2311.03099, section on merging; signs as in arXiv 2306.01708; default density ours",
    combine=combine,
    kept="sum",
    schema=DareTiesSettings,
    alone={"density": 1.0},
    methods=("lora", "full"),
)
