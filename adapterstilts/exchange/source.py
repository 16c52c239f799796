"""What is exported: a run or a plain adapter folder, its encoder, and at most one of its heads."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from adapterstilts.base import BaseFiles, find_base, load_encoder
from adapterstilts.compose.adapters_folder import is_adapters
from adapterstilts.compose.members import Member, common_base, open_members, summed
from adapterstilts.compose.peft_folder import read_peft
from adapterstilts.compose.updates import Updates
from adapterstilts.errors import UserError
from adapterstilts.evaluation.heads import SavedHead, read_head
from adapterstilts.evaluation.load import encoder_files, load_run
from adapterstilts.methods import bottleneck
from adapterstilts.methods._stack import restore_all
from adapterstilts.model import Runtime, TransferModel
from adapterstilts.store.run import Base, Run

if TYPE_CHECKING:
    from torch import nn

Heads = Literal["usual", "optional", "none"]


@dataclass(frozen=True)
class Source:
    """A member with the files under it: those of its base, or its own encoder where all weights were trained.

    `given` stands for the updates of what has none of its own, a DoRA; `conversion` says what was made of it.
    """

    member: Member
    head: SavedHead | None
    files: BaseFiles
    base: Base
    given: Updates | None = None
    conversion: Mapping[str, Any] | None = None

    @property
    def run(self) -> Run | None:
        """The run; None for a plain folder."""
        return self.member.run

    @property
    def kinds(self) -> list[str]:
        """The methods of its modules, bottom to top; none where it is a whole encoder."""
        return [module.method for module in self.member.modules]

    @functools.cached_property
    def config(self) -> Any:
        """The encoder's configuration, as transformers reads it."""
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(self.files.folder)

    @functools.cached_property
    def updates(self) -> Updates:
        """The sum of its LoRAs; empty where there is none."""
        if self.given is not None:
            return self.given
        return summed(self.member.adapters()) if self.kinds else {}

    def merged(self) -> nn.Module:
        """Return a plain fp32 encoder with all LoRAs added to its weights, in float64 and rounded once."""
        import torch

        encoder = load_encoder(self.files)
        for name, update in self.updates.items():
            weight: Any = encoder.get_submodule(name).weight
            weight.data = (weight.data.double() + torch.from_numpy(update.left @ update.right)).float()
        return encoder

    def model(self) -> TransferModel:
        """Return what an export must equal, in fp32: the run as `evaluate` loads it, with the head that was chosen."""
        import torch

        if self.run is None:
            model = TransferModel(self._live())
        else:
            given = None if self.run.method == "full" else self.files.name
            model = load_run(self.run, Runtime(torch.device("cpu"), "fp32", 8192), given).model
        if self.head:
            self.head.load(model, self.head.name)
        return model.requires_grad_(False).eval()

    def _live(self) -> nn.Module:
        """Return a plain folder's encoder as its own library computes it, where that can be had; else merged."""
        folder = self.member.modules[0].folder
        if self.given is not None:
            return self.merged()
        if is_adapters(folder):
            return bottleneck.with_folder(load_encoder(self.files), folder) if bottleneck.installed() else self.merged()
        if not read_peft(folder).bare:
            return self.merged()
        return restore_all(load_encoder(self.files), self.member.modules)[0]


def open_source(path: Run | str | Path, head: str | None, base: str | None, heads: Heads) -> Source:
    """Open what is to be exported.

    `head`: None means the only one there is where `heads` is `usual`, and none otherwise. Raises UserError for several
    heads and none chosen, for a head that is not there or has no place, for another base than the run's.
    """
    [member] = open_members([path], encoders=True)
    if member.run:
        own = _base(member.run, base)
        files = encoder_files(member.run, None if member.run.method == "full" else base)
    else:
        own, _ = common_base([member], base)
        files = find_base(own.name)
    return Source(member, _head(member, head, heads), files, own)


def _base(run: Run, given: str | None) -> Base:
    """Return the run's base, under the name `given`; a UserError where that is another base."""
    if given is None:
        return run.record.base
    found = find_base(given)
    if found.fingerprint != run.record.base.fingerprint:
        raise UserError(
            f"{run.path} was trained on another base",
            where=f"its base: {run.record.base.name} ({run.record.base.fingerprint}); "
            f"given: {found.name} ({found.fingerprint})",
            fix="leave --base out, or give another place of the run's own base",
        )
    return Base(name=found.name, fingerprint=found.fingerprint)


def _head(member: Member, wanted: str | None, heads: Heads) -> SavedHead | None:
    if wanted and heads == "none":
        raise UserError("such a folder has no place for a head", fix="leave --head out, or export --to transformers")
    if wanted and member.run is None:
        raise UserError(f"{member.path} has no heads: it is no run", fix="leave --head out")
    if wanted is None and heads == "usual" and len(member.heads) > 1:
        raise UserError(
            f"{member.path} has {len(member.heads)} heads: {', '.join(member.heads)}",
            fix=f"choose one, such as --head {member.heads[0]}",
        )
    name = wanted or (member.heads[0] if heads == "usual" and member.heads else None)
    return read_head(member.run, name) if member.run and name else None
