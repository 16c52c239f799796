"""What a fusion starts from, and what it leaves: members that stay frozen, and what was trained to join them.

layer_weights   a number for every LoRA and layer; leaves weights/ and, with the numbers multiplied in, one plain LoRA
attention       AdapterFusion over bottlenecks; leaves copies of its members and the attention above them
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from adapterstilts.base import BaseFiles, find_base, load_encoder
from adapterstilts.compose import checks
from adapterstilts.compose.members import Member, common_base, open_members, summed
from adapterstilts.compose.peft_folder import WEIGHTS, read_peft, write_peft
from adapterstilts.compose.updates import Update, Updates, concatenate
from adapterstilts.config.schema import MethodSettings
from adapterstilts.errors import UserError
from adapterstilts.methods import fusions
from adapterstilts.methods._fusions.layer_weights import scalars_of
from adapterstilts.methods._stack import restore_all
from adapterstilts.methods.lora import settings_of
from adapterstilts.store.run import Module, Parent, Run, copy_modules

if TYPE_CHECKING:
    from torch import nn

MEMBERS_OF = {"layer_weights": "lora", "attention": "bottleneck"}


class Left(NamedTuple):
    """What a finished fusion has left: the bytes of its module, and what the record's settings say of it."""

    adapter_bytes: int
    config: dict[str, Any]


@dataclass(frozen=True)
class Fused:
    """Where a fusion starts: its members, in their order. It is no run that is gone on from."""

    method: str
    members: Sequence[Member]
    run: None = None
    on_top: bool = False
    continues: bool = False

    @property
    def before(self) -> list[Run]:
        """The runs among the members."""
        return [member.run for member in self.members if member.run]

    @cached_property
    def parents(self) -> list[Parent]:
        """The members, each by a digest of its files."""
        return [Parent(path=str(member.path.resolve()), fingerprint=member.digest()) for member in self.members]

    @property
    def below(self) -> Sequence[Module]:
        """The saved modules of all members."""
        return [module for member in self.members for module in member.modules]

    def settings(self) -> dict[str, object]:
        """Return nothing: no member brings settings along."""
        return {}

    def owner_of(self, head: str | None) -> Run | None:
        """Return the first member that has this head, else the first one."""
        return next((run for run in self.before if head in run.heads), next(iter(self.before), None))

    def find_base(self, name: str | None) -> BaseFiles:
        """Return the base of all members, which `name` may be another place of."""
        base, _ = common_base(self.members, name)
        found = find_base(name or base.name)
        if found.fingerprint != base.fingerprint:
            raise UserError(
                f"the base that the members were trained on is another one now: {found.name}",
                where=f"then {base.fingerprint}, now {found.fingerprint}",
                fix="give another place of theirs: --base ID|DIR",
            )
        return found

    def encoder(self, base: BaseFiles, settings: MethodSettings, name: str) -> tuple[nn.Module, list[str]]:
        """Return the encoder with its members and what joins them, ready to be trained, and the members' names."""
        method = fusions.get(self.method)
        with tempfile.TemporaryDirectory() as folder:
            modules = self.below if self.method == "attention" else self._as_one_each(Path(folder), base)
            encoder, names = restore_all(load_encoder(base), modules)
        encoder = method.attach(encoder, settings, name)
        method.activate(encoder, [*names, name])
        return encoder, names

    def sentence(self, heads: str) -> str:
        """Say what is frozen, what is trained (with `heads`, fresh or not) and what is saved."""
        frozen = f"frozen: the base and {len(self.members)} members"
        if self.method == "attention":
            return f"{frozen}; trained: attention over them and {heads}; saved: adapter/ (with their copies), heads/"
        return f"{frozen}; trained: their weights by layer and {heads}; saved: weights/, adapter/ (one LoRA), heads/"

    def save(self, encoder: nn.Module, name: str, folder: Path, base: BaseFiles) -> Left:
        """Write what was trained, and what it needs to be used again, into a run's folder."""
        self._must_be_unchanged()
        method = fusions.get(self.method)
        root = folder / method.folder
        shutil.rmtree(root, ignore_errors=True)  # what a killed command has left
        if self.method == "attention":
            copy_modules(self.below, root)
            return Left(method.save(encoder, name, root, base), self._about())
        method.save(encoder, name, root, base)
        updates = weighted([summed(member.adapters()) for member in self.members], scalars_of(encoder).readable())
        write_peft(folder / "adapter", updates, base.name)
        saved = read_peft(folder / "adapter")
        checks.check_reload(saved.updates, updates)
        made = settings_of(saved.rank, list(updates)).model_dump(mode="json")
        return Left((folder / "adapter" / WEIGHTS).stat().st_size, {**self._about(), "method": made})

    def _must_be_unchanged(self) -> None:
        for member, parent in zip(self.members, self.parents, strict=True):
            if member.digest() != parent.fingerprint:
                raise UserError(
                    f"{member.path} has changed since the fusion began",
                    fix="put its files back and repeat the command, or begin anew in another --out",
                )

    def _about(self) -> dict[str, Any]:
        return {"how": self.method, "members": [member.about() for member in self.members]}

    def _as_one_each(self, folder: Path, base: BaseFiles) -> list[Module]:
        """Write every member as one plain LoRA, whatever its files are like; return them."""
        modules = [Module("lora", folder / str(number)) for number in range(len(self.members))]
        for member, module in zip(self.members, modules, strict=True):
            write_peft(module.folder, summed(member.adapters()), base.name)
        return modules


