"""What merges want to know of a run on its own rows: Gram matrices of inputs, Fisher information of weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from adapterstilts.compose.statistics import input_of
from adapterstilts.config.identity import derive_seed
from adapterstilts.data.batches import Indices, by_length
from adapterstilts.data.cache import Encoded
from adapterstilts.errors import UserError
from adapterstilts.formats import Batch, learnable
from adapterstilts.formats.tagging import IGNORED
from adapterstilts.interrupt import StopRequest
from adapterstilts.methods.lora import place_of
from adapterstilts.model import Runtime, TransferModel

Labels = Literal["gold", "model"]
Advance = Callable[[int], None]
_LINEAR = re.compile(r"(?:.*\.)?(encoder\.layer\.\d+\.[a-z_.]+)")


class Work(NamedTuple):
    """What is gone through, and how: a model, examples by label, where it is computed, who may stop it."""

    model: TransferModel
    sample: Mapping[str, tuple[Encoded, Indices]]
    runtime: Runtime
    stop: StopRequest
    advance: Advance


def draw(rows: Mapping[str, Encoded], examples: int, seed: int) -> dict[str, tuple[Encoded, Indices]]:
    """Return which of all examples are measured: so many of them, drawn with the seed; by label."""
    labels = list(rows)
    ends = np.cumsum([len(rows[label]) for label in labels])
    chosen = np.sort(np.random.default_rng(derive_seed(seed, "measured")).permutation(int(ends[-1]))[:examples])
    begins = [0, *ends[:-1]]
    return {
        label: (rows[label], chosen[(chosen >= begin) & (chosen < end)] - begin)
        for label, begin, end in zip(labels, begins, ends, strict=True)
    }


def linear_layers(encoder: nn.Module) -> dict[str, nn.Module]:
    """Return all layers of an encoder that a LoRA may change, by their names in the bare encoder."""
    found: dict[str, nn.Module] = {}
    for name, module in encoder.named_modules():
        match = _LINEAR.fullmatch(name)
        if match and _is_place(match[1]):
            found[match[1]] = module
    return found


@torch.no_grad()
def gram(work: Work, layers: Sequence[str]) -> tuple[dict[str, Tensor], int]:
    """Return the mean of x x^T over all tokens x that each layer reads, by the input's name, and how many they were.

    Matrices (in, in) in fp32, on the model's device. Padding is left out. All of them are in memory at once.
    """
    inputs = {input_of(layer): layer for layer in layers}
    modules = linear_layers(work.model.encoder)
    sums: dict[str, Tensor] = {}
    tokens, kept = 0, torch.empty(0, dtype=torch.bool)

    def add(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            read = given[0].detach()[kept].float()
            product = read.T @ read
            sums[name] = sums[name].add_(product) if name in sums else product

        return hook

    with ExitStack() as hooks:
        for name, layer in inputs.items():
            hooks.callback(modules[layer].register_forward_pre_hook(add(name)).remove)
        for label, batch in _batches(work):
            kept = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()
            tokens += int(kept.sum())
            with work.runtime.autocast():
                work.model(label, batch)
    return {name: total / tokens for name, total in sums.items()}, tokens


def fisher(work: Work, weights: Mapping[str, Tensor], labels: Labels, seed: int) -> tuple[dict[str, Tensor], int]:
    """Return the mean over examples of the squared gradient of the log-likelihood by every number of `weights`.

    In fp32, of the weights' shapes, on their device; and how many examples they were. `labels`: the gold ones (the
    empirical Fisher information), or one drawn from what the model itself expects for each. One example is one pass.
    """
    sums = {name: torch.zeros_like(weight, dtype=torch.float32) for name, weight in weights.items()}
    count = 0
    with _watched(weights.values()), torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "labels"))
        for label, encoded, index in _examples(work):
            format = learnable(encoded.rows.task)
            batch = work.runtime.move(format.collate(encoded.take(index), encoded.pad_id))
            logits = work.model(encoded.rows.task.name, batch)
            asked = batch if labels == "gold" else _own_labels(logits, batch, label)
            found = torch.autograd.grad(format.loss_sum(logits, asked), list(weights.values()), allow_unused=True)
            for name, gradient in zip(weights, found, strict=True):
                if gradient is not None:  # a layer that this example's loss does not reach
                    sums[name] += gradient.float().square()
            count += 1
            work.advance(1)
    return {name: total / count for name, total in sums.items()}, count


def _is_place(name: str) -> bool:
    try:
        place_of(name)
    except ValueError:
        return False
    return True


def _batches(work: Work) -> Iterator[tuple[str, Batch]]:
    """Yield the head and the batch of every pass."""
    for encoded, chosen in work.sample.values():
        format = learnable(encoded.rows.task)
        for some in by_length(encoded.lengths[chosen], work.runtime.micro_batch_tokens):
            work.stop.raise_if_asked()
            batch = work.runtime.move(format.collate(encoded.take(chosen[some]), encoded.pad_id))
            yield encoded.rows.task.name, batch
            work.advance(len(some))


def _examples(work: Work) -> Iterator[tuple[str, Encoded, Indices]]:
    for label, (encoded, chosen) in work.sample.items():
        for index in chosen:
            work.stop.raise_if_asked()
            yield label, encoded, np.array([index])


@contextmanager
def _watched(weights: Any) -> Iterator[None]:
    """Let gradients reach these weights inside the block."""
    before = [(weight, weight.requires_grad) for weight in weights]
    for weight, _ in before:
        weight.requires_grad_(True)
    try:
        yield
    finally:
        for weight, trained in before:
            weight.requires_grad_(trained)


def _own_labels(logits: Tensor, batch: Batch, label: str) -> Batch:
    """Return the batch with labels drawn from what the model expects; a UserError where it has no such labels."""
    gold = batch.get("labels")
    if gold is None or gold.shape != logits.shape[:-1]:
        raise UserError(f"{label}: labels of this kind of task are not drawn from the model", fix="use --labels gold")
    flat = logits.detach().float().reshape(-1, logits.shape[-1]).softmax(-1).cpu()
    drawn = torch.multinomial(flat, 1).reshape(gold.shape).to(gold)
    return {**batch, "labels": torch.where(gold == IGNORED, gold, drawn)}
