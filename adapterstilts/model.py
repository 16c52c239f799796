"""One encoder, heads by task; precision; random numbers that can be saved and given back.

The encoder may carry adapters (`methods/`) and may be shared by several models; the heads are this one's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from adapterstilts.config.identity import derive_seed
from adapterstilts.config.schema import Precision, ResourceSettings
from adapterstilts.errors import UserError
from adapterstilts.formats import Batch, HeadShape, Learnable
from adapterstilts.formats._heads import MaskedHead
from adapterstilts.formats.tagging import IGNORED

TOKENS = ("input_ids", "attention_mask", "token_type_ids")  # of a batch, what the encoder reads


class TransferModel(nn.Module):
    """An encoder and one head for each task."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleDict()

    @property
    def width(self) -> int:
        """The encoder's hidden size."""
        config: Any = self.encoder.config
        return int(config.hidden_size)

    def add_head(self, name: str, format: Learnable, labels: int, seed: int) -> None:
        """Give the model a fresh head called `name`; equal seeds give equal heads, whatever the method."""
        config: Any = self.encoder.config
        shape = HeadShape(config.hidden_size, labels, config.hidden_dropout_prob, config.initializer_range,
                          config.vocab_size)  # fmt: skip
        with seeded(derive_seed(seed, "head", name)):
            self.heads[name] = format.head(shape)

    def forward(self, head: str, batch: Batch) -> Tensor:
        """Return the logits of one head for a batch of tokens; the format says their shape."""
        states = self.encoder(**tokens_of(batch)).last_hidden_state
        module = self.heads[head]
        if isinstance(module, MaskedHead):  # only hidden tokens are guessed: the vocabulary is large
            words: Any = self.encoder
            guesses: Tensor = module(states[batch["labels"] != IGNORED], words.get_input_embeddings().weight)
            return guesses
        logits: Tensor = module(states)
        return logits


def tokens_of(batch: Batch) -> Batch:
    """Return the part of a batch that the encoder reads."""
    return {name: batch[name] for name in TOKENS if name in batch}


def choose_device(wanted: str) -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda` or `cuda:N`; a UserError where it is not there."""
    from accelerate import PartialState

    if wanted == "auto":
        state = PartialState()
        if state.num_processes > 1:
            raise UserError(
                f"this run was launched with {state.num_processes} processes; one run uses one process",
                fix="start it without a launcher, and runs side by side on devices of their own (--device cuda:1)",
            )
        device: torch.device = state.device
        return device
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UserError(f"unknown device {wanted!r}", fix="use auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"there is no device {wanted!r} here ({torch.cuda.device_count()} CUDA devices)",
            fix="use --device cpu",
        )
    return device


def choose_precision(wanted: Precision, device: torch.device) -> Precision:
    """Return fp32 or bf16; `auto` is bf16 where the processor multiplies bf16 natively."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    abilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return "bf16" if abilities.get("amx_bf16") or abilities.get("avx512_bf16") else "fp32"


@dataclass(frozen=True)
class Runtime:
    """Where and how a model is run; `micro_batch_tokens` bounds the padded tokens of one pass."""

    device: torch.device
    precision: Precision
    micro_batch_tokens: int

    def overhead_tokens(self, width: int) -> int:
        """Return what one more pass costs, in tokens of an encoder `width` units wide: launching its operations.

        A token's own cost grows with the square of the width, so to a small encoder a pass is worth many tokens: on a
        CPU, one of 128 units trained 1.4 times as fast for being split less.
        """
        at_large = 1024 if self.device.type == "cuda" else 64  # XLM-R Large is 1024 wide
        return round(at_large * max(1.0, 1024 / width) ** 2)

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Run the model inside the block in this precision."""
        if self.precision == "fp32":
            yield
            return
        trains_on_cpu = self.device.type == "cpu" and torch.is_grad_enabled()
        with (
            torch.autocast(self.device.type, dtype=torch.bfloat16),
            _plain_attention() if trains_on_cpu else nullcontext(),
        ):
            yield

    def move(self, batch: Batch) -> Batch:
        """Return the batch on this device."""
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}


def choose_runtime(resources: ResourceSettings, precision: Precision) -> Runtime:
    """Return the runtime for the wanted device and precision, `auto` resolved."""
    device = choose_device(resources.device)
    return Runtime(device, choose_precision(precision, device), resources.micro_batch_tokens)


def hold_frozen_in_bf16(encoder: nn.Module, adapter: Iterable[nn.Parameter]) -> None:
    """Hold the weights of frozen Linear layers in bf16; LayerNorms, embeddings and `adapter` stay in fp32.

    Autocast would cast them in every pass anyway, to the same numbers; casting the rest as well costs six
    times the output error (measured by the design's authors).
    """
    kept = {id(parameter) for parameter in adapter}
    for module in encoder.modules():
        if isinstance(module, nn.Linear) and not module.weight.requires_grad and id(module.weight) not in kept:
            module.to(torch.bfloat16)


def _plain_attention() -> AbstractContextManager[Any]:
    """Keep off the fused attention, whose backward in bf16 takes a CPU more than twice as long (torch 2.13)."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(SDPBackend.MATH)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread inside the block: a small encoder's threads wait for each other more than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw random numbers from `seed` inside the block, and leave the generators outside untouched."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


class Randomness:
    """The random generators of one member: put in place for its step, taken back after it.

    So members that are trained in turn draw the same numbers as if each were alone.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.cuda = device if device.type == "cuda" else None
        with torch.random.fork_rng([device] if self.cuda else []):
            torch.manual_seed(seed)
            self.state = self._read()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Draw from this member's generators inside the block."""
        outside = self._read()
        self._write(self.state)
        try:
            yield
        finally:
            self.state = self._read()
            self._write(outside)

    def _read(self) -> dict[str, Tensor]:
        state = {"cpu": torch.get_rng_state()}
        return {**state, "cuda": torch.cuda.get_rng_state(self.cuda)} if self.cuda else state

    def _write(self, state: dict[str, Tensor]) -> None:
        torch.set_rng_state(state["cpu"])
        if self.cuda:
            torch.cuda.set_rng_state(state["cuda"], self.cuda)
