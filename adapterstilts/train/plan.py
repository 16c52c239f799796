"""A run before its first step: every question asked, every row found, nothing written yet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.base import BaseFiles, load_tokenizer, positions
from adapterstilts.config.identity import derive_seed
from adapterstilts.config.resolve import differences, read_settings, resolve, schema_for
from adapterstilts.config.schema import MethodSettings, Phase, RunConfig
from adapterstilts.console import log_once
from adapterstilts.data.cache import Encoded, encode_rows, encoding_for
from adapterstilts.data.own import find_tasks
from adapterstilts.data.rows import Rows
from adapterstilts.data.source import load_languages, load_rows
from adapterstilts.data.source_language import from_language
from adapterstilts.data.text_files import text_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.heads import SavedHead, read_head
from adapterstilts.formats import formats, learnable
from adapterstilts.methods import method_of
from adapterstilts.mini.embedded import mirror_folder, usual_mirror
from adapterstilts.model import Runtime, choose_runtime
from adapterstilts.store.atomic import is_leftover
from adapterstilts.store.run import Run, read_run
from adapterstilts.tasks import Split, Task, require, tasks
from adapterstilts.tasks._groups import expand, must_be_tasks
from adapterstilts.train import interleaving
from adapterstilts.train.fused import Fused, find_fused
from adapterstilts.train.recipe import with_recipe
from adapterstilts.train.start import Start, find_start, must_fit


@dataclass(frozen=True)
class Given:
    """What a training command was asked for, apart from its tasks and its folder. `members`: of a fusion."""

    method: str = "lora"
    base: str | None = None
    start: str | Path | None = None
    on_top: bool = False
    settings: Mapping[str, Any] | None = None
    members: Sequence[Run | str | Path] = ()


@dataclass(frozen=True)
class Plan:
    """A run before its first step: all questions asked, nothing written."""

    config: RunConfig[MethodSettings]
    start: Start | Fused
    base: BaseFiles
    runtime: Runtime
    train: dict[str, Encoded]
    dev: dict[str, Encoded]
    head: SavedHead | None = None

    def tasks(self) -> list[Task]:
        """Return the tasks that are trained, each once."""
        return list({encoded.rows.task.name: encoded.rows.task for encoded in self.train.values()}.values())

    def resolved(self) -> dict[str, Any]:
        """Return what decides the result: all settings but resources, with digests in place of paths."""
        settings = self.config.model_dump(mode="json", exclude={"resources", "base", "start"})
        parents = [parent.fingerprint for parent in self.start.parents]
        return {**settings, "base": self.base.fingerprint, "parents": parents, "rows": self.origins()}

    def origins(self) -> dict[str, Any]:
        """Return where all rows are from, by label and split."""
        many = [*self.train.items(), *self.dev.items()]
        return {f"{label}-{encoded.rows.split}": encoded.rows.origin() for label, encoded in many}


def make_plan(phase: Phase, names: Sequence[str], given: Given, revisions: Mapping[str, str]) -> Plan:
    """Ask every question that a training can be refused by, and read and tokenise its rows.

    What is quick to find out comes first, what is downloaded last. `revisions` pins the Hub commit of rows
    by `task-split`. Raises UserError for anything that cannot be.
    """
    if phase == "target":
        must_be_tasks(names)
    asked = find_tasks(expand(names))
    declared = [learned(require(task, "target" if phase == "target" else "intermediate")) for task in asked]
    names = [task.name for task in asked]
    if len(set(names)) < len(names):
        raise UserError(f"a task is named twice: {', '.join(names)}", fix="name each --task once")
    start = _find(given)
    config, runtime = _settle(phase, names, start, given)
    interleaving.must_suit(phase, declared, config)
    owner = start.owner_of(config.reuse_head)
    for task in declared:
        reusable_head(owner, config.reuse_head, task)
    declared = [_in_source_language(task, one, config) for task, one in zip(declared, asked, strict=True)]
    wanted = interleaving.for_tasks(config)
    rows = {label: pair for task in declared for label, pair in _load(task, wanted, revisions).items()}
    heads = [reusable_head(owner, config.reuse_head, train.task) for train, _ in rows.values()]
    if config.mlm.ratio:
        rows |= _load(tasks.get(interleaving.TEXT), interleaving.for_text(config), revisions)
    base = start.find_base(given.base)
    tokenizer, room = load_tokenizer(base), positions(base)
    train, dev = (
        {label: encode_rows(pair[side], encoding_for(pair[side].task, tokenizer, config.data, room))
         for label, pair in rows.items()}
        for side in (0, 1)
    )  # fmt: skip
    return Plan(config.model_copy(update={"base": base.name}), start, base, runtime, train, dev, heads[0])


def _find(given: Given) -> Start | Fused:
    if given.members:
        return find_fused(given.method, given.members)
    return find_start(given.method, str(given.start) if given.start else None, given.on_top)


def rows_of(run: Run, names: Sequence[str] | None = None, mirror: str | None = None) -> dict[str, Rows]:
    """Return the rows that a finished run was trained on, by label, read again; interleaved text is left out.

    `names`: its tasks, for those that are YAML files; None means as it recorded them. `mirror`: None means its own.
    Raises UserError where the rows are no longer those that it has recorded.
    """
    config = read_settings(schema_for(method_of(run.method).schema), run.record.config)
    resources = config.resources.model_copy(update={"mirror": mirror or config.resources.mirror})
    config = config.model_copy(update={"resources": resources})
    asked = find_tasks(names or config.tasks)
    declared = [learned(require(task, "target" if run.phase == "target" else "intermediate")) for task in asked]
    declared = [_in_source_language(task, one, config) for task, one in zip(declared, asked, strict=True)]
    revisions, wanted = known_revisions(run.path), interleaving.for_tasks(config)
    rows = {label: pair[0] for task in declared for label, pair in _load(task, wanted, revisions).items()}
    for label, some in rows.items():
        changed = differences(run.record.data.get(f"{label}-train", {}), json.loads(json.dumps(some.origin())))
        if changed:
            raise UserError(
                f"the rows of {label} are not those that {run.path} was trained on",
                where="; ".join(changed),
                fix="name the place of its own rows: --mirror DIR",
            )
    return rows


def learned(task: Task) -> Task:
    """Return the task whose train rows and head serve `task`: itself, or the one that it learns from."""
    learnable(task)
    if "train" in task.splits:
        return task
    if not task.learns_from:
        raise UserError(f"task {task.name} has no train rows", fix="add a train file, or `learns_from: [TASK]`")
    other = tasks.get(task.learns_from[0])
    log_once(f"{task.name} has no train rows; it learns from {other.name}, whose head answers it")
    return other


def _in_source_language(task: Task, asked: Task, config: RunConfig[MethodSettings]) -> Task:
    """Return the task as one that is trained on in the language that was asked for; without one, as it is."""
    language = config.data.source_language
    if language is None:
        return task
    if config.data.select_on == "xtreme":
        raise UserError(
            "data.select_on = 'xtreme': XTREME chooses checkpoints on English test rows, and on no other language's",
            fix="use --select-on dev, or leave --source-language out",
        )
    return from_language(task, asked, language, mirror_folder(config.resources.mirror))


def reusable_head(run: Run | None, name: str | None, task: Task) -> SavedHead | None:
    """Return the head of the start that `task` is to begin with; None: a fresh one.

    A UserError where there is none of that name, or where its outputs mean something else.
    """
    if name is None:
        return None
    if run is None:
        raise UserError("--reuse-head needs a run to take the head from", fix="add --from RUN")
    head = read_head(run, name)
    if not stands_for(head, task):
        raise UserError(
            f"the head for {name} cannot start one for {task.name}: its outputs mean something else",
            where=f"{name}: {head.record.format} {', '.join(head.record.labels)}; "
            f"{task.name}: {task.format} {', '.join(task.labels)}",
            fix="leave --reuse-head out for a fresh head",
        )
    return head


def stands_for(head: SavedHead, task: Task) -> bool:
    """Return whether a head's outputs mean what those of a head for `task` do."""
    free = learnable(task).positional or (task.open_labels and not task.labels)  # open ones are known with the rows
    return head.record.format == task.format and (free or head.record.labels == [*task.labels])


