"""A run before its first step: every question asked, every row found, nothing written yet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.base import BaseFiles, load_tokenizer, must_fit_positions
from adapterstilts.config.identity import derive_seed
from adapterstilts.config.resolve import differences, resolve
from adapterstilts.config.schema import MethodSettings, Phase, RunConfig
from adapterstilts.data.cache import Encoded, encode_rows
from adapterstilts.data.source import Rows, load_rows
from adapterstilts.errors import UserError
from adapterstilts.methods import methods
from adapterstilts.model import Runtime, choose_runtime
from adapterstilts.store.run import Run, read_run
from adapterstilts.tasks import Task, require
from adapterstilts.train.start import Start, find_start, must_fit


@dataclass(frozen=True)
class Given:
    """What a training command was asked for, apart from its tasks and its folder."""

    method: str
    base: str | None
    start: str | Path | None
    on_top: bool
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """A run before its first step: all questions asked, nothing written."""

    config: RunConfig[MethodSettings]
    start: Start
    base: BaseFiles
    runtime: Runtime
    train: dict[str, Encoded]
    dev: dict[str, Encoded]

    def resolved(self) -> dict[str, Any]:
        """Return what decides the result: all settings but resources, with digests in place of paths."""
        settings = self.config.model_dump(mode="json", exclude={"resources", "base", "start"})
        parents = [self.start.run.record.fingerprint] if self.start.run else []
        return {**settings, "base": self.base.fingerprint, "parents": parents, "rows": self.origins()}

    def origins(self) -> dict[str, Any]:
        """Return where all rows are from, by task and split."""
        many = [*self.train.values(), *self.dev.values()]
        return {f"{e.rows.task.name}-{e.rows.split}": e.rows.origin() for e in many}


def make_plan(phase: Phase, names: Sequence[str], given: Given, revisions: Mapping[str, str]) -> Plan:
    """Ask every question that a training can be refused by, and read and tokenise its rows.

    What is quick to find out comes first, what is downloaded last. `revisions` pins the Hub commit of rows
    by `task-split`. Raises UserError for anything that cannot be.
    """
    declared = [require(name, phase) for name in names]
    if len(set(names)) < len(names):
        raise UserError(f"a task is named twice: {', '.join(names)}", fix="name each --task once")
    start = find_start(given.method, str(given.start) if given.start else None, given.on_top)
    config, runtime = _settle(phase, names, start, given)
    rows = [_load(task, config, revisions) for task in declared]
    base = start.find_base(given.base)
    must_fit_positions(base, config.data.max_length)
    tokenizer = load_tokenizer(base)
    train, dev = (
        {one.task.name: encode_rows(one, tokenizer, config.data.max_length) for one in part}
        for part in zip(*rows, strict=True)
    )
    return Plan(config.model_copy(update={"base": base.name}), start, base, runtime, train, dev)


def _settle(
    phase: Phase, names: Sequence[str], start: Start, given: Given
) -> tuple[RunConfig[MethodSettings], Runtime]:
    """Return the settings with nothing left open: precision by the device, learning rate by the method."""
    method = methods.get(given.method)
    fields = {
        "phase": phase, "tasks": tuple(names), "method": {**start.settings(), "name": given.method},
        "start": str(given.start) if given.start else None, "on_top": given.on_top,
    }  # fmt: skip
    config: RunConfig[MethodSettings] = resolve(fields, given.settings, method.schema)
    must_fit(start, config.method)
    runtime = choose_runtime(config.resources, config.precision)
    rate = config.train.learning_rate or method.learning_rate
    train = config.train.model_copy(update={"learning_rate": rate})
    return config.model_copy(update={"precision": runtime.precision, "train": train}), runtime


def _load(task: Task, config: RunConfig[MethodSettings], revisions: Mapping[str, str]) -> tuple[Rows, Rows]:
    """Return the English train rows and the first English dev rows of a task."""
    mirror, seed = config.resources.mirror, derive_seed(config.seed, "limit_train")
    train = load_rows(task, "en", "train", mirror, revisions.get(f"{task.name}-train"))
    dev = load_rows(task, "en", "dev", mirror, revisions.get(f"{task.name}-dev"))
    return train.pick(config.data.limit_train, seed), dev.pick(config.train.eval_examples, None)


def known_revisions(folder: Path) -> dict[str, str]:
    """Return the data revisions that a run in `folder` began with: a resumed run reads the same rows."""
    rows = (_begun(folder) or {}).get("rows", {})
    return {name: origin["revision"] for name, origin in rows.items()}


def finished_run(folder: Path, resolved: Mapping[str, Any]) -> Run | None:
    """Return the finished run if `folder` holds this very one; refuse a folder that holds anything else."""
    begun = _begun(folder)
    if begun is None:
        others = [path.name for path in folder.iterdir() if path.name != ".lock"] if folder.is_dir() else []
        if others:
            raise UserError(f"{folder} is not empty and holds no run ({others[0]}, ...)", fix="choose another --out")
        return None
    changed = differences(begun, json.loads(json.dumps(resolved)))
    if changed:
        raise UserError(
            f"{folder} holds a run with other settings",
            where="\n  ".join(changed),
            fix="repeat the command that began it, or choose another --out",
        )
    return read_run(folder) if (folder / "run.json").is_file() else None


def _begun(folder: Path) -> dict[str, Any] | None:
    """Return the settings that a run in `folder` began with; None where none has begun."""
    file = folder / "config.json"
    if not file.is_file():
        return None
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        if all(isinstance(origin["revision"], str) for origin in settings["rows"].values()):
            return dict(settings)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise UserError(f"{file} is not what a training writes", fix="choose another --out")
