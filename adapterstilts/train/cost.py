"""What a run takes: time, tokens, memory, arithmetic."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from adapterstilts.train.progress import Progress

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@contextmanager
def wall_clock(progress: Progress) -> Iterator[None]:
    """Add the block's time to the wall clock, also when a signal ends it, and note the memory peak."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        progress.wall_s += time.perf_counter() - begun
        progress.peak_memory_bytes = max(progress.peak_memory_bytes, peak_memory())


def forget_peak_memory() -> None:
    """Let `peak_memory` count from here, so that runs in one process do not inherit each other's peak."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError):  # only Linux has it; elsewhere the peak is the whole process's
        _CLEAR.write_text("5")


def peak_memory() -> int:
    """Return the most memory in use since then: of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    if _STATUS.is_file():
        [line] = [line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: bytes


class EncoderSize(NamedTuple):
    """What the arithmetic of an encoder depends on."""

    weights: int
    hidden: int
    layers: int
    backward: float

    def training_flops(self, shape: Sequence[int]) -> float:
        """Estimate the arithmetic of one pass forward and backward over (examples, length) tokens.

        Two operations a weight and token, attention's two products; LayerNorms and the like are left out.
        """
        examples, length = shape
        forward = examples * length * (2.0 * self.weights + 4.0 * self.layers * self.hidden * length)
        return forward * (1.0 + self.backward)


def encoder_size(encoder: nn.Module, frozen: bool) -> EncoderSize:
    """Measure an encoder. Backward costs twice the forward; once where no weight gradients are formed."""
    weights = sum(module.weight.numel() for module in encoder.modules() if isinstance(module, nn.Linear))
    config: Any = encoder.config
    return EncoderSize(weights, int(config.hidden_size), int(config.num_hidden_layers), 1.0 if frozen else 2.0)