def _settle(
    phase: Phase, names: Sequence[str], start: Start | Fused, given: Given
) -> tuple[RunConfig[MethodSettings], Runtime]:
    """Return the settings with nothing left open: precision by the device, learning rate by the method."""
    method = method_of(given.method)
    fields = {
        "phase": phase, "tasks": tuple(names), "method": {**start.settings(), "name": given.method},
        "start": str(given.start) if given.start else None, "on_top": start.on_top,
    }  # fmt: skip
    settings = with_recipe(given.settings or {}, names, given.method)
    config: RunConfig[MethodSettings] = resolve(fields, settings, method.schema)
    if isinstance(start, Start):
        must_fit(start, config.method)
    runtime = choose_runtime(config.resources, config.precision)
    rate = config.train.learning_rate or method.learning_rate
    mirror = config.resources.mirror or _usual_mirror(given.base, start)
    new = {
        "precision": runtime.precision,
        "train": config.train.model_copy(update={"learning_rate": rate}),
        "resources": config.resources.model_copy(update={"mirror": mirror}),
    }
    return config.model_copy(update=new), runtime


def _usual_mirror(base: str | None, start: Start | Fused) -> str | None:
    return next(filter(None, (usual_mirror(base, run) for run in [*start.before, None])), None)


def _load(task: Task, config: RunConfig[MethodSettings], revisions: Mapping[str, str]) -> dict[str, tuple[Rows, Rows]]:
    """Return train and dev rows by label: those in the source language; of a multilingual format, in every language.

    Of the train rows they are as many as were asked for, of the dev rows the first ones, which choose the checkpoint.
    """
    seed = derive_seed(config.seed, "limit_train")
    return {
        label: (train.pick(config.data.limit_train, seed), dev.pick(config.train.eval_examples, None))
        for label, (train, dev) in _sources(task, config, revisions).items()
    }


