"""Steps that merges share."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from adapterstilts.compose.merges import Delta, Ingredients, Layer, MergeSettings
from adapterstilts.compose.updates import Update, side_by_side
from adapterstilts.errors import UserError

THREADS = min(2, os.cpu_count() or 1)  # layers at once; no more, as a dense one takes 30 MB a member
Given = TypeVar("Given")
Made = TypeVar("Made")


def few_at_once(items: Iterable[Given], make: Callable[[Given], Made]) -> Iterator[Made]:
    """Yield what `make` gives for each item, in order, THREADS of them made side by side: BLAS holds no lock."""
    rest = iter(items)
    with ThreadPoolExecutor(THREADS) as pool:
        while few := list(itertools.islice(rest, THREADS)):
            yield from pool.map(make, few)


def weighted_sums(ingredients: Ingredients, _: MergeSettings) -> Iterator[tuple[str, Delta]]:
    """Yield the weighted sum of every layer: of factors, side by side."""
    for layer in ingredients.layers():
        yield layer.name, weighted_sum(layer, ingredients.weights)


def weighted_sum(layer: Layer, weights: Sequence[float]) -> Delta:
    """Return the sum of all members' changes times their weights; as factors where all of them are factors."""
    updates = [delta for delta in layer.deltas if isinstance(delta, Update)]
    if len(updates) == len(layer.deltas):
        return side_by_side(layer.name, list(zip(updates, weights, strict=True)))
    total = weights[0] * layer.dense(0)
    for member in range(1, len(weights)):
        total += weights[member] * layer.dense(member)
    return total


def must_share(weights: Sequence[float]) -> None:
    """Raise UserError for weights that are no shares of a mean: one below zero, or none above."""
    if min(weights) < 0 or not any(weights):
        raise UserError(
            f"this merge is a mean, and {', '.join(f'{weight:g}' for weight in weights)} are no shares of it",
            fix="give weights from 0 up, or merge with linear",
        )
