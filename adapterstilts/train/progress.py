"""Where a member stands: all its counters, as a checkpoint keeps them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Progress:
    """Steps taken, looks at the dev rows, and what it has cost so far."""

    step: int = 0
    task_steps: dict[str, int] = field(default_factory=dict)
    last_look: int = 0
    best_step: int = 0
    best_score: float = -math.inf
    looks_without_better: int = 0
    first_scores: dict[str, dict[str, float]] = field(default_factory=dict)  # before step 1, by label
    kept_scores: dict[str, dict[str, float]] = field(default_factory=dict)  # with the weights of best_step, by label
    averaged: int = 0  # looks whose weights are in the mean
    average_score: float | None = None  # of the mean, on the dev rows that chose best_step
    finished: bool = False
    tokens: int = 0
    padded_tokens: int = 0
    flops: float = 0.0
    train_s: float = 0.0
    wall_s: float = 0.0
    peak_memory_bytes: int = 0
