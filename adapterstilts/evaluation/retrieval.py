"""Retrieval without training: sentences as mean states of one layer, neighbours by cosine, exactly.

Layer 0 is the embeddings and layer N the output of the Nth block, as in transformers' `hidden_states`. The
mean is over all attended tokens, the special ones included (jiant's MeanPoolerHead). XTREME's Tatoeba run
reads layer 14 of XLM-R Large's 24 (there counted 13, from 0).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from adapterstilts.data.batches import by_length
from adapterstilts.data.cache import Encoded
from adapterstilts.errors import UserError
from adapterstilts.evaluation.neighbours import Vectors, nearest
from adapterstilts.formats import Batch, Prediction, formats
from adapterstilts.interrupt import StopRequest
from adapterstilts.model import Runtime, tokens_of

Layer = int | Literal["sweep"] | None

_USUAL = 14 / 24  # XTREME's and jiant's layer, as a share of XLM-R Large's depth


def usual_layer(depth: int) -> int:
    """Return XTREME's layer, at the same share of an encoder of `depth` blocks."""
    return round(_USUAL * depth)


def choose_layers(encoder: nn.Module, wanted: Layer) -> list[int]:
    """Return the layers to read: one, or all for `sweep`; None is XTREME's, at the same share of the depth."""
    config: Any = encoder.config
    depth = int(config.num_hidden_layers)
    if wanted == "sweep":
        return list(range(depth + 1))
    layer = usual_layer(depth) if wanted is None else wanted
    if not 0 <= layer <= depth:
        raise UserError(f"there is no layer {layer}", fix=f"use --layer 0 (embeddings) to {depth}, or sweep")
    return [layer]


@torch.inference_mode()
def embed(
    encoder: nn.Module, encoded: Encoded, layers: Sequence[int], runtime: Runtime, stop: StopRequest
) -> dict[int, Vectors]:
    """Return, for each layer, one vector an encoded example: (examples, hidden), fp32.

    Only the blocks up to the highest layer are run. Raises Interrupted between two passes after a signal.
    """
    format = formats.get(encoded.rows.task.format)
    vectors: dict[int, Vectors] = {}
    with _recorded(encoder, layers) as states:
        for indices in by_length(encoded.lengths, runtime.micro_batch_tokens):
            stop.raise_if_asked()
            batch = runtime.move(format.collate(encoded.take(indices), encoded.pad_id))
            with runtime.autocast():
                encoder(**tokens_of(batch))
            for layer in layers:
                means = _mean_state(states[layer], batch).cpu().numpy()
                held = vectors.setdefault(layer, np.zeros((len(encoded), means.shape[1]), np.float32))
                held[indices] = means
    return vectors


def search(encoded: Encoded, vectors: Vectors) -> list[Prediction]:
    """Return for each row's query the number of the row whose document is nearest."""
    parts = np.asarray(encoded.examples["part"][:])
    order = np.argsort(np.asarray(encoded.examples["row"][:])[parts == 0], kind="stable")
    queries, documents = vectors[parts == 0][order], vectors[parts == 1][order]
    rows, cosines = nearest(queries, documents)
    return [Prediction(str(row), float(cosine)) for row, cosine in zip(rows, cosines, strict=True)]


def _mean_state(states: Tensor, batch: Batch) -> Tensor:
    """Average states (examples, length, hidden) over attended tokens, in fp32."""
    states = states.float()
    if "attention_mask" not in batch:
        return states.mean(1)
    mask = batch["attention_mask"].unsqueeze(-1).float()
    return (states * mask).sum(1) / mask.sum(1)


@contextmanager
def _recorded(encoder: nn.Module, layers: Sequence[int]) -> Iterator[dict[int, Tensor]]:
    """Run only the encoder's blocks that `layers` need, and record their states, pass by pass.

    transformers' own output_hidden_states counts on all blocks being there (version 5: for good, at the first call).
    """
    stack: Any = next(module for name, module in encoder.named_modules() if name.split(".")[-1] == "encoder")
    states: dict[int, Tensor] = {}
    whole, needed = stack.layer, max(1, *layers)

    def record(layer: int, block: nn.Module) -> RemovableHandle:
        if layer == 0:
            return block.register_forward_pre_hook(lambda _, given: states.update({0: given[0]}))
        return block.register_forward_hook(
            lambda _, given, found: states.update({layer: found[0] if isinstance(found, tuple) else found})
        )

    hooks = [record(layer, whole[max(0, layer - 1)]) for layer in layers]
    stack.layer = whole[:needed]
    try:
        yield states
    finally:
        stack.layer = whole
        for hook in hooks:
            hook.remove()
