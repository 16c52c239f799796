"""What can be composed: finished runs, and LoRA folders that peft or adapters has saved; all on one base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.base import find_base
from adapterstilts.compose._settings import CONFIG
from adapterstilts.compose.lora_folder import lora_settings, read_lora
from adapterstilts.compose.peft_folder import PeftAdapter
from adapterstilts.compose.updates import Updates, concatenate
from adapterstilts.errors import UserError
from adapterstilts.methods import fusions
from adapterstilts.methods.full import METHOD as FULL
from adapterstilts.store.digests import digest_of
from adapterstilts.store.run import Base, Module, Run, read_run


@dataclass(frozen=True)
class Member:
    """One member of a composition: a run, or (`run` None) a plain folder of a library; its modules, bottom to top."""

    path: Path
    run: Run | None
    modules: Sequence[Module]

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name

    @property
    def methods(self) -> set[str]:
        """The methods of its modules; where there are none, the one that trained its encoder."""
        return {module.method for module in self.modules} or {"full"}

    @property
    def heads(self) -> list[str]:
        """The tasks that it has a head for."""
        return self.run.heads if self.run else []

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of its method."""
        return dict(self.run.record.config["method"]) if self.run else _peft_settings(self.modules[0].folder)

    def digest(self) -> str:
        """Return a digest of its modules' files, or its encoder's: what it is, whatever its folder is called."""
        folders = [module.folder for module in self.modules] or [self.path / FULL.folder]
        return digest_of([file for folder in folders for file in sorted(folder.glob("*")) if file.is_file()])

    def head_digest(self) -> str:
        """Return a digest of its heads' files."""
        return digest_of(sorted((self.path / "heads").glob("*")) if self.run else [])

    def adapters(self) -> list[PeftAdapter]:
        """Return its LoRA modules, read and checked."""
        return [read_lora(module.folder) for module in self.modules]

    def about(self) -> dict[str, Any]:
        """Return what a certificate says of it."""
        record = self.run.record if self.run else None
        return {
            "path": str(self.path.resolve()),
            "fingerprint": record.fingerprint if record else None,
            "digest": self.digest(),
            "modules": [module.method for module in self.modules] or [self.settings["name"]],
            "tasks": record.config["tasks"] if record else [],
            "settings": self.settings,
        }


def open_members(paths: Sequence[Run | str | Path], *, encoders: bool = False) -> list[Member]:
    """Open runs and peft folders; a UserError for none at all, for the same twice, and for what has no adapter.

    `encoders` lets runs pass that have a whole encoder in its place (no modules).
    """
    members = [_open(path, encoders) for path in paths]
    if not members:
        raise UserError("there is nothing to compose", fix="name at least one run")
    places = [member.path.resolve() for member in members]
    twice = [member.path for member, place in zip(members, places, strict=True) if places.count(place) > 1]
    if twice:
        raise UserError(f"{twice[0]} is named twice", fix="name each run once; weights (--weights) can count it more")
    return members


def summed(adapters: Sequence[PeftAdapter]) -> Updates:
    """Return the update of one member: the sum of its LoRA modules."""
    if len(adapters) == 1:
        return adapters[0].updates
    return concatenate([adapter.updates for adapter in adapters], [1.0] * len(adapters))


def common_base(members: Sequence[Member], given: str | None) -> tuple[Base, list[str]]:
    """Return the base of all members, and the members whose base is not proven but only named.

    Runs carry their base's fingerprint. A plain peft folder has only a name, which must be that of the others,
    or `given`. Raises UserError for members of different bases, naming both.
    """
    runs = [member for member in members if member.run]
    plain = [member for member in members if not member.run]
    if given:
        found = find_base(given)
        base = Base(name=found.name, fingerprint=found.fingerprint)
    elif runs:
        base = _base_of(runs[0])
    else:
        found = find_base(_named(plain[0]))
        base = Base(name=found.name, fingerprint=found.fingerprint)
    for member in runs:
        _must_be(member, base, runs[0])
    for member in plain:
        if not given and not _same_name(_named(member), base.name):
            raise UserError(
                f"{member.path} names another base: {_named(member)}; the others: {base.name}",
                fix="give the base that all of them were trained on: --base ID|DIR",
            )
    return base, [str(member.path) for member in plain]


def _open(path: Run | str | Path, encoders: bool) -> Member:
    if not isinstance(path, Run) and (Path(path) / CONFIG).is_file():
        folder = Path(path)
        return Member(folder, None, [Module("lora", folder)])
    run = path if isinstance(path, Run) else read_run(path)
    if run.phase == "base":
        raise UserError(f"{run.path} holds the scores of an untrained base, and no adapter", fix="leave it out")
    if run.method in fusions.names():
        raise UserError(
            f"{run.path} is {len(run.record.parents)} bottlenecks under trained attention, which is no sum of updates",
            fix=f"compose its members: {', '.join(parent.path for parent in run.record.parents)}",
        )
    if not run.modules and not encoders:
        raise UserError(
            f"{run.path} was trained by {run.method}, which leaves a whole encoder and no adapter",
            fix="compose adapter runs (--method lora or bottleneck); whole encoders can be merged or averaged",
        )
    return Member(run.path, run, run.modules)


def _base_of(member: Member) -> Base:
    assert member.run is not None
    return member.run.record.base


def _must_be(member: Member, base: Base, first: Member) -> None:
    own = _base_of(member)
    if own.fingerprint != base.fingerprint:
        raise UserError(
            f"{member.path} stands on another base than {'--base' if member is first else first.path}",
            where=f"{own.name} ({own.fingerprint}); {base.name} ({base.fingerprint})",
            fix="compose adapters of one base; train one of them again on the other's",
        )


def _named(member: Member) -> str:
    name = lora_settings(member.path).base_name
    if not name:
        raise UserError(f"{member.path} does not name its base", fix="give it: --base ID|DIR")
    return name


def _same_name(one: str, other: str) -> bool:
    """Whether two names may be of one base: the same Hub id (with or without namespace), the same folder."""
    return one == other or one.rstrip("/").split("/")[-1] == other.rstrip("/").split("/")[-1]


def _peft_settings(folder: Path) -> dict[str, Any]:
    settings = lora_settings(folder)
    return {"name": "lora", "r": settings.r, "alpha": settings.alpha, "rslora": settings.rslora,
            "target_modules": list(settings.target_modules)}  # fmt: skip