def _sources(
    task: Task, config: RunConfig[MethodSettings], revisions: Mapping[str, str]
) -> dict[str, tuple[Rows, Rows]]:
    """Return all train and dev rows by label: of a person's own files if there are any, else of the mirror or Hub."""
    if config.data.text is not None:
        _text_must_suit(task, config)
        return {f"{task.name}.{one}": text_rows(task, one, files) for one, files in config.data.text.items()}
    if not getattr(formats.get(task.format), "multilingual", False):
        return {task.name: _load_language(task, task.train_language, task.name, config, revisions)}
    labels = {language: f"{task.name}.{language}" for language in _there(task, config, revisions)}
    return {label: _load_language(task, language, label, config, revisions) for language, label in labels.items()}


def _there(task: Task, config: RunConfig[MethodSettings], revisions: Mapping[str, str]) -> list[str]:
    """Return the languages that have train rows here, of those that were asked for."""
    mirror = mirror_folder(config.resources.mirror)
    pinned = {language: revisions.get(f"{task.name}.{language}-train") for language in task.languages}
    found = load_languages(task, config.data.languages, "train", mirror, config.data.limit_text, pinned)
    return [one.language for one in found]


def _text_must_suit(task: Task, config: RunConfig[MethodSettings]) -> None:
    """Raise UserError where text files cannot stand in for the task's rows, or beside another choice of rows."""
    if task.format != "masked_lm" or not task.held_out:
        raise UserError(f"text files cannot be rows of task {task.name}", fix="use: adapterstilts continue-mlm --text")
    if not config.data.text or not all(config.data.text.values()):
        raise UserError("data.text names no file", fix="give at least one file a language")
    if config.data.languages or config.data.select_on != "dev":
        raise UserError(
            "--languages and --select-on choose among the rows of a task; text files stand in for them",
            fix="leave them out: every language of --text is trained on, and held-out texts choose the checkpoint",
        )


def _load_language(
    task: Task, language: str, label: str, config: RunConfig[MethodSettings], revisions: Mapping[str, str]
) -> tuple[Rows, Rows]:
    """Return the train rows of one language and the rows that choose the checkpoint."""
    mirror = mirror_folder(config.resources.mirror)
    as_xtreme = config.data.select_on == "xtreme"
    if as_xtreme and not task.held_out:
        raise UserError(
            f"data.select_on = 'xtreme': {task.name} has dev rows of its own, as in XTREME",
            fix="leave --select-on out",
        )
    train, limit = revisions.get(f"{label}-train"), config.data.limit_text
    split: Split = "test" if as_xtreme else "dev"
    return (
        load_rows(task, language, "train", mirror, train, hold_out=not as_xtreme, limit_text=limit),
        load_rows(task, language, split, mirror, revisions.get(f"{label}-{split}"), limit_text=limit),
    )


def known_revisions(folder: Path) -> dict[str, str]:
    """Return the data revisions that a run in `folder` began with: a resumed run reads the same rows."""
    rows = (_begun(folder) or {}).get("rows", {})
    return {name: origin["revision"] for name, origin in rows.items()}


def finished_run(folder: Path, resolved: Mapping[str, Any]) -> Run | None:
    """Return the finished run if `folder` holds this very one; refuse a folder that holds anything else."""
    begun = _begun(folder)
    if begun is None:
        files = [*folder.iterdir()] if folder.is_dir() else []
        others = [file.name for file in files if file.name != ".lock" and not is_leftover(file)]
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
