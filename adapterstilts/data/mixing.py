"""Several tasks in one run: one task an optimiser step, drawn in proportion to its rows.

Examples-proportional mixing with a cap (Raffel et al. 2020, section 3.5.2; jiant's task_sampler.py), so that
a large task does not drown the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adapterstilts.config.identity import derive_seed


@dataclass(frozen=True)
class Mixture:
    """Which task each optimiser step takes."""

    names: Sequence[str]
    weights: Sequence[float]
    seed: int

    def task_at(self, step: int) -> str:
        """Return the task of step `step`; it depends on the seed and the step alone."""
        if len(self.names) == 1:
            return self.names[0]
        generator = np.random.default_rng(derive_seed(self.seed, "task", step))
        return str(generator.choice(np.asarray(self.names), p=np.asarray(self.weights)))


def proportional(sizes: Mapping[str, int], cap: int | None, seed: int) -> Mixture:
    """Return the mixture in which a task's share is its number of rows, counted up to `cap`."""
    capped = [min(size, cap) if cap else size for size in sizes.values()]
    return Mixture(tuple(sizes), tuple(size / sum(capped) for size in capped), seed)