def find_fused(how: str, runs: Sequence[Run | str | Path]) -> Fused:
    """Open the members of a fusion; a UserError says why they cannot be fused so."""
    members = open_members(runs)
    must_be(MEMBERS_OF[how], how, members)
    if how == "attention":
        _must_attend(members)
    for member in members if how == "layer_weights" else ():
        member.adapters()  # read once, to refuse now what could not be used later
    return Fused(how, members)


def must_be(method: str, how: str, members: Sequence[Member]) -> None:
    """Raise UserError for members that were not all trained by `method`."""
    others = [member for member in members if member.methods != {method}]
    if others:
        trained = " + ".join(sorted(others[0].methods))
        raise UserError(
            f"--how {how} is for {method} runs; {others[0].path} was trained by {trained}",
            fix="fuse LoRA runs by layer_weights or search, bottleneck runs by attention",
        )


def weighted(members: Sequence[Updates], weights: Sequence[Mapping[str, float]]) -> Updates:
    """Return the sum of updates with a weight a member and layer, exactly: their factors side by side."""
    scaled = [
        {layer: Update(weight[layer] * update.left, update.right) for layer, update in member.items()}
        for member, weight in zip(members, weights, strict=True)
    ]
    return concatenate(scaled, [1.0] * len(members))


def _must_attend(members: Sequence[Member]) -> None:
    """Raise UserError for bottlenecks over which adapters cannot attend, or would attend wrongly in silence."""
    if len(members) < 2:
        raise UserError("attention over one member has nothing to choose from", fix="name two runs at least")
    stacked = [member for member in members if len(member.modules) > 1]
    if stacked:
        raise UserError(f"{stacked[0].path} is a stack of {len(stacked[0].modules)} modules", fix="fuse single runs")
    shapes = [(member.settings["variant"], member.settings["layers"]) for member in members]
    for member, (variant, layers) in zip(members, shapes, strict=True):
        if variant == "parallel" or layers is not None:
            what = "a parallel bottleneck" if variant == "parallel" else "in some layers alone"
            raise UserError(
                f"{member.path} is {what}, over which there is no attention",
                fix="fuse pfeiffer or houlsby bottlenecks of all layers",
            )
        if variant != shapes[0][0]:
            raise UserError(
                f"{members[0].path} is a {shapes[0][0]} bottleneck and {member.path} a {variant} one",
                fix="fuse bottlenecks of one variant",
            )
