"""From a run folder to a model that can be called, with every tensor checked to have arrived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from adapterstilts.base import BaseFiles, find_base, load_encoder, load_tokenizer, positions
from adapterstilts.config.schema import DataSettings
from adapterstilts.data.cache import Encoded, encode_rows, encoding_for
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.alarms import Alarm, of_run
from adapterstilts.evaluation.heads import SavedHead
from adapterstilts.evaluation.language_adapters import LanguageAdapter
from adapterstilts.methods import methods
from adapterstilts.methods._stack import parameters_of, restore_all
from adapterstilts.methods._swap import restore_swappable
from adapterstilts.model import Runtime, TransferModel, hold_frozen_in_bf16
from adapterstilts.store.run import Run


@dataclass(frozen=True)
class Loaded:
    """A run, ready to predict: its encoder with all modules active; heads are added as they are needed.

    `alarms`: what is odd about the modules. `adapters`: those that stand in for the lowest one, by language, and
    `use` puts the one of a language there.
    """

    run: Run
    model: TransferModel
    tokenizer: Any
    positions: int
    device: torch.device
    alarms: list[Alarm] = field(default_factory=list)
    adapters: Mapping[str, LanguageAdapter] = field(default_factory=dict)
    use: Callable[[str], None] | None = None

    def speak(self, language: str) -> None:
        """Read with the adapter of `language` from now on, or with the run's own where there is none for it."""
        if self.use:
            self.use(language)

    def add_head(self, head: SavedHead) -> None:
        """Put a saved head on the model, ready to predict."""
        head.load(self.model, head.name)
        self.model.to(self.device).requires_grad_(False).eval()

    def encode(self, rows: Rows) -> Encoded:
        """Tokenise rows as the run's training did."""
        settings = DataSettings.model_validate(self.run.record.config["data"])
        return encode_rows(rows, encoding_for(rows.task, self.tokenizer, settings, self.positions))


def encoder_files(run: Run, base: str | None = None) -> BaseFiles:
    """Return the files of the encoder under the run's modules: its base, or its own encoder for `full`.

    `base` names another place of the same base; a base with another fingerprint is a UserError.
    """
    own = run.path / methods.get("full").folder
    if run.method == "full":
        if base:
            raise UserError(f"{run.path} has an encoder of its own", fix="leave --base out")
        return find_base(str(own))
    found = find_base(base or run.record.base.name)
    if found.fingerprint != run.record.base.fingerprint:
        raise UserError(
            f"{run.path} was trained on another base",
            where=(
                f"its base: {run.record.base.name} ({run.record.base.fingerprint}); "
                f"given: {found.name} ({found.fingerprint})"
            ),
            fix=f"use --base {run.record.base.name}, or train the adapter again on this base",
        )
    return found


def load_run(
    run: Run, runtime: Runtime, base: str | None = None, adapters: Mapping[str, LanguageAdapter] | None = None
) -> Loaded:
    """Load the run's encoder with its modules, ready to predict; `adapters` can then be swapped in by language."""
    files, swapped = encoder_files(run, base), adapters or {}
    if swapped:
        others = {language: adapter.module for language, adapter in swapped.items()}
        encoder, names, use = restore_swappable(load_encoder(files), run.modules, others)
    else:
        (encoder, names), use = restore_all(load_encoder(files), run.modules), None
    model = TransferModel(encoder)
    model.requires_grad_(False).eval()
    if runtime.precision == "bf16":
        apart = parameters_of(encoder, run.modules[-1].method, names).values() if names else ()
        hold_frozen_in_bf16(encoder, apart)
    alarms = [alarm for one in (run, *(adapter.run for adapter in swapped.values())) for alarm in of_run(one)]
    tokenizer, room = load_tokenizer(files), positions(files)
    return Loaded(run, model.to(runtime.device), tokenizer, room, runtime.device, alarms, swapped, use)
