"""Which examples go through the model together.

An optimiser step takes the examples that the recipe says, in an order that depends on the seed alone. How
they are split into passes does not change the gradient (the loss is a sum over the step, divided once), so
the split is free to be cheap: examples of like length together, little padding, few passes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from adapterstilts.config.identity import derive_seed

Indices = npt.NDArray[np.int64]


def step_indices(rows: int, batch_size: int, step: int, seed: int) -> Indices:
    """Return the examples of optimiser step `step` (counted from 0): a new seeded order every epoch.

    It needs no memory of earlier steps, so a resumed run takes up the same order by its step number.
    The last step of an epoch takes what is left, as in jiant and transformers.
    """
    per_epoch = steps_per_epoch(rows, batch_size)
    epoch, position = divmod(step, per_epoch)
    order = np.random.default_rng(derive_seed(seed, "epoch", epoch)).permutation(rows)
    return order[position * batch_size : (position + 1) * batch_size]


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Return how many optimiser steps one pass over `rows` takes."""
    return -(-rows // batch_size)


def passes(lengths: npt.NDArray[np.int32], most_tokens: int, overhead: int) -> list[Indices]:
    """Split one step's examples into passes through the model, at the least cost.

    `lengths` (examples,) in tokens; a pass costs its padded tokens (its size times its longest) plus
    `overhead` tokens for being a pass at all, and may not exceed `most_tokens` unless it is one single
    example. Sorted by length, an optimal split is a split into neighbours, found by dynamic programming.
    """
    order = np.argsort(lengths, kind="stable")
    longest = lengths[order].astype(np.int64)
    count = len(order)
    cost = np.zeros(count + 1)
    cut = np.zeros(count + 1, dtype=np.int64)
    for end in range(1, count + 1):
        padded = longest[end - 1] * np.arange(end, 0, -1)  # the pass from `begin` to `end`, for every begin
        allowed = padded <= most_tokens
        allowed[-1] = True
        total = np.where(allowed, cost[:end] + padded + overhead, np.inf)
        cut[end] = int(np.argmin(total))
        cost[end] = total[cut[end]]
    return [order[begin:end] for begin, end in _pieces(cut)]


def _pieces(cut: Indices) -> list[tuple[int, int]]:
    pieces, end = [], len(cut) - 1
    while end > 0:
        pieces.append((int(cut[end]), end))
        end = int(cut[end])
    return pieces[::-1]


def by_length(lengths: npt.NDArray[np.int32], most_tokens: int) -> Iterator[Indices]:
    """Yield all examples once, longest first, in passes of at most `most_tokens` padded tokens.

    For evaluation, where order is free. Longest first: a memory limit shows at once, not at the end.
    """
    order = np.argsort(-lengths, kind="stable")
    begin = 0
    while begin < len(order):
        size = max(1, most_tokens // int(lengths[order[begin]]))
        yield order[begin : begin + size]
        begin += size
