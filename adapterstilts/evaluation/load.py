"""From a run folder to a model that can be called, with every tensor checked to have arrived."""

from __future__ import annotations

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
from adapterstilts.methods import methods
from adapterstilts.methods._stack import parameters_of, restore_all
from adapterstilts.model import Runtime, TransferModel, hold_frozen_in_bf16
from adapterstilts.store.run import Run


@dataclass(frozen=True)
class Loaded:
    """A run, ready to predict: its encoder with all modules active; heads are added as they are needed.

    `alarms`: what is odd about the modules.
    """

    run: Run
    model: TransferModel
    tokenizer: Any
    positions: int
    device: torch.device
    alarms: list[Alarm] = field(default_factory=list)

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


def load_run(run: Run, runtime: Runtime, base: str | None = None) -> Loaded:
    """Load the run's encoder with its modules, ready to predict."""
    files = encoder_files(run, base)
    encoder, names = restore_all(load_encoder(files), run.modules)
    model = TransferModel(encoder)
    model.requires_grad_(False).eval()
    if runtime.precision == "bf16":
        apart = parameters_of(encoder, run.modules[-1].method, names).values() if names else ()
        hold_frozen_in_bf16(encoder, apart)
    return Loaded(run, model.to(runtime.device), load_tokenizer(files), positions(files), runtime.device, of_run(run))
