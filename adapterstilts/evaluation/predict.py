"""Predictions for one row set, in passes of like length; only decisions are kept, never logits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch

from adapterstilts.data.batches import by_length
from adapterstilts.data.cache import Encoded
from adapterstilts.formats import Meaning, Prediction, learnable
from adapterstilts.interrupt import StopRequest
from adapterstilts.model import Runtime, TransferModel


@torch.inference_mode()
def predict(
    model: TransferModel,
    encoded: Encoded,
    head: str,
    meaning: Meaning,
    runtime: Runtime,
    stop: StopRequest,
    advance: Callable[[int], None] | None = None,
) -> list[Prediction]:
    """Return one prediction a row by the head called `head`, in the rows' order.

    Draws no random number and trains nothing. `advance` is told of every pass how many examples it had.

    Raises Interrupted between two passes if a signal has come.
    """
    format, was_training = learnable(encoded.rows.task), model.training
    model.eval()
    parts: dict[int, list[tuple[int, Any]]] = defaultdict(list)
    try:
        for indices in by_length(encoded.lengths, runtime.micro_batch_tokens):
            stop.raise_if_asked()
            examples = encoded.take(indices)
            batch = runtime.move(format.collate(examples, encoded.pad_id))
            with runtime.autocast():
                logits = model(head, batch)
            decoded = format.decode(logits, batch)
            if advance:
                advance(len(indices))
            for row, part, item in zip(examples["row"], examples["part"], decoded, strict=True):
                parts[row].append((part, item))
    finally:
        model.train(was_training)
    rows = enumerate(encoded.rows.each())
    return [format.assemble(_in_order(parts[index]), row, meaning) for index, row in rows]


def _in_order(parts: list[tuple[int, Any]]) -> list[Any]:
    return [item for _, item in sorted(parts, key=lambda pair: pair[0])]


def gold_values(encoded: Encoded) -> list[Any]:
    """Return the gold of every row, in label names or texts, in the rows' order."""
    task = encoded.rows.task
    format = learnable(task)
    return [format.gold(row, task.labels) for row in encoded.rows.each()]
