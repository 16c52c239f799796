"""The mean of the members number by number, each weighed by how much its likelihood depends on the number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import Field

from adapterstilts.compose.merges import Delta, Ingredients, Layer, Merge, MergeSettings
from adapterstilts.compose.merges._steps import must_share


class FisherSettings(MergeSettings):
    """The least that a number counts."""

    floor: float = Field(
        1e-6, gt=0, description="The least information of a number, as a share of the layer's mean over the members."
    )


def weighed(ingredients: Ingredients, settings: FisherSettings) -> Iterator[tuple[str, Delta]]:
    """Yield, layer by layer, the mean weighed by Fisher information; where no member has any, the weighted mean.

    Raises UserError for weights that are no shares (below zero, or all zero) and for members without Fisher
    information.
    """
    must_share(ingredients.weights)
    for layer in ingredients.layers():
        present = [(member, weight) for member, weight in enumerate(ingredients.weights) if weight]
        least = _least(layer, [member for member, _ in present], settings.floor)
        above, below = np.zeros(()), np.zeros(())
        for member, weight in present:
            information = weight * np.maximum(layer.statistic(member), least)
            above = above + information * layer.dense(member)
            below = below + information
        yield layer.name, above / below


def _least(layer: Layer, members: Sequence[int], floor: float) -> float:
    means = [float(layer.statistic(member).mean()) for member in members]
    return floor * (sum(means) / len(means)) or 1.0


MERGE = Merge(
    summary="the mean, number by number, weighed by Fisher information; at a rank as svd; needs that information",
    formula="dW = sum_k w_k F_k * dW_k / sum_k w_k F_k",
    source="Matena and Raffel 2022, arXiv 2111.09832; F_k of the numbers of dW, with a floor",
    combine=weighed,
    kept="largest",
    schema=FisherSettings,
    needs="fisher",
    methods=("lora", "bottleneck"),
)
