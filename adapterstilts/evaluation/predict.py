"""Predictions for one row set, in passes of like length; only decisions are kept, never logits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch

from adapterstilts.console import Bar
from adapterstilts.data.batches import by_length
from adapterstilts.data.cache import Encoded
from adapterstilts.formats import Prediction
from adapterstilts.interrupt import StopRequest
from adapterstilts.model import Runtime, TransferModel


@torch.inference_mode()
def predict(
    model: TransferModel,
    encoded: Encoded,
    labels: Sequence[str],
    runtime: Runtime,
    stop: StopRequest,
    bar: Bar | None = None,
) -> list[Prediction]:
    """Return one prediction a row, in the rows' order. Draws no random number and trains nothing.

    Raises Interrupted between two passes if a signal has come.
    """
    was_training = model.training
    model.eval()
    parts: dict[int, list[tuple[int, Any]]] = defaultdict(list)
    try:
        for indices in by_length(encoded.lengths, runtime.micro_batch_tokens):
            stop.raise_if_asked()
            examples = encoded.take(indices)
            batch = runtime.move(encoded.format.collate(examples, encoded.pad_id))
            with runtime.autocast():
                logits = model(encoded.rows.task.name, batch)
            decoded = encoded.format.decode(logits, batch)
            for row, part, item in zip(examples["row"], examples["part"], decoded, strict=True):
                parts[row].append((part, item))
            if bar:
                bar.advance(len(indices))
    finally:
        model.train(was_training)
    return [_row(encoded, parts[row], labels) for row in range(len(encoded.rows))]


def _row(encoded: Encoded, parts: list[tuple[int, Any]], labels: Sequence[str]) -> Prediction:
    ordered = [item for _, item in sorted(parts, key=lambda pair: pair[0])]
    return encoded.format.assemble(ordered, labels)


def gold_values(encoded: Encoded) -> list[Any]:
    """Return the gold of every row, in label names, in the rows' order."""
    rows, format = encoded.rows, encoded.format
    raw = rows.table[format.label_field]
    return [format.gold(rows.labels.read(value), rows.task.labels) for value in raw]
