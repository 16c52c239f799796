"""A member: one adapter in training, with all that is its own.

Heads, data order, random numbers, optimiser, schedule, counters, run folder. The loop steps a list of
members over one encoder; nothing here knows how many there are.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from adapterstilts.config.identity import derive_seed
from adapterstilts.config.schema import MethodSettings, RunConfig, TrainSettings
from adapterstilts.data.batches import Indices, step_indices, steps_per_epoch
from adapterstilts.data.cache import Encoded
from adapterstilts.data.mixing import Interleaved, Mixture, proportional, text_steps
from adapterstilts.formats import is_text
from adapterstilts.methods import Method
from adapterstilts.model import Randomness, TransferModel
from adapterstilts.train.cost import encoder_size
from adapterstilts.train.progress import Progress


class Place(NamedTuple):
    """Where a member stands: its module's name on the encoder, those below it, its run's folder and identity."""

    name: str
    below: tuple[str, ...]
    folder: Path
    identity: str


@dataclass
class Member:
    """One adapter in training. `train` and `dev` hold tokenised rows by label: a task, or one language of a task.

    `text` are the labels of masked LM that is interleaved, `own` those of the tasks, which alone choose the checkpoint.
    `parameters` is all that it trains, as `adapter.<name>` and `heads.<task>.<name>`. `initialisation` is a
    digest of the adapter's first weights, empty where every weight of the encoder is trained; `first_heads` are
    digests of the heads' by task. `total` is the sum of the looks that are averaged, empty before the first.
    """

    place: Place
    config: RunConfig[MethodSettings]
    method: Method
    model: TransferModel
    train: Mapping[str, Encoded]
    dev: Mapping[str, Encoded]
    randomness: Randomness
    progress: Progress = field(default_factory=Progress)
    total: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings: TrainSettings = self.config.train
        ratio = self.config.mlm.ratio
        self.text = [label for label in self.train if ratio and is_text(self.train[label].rows.task)]
        self.own = [label for label in self.train if label not in self.text]
        own_steps = self.settings.max_steps or self._steps_of_epochs()
        self.total_steps = own_steps + (text_steps(own_steps, ratio) if ratio else 0)
        self.mixture = self._mixture(self.total_steps - own_steps)
        self.warmup = warmup_of(self.total_steps, self.settings)
        self.look_every = self.settings.eval_every or min(1000, max(1, self.total_steps // 10))
        self.size = encoder_size(self.model.encoder, self.method.frozen_base)
        adapter = self.method.parameters(self.model.encoder, self.name)
        self.initialisation = _digest(adapter) if self.method.frozen_base else ""
        self.first_heads = {task: _digest(head.state_dict()) for task, head in self.model.heads.items()}
        heads = {key: parameter for key, parameter in self.model.heads.named_parameters() if parameter.requires_grad}
        self.parameters: dict[str, torch.nn.Parameter] = {
            **{f"adapter.{key}": parameter for key, parameter in adapter.items()},
            **{f"heads.{key}": parameter for key, parameter in heads.items()},
        }
        self.optimiser = make_optimiser(self.parameters, self.settings)

    @property
    def name(self) -> str:
        """The module's name on the encoder; generated, never a person's."""
        return self.place.name

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.place.folder

    @property
    def identity(self) -> str:
        """The fingerprint of all that decides the result."""
        return self.place.identity

    def activate(self) -> None:
        """Let the encoder compute with this member's module, and with those below it."""
        self.method.activate(self.model.encoder, [*self.place.below, self.name])

    @property
    def watched(self) -> Sequence[str]:
        """The labels of held-out text whose scores the record tells from before and after."""
        return list(self.dev) if self.config.phase == "mlm" else self.text

    def _mixture(self, of_text: int) -> Mixture | Interleaved:
        """Return what each step is of; `of_text` of them are masked LM beside the tasks."""

        def mixed(labels: Sequence[str], seed: int) -> Mixture:
            some = {label: self.train[label] for label in labels}
            sizes = {label: len(encoded) for label, encoded in some.items()}
            return proportional(sizes, {label: self.head_of(label) for label in some}, self.settings, seed)

        tasks = mixed(self.own, self.config.seed)
        if not of_text:
            return tasks
        text = mixed(self.text, derive_seed(self.config.seed, "mlm"))
        return Interleaved(tasks, text, self.total_steps, of_text)

    def _steps_of_epochs(self) -> int:
        cap = self.settings.examples_cap or math.inf
        sizes = [int(min(len(self.train[label]), cap)) for label in self.own]
        return sum(math.ceil(self.settings.epochs * steps_per_epoch(n, self.settings.batch_size)) for n in sizes)

    def head_of(self, label: str) -> str:
        """Return the name of the head that answers the rows of `label`."""
        return self.train[label].rows.task.name

    def used_by(self, label: str) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """Yield what a step on `label` must train: the adapter and its head, unless that is frozen."""
        for key, parameter in self.parameters.items():
            if key.startswith(("adapter.", f"heads.{self.head_of(label)}.")):
                yield key, parameter

    def penalty(self) -> Tensor | None:
        """Return what the method adds to the loss of a step (a scalar); None: nothing, as most do."""
        penalty = getattr(self.method, "penalty", None)
        found: Tensor | None = penalty(self.model.encoder, self.config.method) if penalty else None
        return found

    def next_examples(self) -> tuple[str, Indices]:
        """Return the label of the coming step and its examples; the same after every resume."""
        label = self.mixture.task_at(self.progress.step)
        done = self.progress.task_steps.get(label, 0)
        seed = derive_seed(self.config.seed, "order", label)
        return label, step_indices(len(self.train[label]), self.settings.batch_size, done, seed)

    def draw(self) -> int:
        """Return which look of its examples the coming step takes; another one at every step and for every seed."""
        return derive_seed(self.config.seed, "draw", self.progress.step)

    def weights(self) -> dict[str, Tensor]:
        """Return copies of all trained tensors on the CPU."""
        return {key: parameter.detach().cpu().clone() for key, parameter in self.parameters.items()}

    @torch.no_grad()
    def set_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Put back what `weights` gave; the names must be the very same."""
        if set(self.parameters) != set(weights):
            raise ValueError(f"other tensors than the model's: {sorted(set(self.parameters) ^ set(weights))[:3]}")
        for key, parameter in self.parameters.items():
            parameter.copy_(weights[key])


def _digest(tensors: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for key, tensor in sorted(tensors.items()):
        total.update(key.encode() + tensor.detach().cpu().numpy().tobytes())
    return total.hexdigest()[:16]


def make_optimiser(parameters: Mapping[str, torch.nn.Parameter], settings: TrainSettings) -> torch.optim.AdamW:
    """Return AdamW without weight decay on biases and LayerNorms (jiant's model_setup.py): on no vector at all."""
    plain = [p for p in parameters.values() if p.ndim < 2]
    decayed = [p for p in parameters.values() if p.ndim >= 2]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate or 0.0,
        eps=settings.adam_epsilon,
        fused=True,  # one kernel a tensor: six times faster on a CPU where XLM-R's embeddings are trained
    )


def warmup_of(total: int, settings: TrainSettings) -> int:
    """Return how many of `total` steps have a rising rate: those that were asked for, or the share rounded up."""
    return math.ceil(total * settings.warmup_ratio) if settings.warmup_steps is None else settings.warmup_steps


def rate_factor(step: int, total: int, warmup: int) -> float:
    """Return the share of the peak learning rate at optimiser step `step` (from 0) of `total`.

    Linear from zero in `warmup` steps, then linear to zero, as transformers' get_linear_schedule_with_warmup.
    """
    if step < warmup:
        return step / max(1, warmup)
    return max(0.0, (total - step) / max(1, total - warmup))
