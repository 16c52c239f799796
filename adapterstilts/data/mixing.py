"""Several tasks in one run: one task an optimiser step, drawn in proportion to its rows.

Examples-proportional mixing with a cap (Raffel et al. 2020, section 3.5.2; jiant's task_sampler.py), so that
a large task does not drown the others. Masked LM beside them takes a share of the steps that is asked for instead.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adapterstilts.config.identity import derive_seed
from adapterstilts.config.schema import TrainSettings


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


@dataclass(frozen=True)
class Interleaved:
    """Steps of masked LM spread evenly among the tasks' steps, of which there are as many as without.

    The tasks' steps come in the order that they have without, so that two such runs differ by the text alone.
    """

    tasks: Mixture
    text: Mixture
    steps: int
    text_steps: int

    def task_at(self, step: int) -> str:
        """Return the task, or the language of text, of step `step`."""
        before = self._text_steps_before(step)
        if self._text_steps_before(step + 1) > before:
            return self.text.task_at(before)
        return self.tasks.task_at(step - before)

    def _text_steps_before(self, step: int) -> int:
        return (2 * step * self.text_steps + self.steps) // (2 * self.steps)


def text_steps(steps: int, ratio: float) -> int:
    """Return how many steps of masked LM make `ratio` of all steps where the tasks take `steps`; at least one."""
    return max(1, round(steps * ratio / (1 - ratio)))


def proportional(sizes: Mapping[str, int], tasks: Mapping[str, str], settings: TrainSettings, seed: int) -> Mixture:
    """Return the mixture in which a task's share is its number of rows, counted up to `train.examples_cap`.

    `sizes` are rows by label; labels of one task (`tasks` names it) are its languages, which share what is the
    task's in proportion to their rows to the power of `train.language_exponent` (Conneau et al. 2020, section 3.1).
    """
    cap = settings.examples_cap or math.inf
    totals: dict[str, float] = defaultdict(float)
    powers: dict[str, float] = defaultdict(float)
    for label, size in sizes.items():
        totals[tasks[label]] += size
        powers[tasks[label]] += size**settings.language_exponent
    shares = [
        min(totals[tasks[label]], cap) * size**settings.language_exponent / powers[tasks[label]]
        for label, size in sizes.items()
    ]
    return Mixture(tuple(sizes), tuple(share / sum(shares) for share in shares), seed)
