"""`train-intermediate` and `train-target`: from settings to a finished run folder.

Everything that can be wrong is found before the folder is touched; from then on the same command resumes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from adapterstilts.config.identity import derive_seed, fingerprint
from adapterstilts.config.schema import Phase
from adapterstilts.console import log
from adapterstilts.data.own import find_task
from adapterstilts.errors import UserError, nearest
from adapterstilts.evaluation.lm_head import fitting
from adapterstilts.formats import is_text, learnable
from adapterstilts.interrupt import listening
from adapterstilts.methods import method_of
from adapterstilts.methods._stack import parameters_of
from adapterstilts.model import Randomness, TransferModel, hold_frozen_in_bf16, seeded
from adapterstilts.store.atomic import remove_leftovers, write_json
from adapterstilts.store.places import locked
from adapterstilts.store.run import Run
from adapterstilts.tasks import Task, tasks
from adapterstilts.train import checkpoint, cost, loop
from adapterstilts.train.member import Member, Place
from adapterstilts.train.plan import Given, Plan, finished_run, known_revisions, make_plan
from adapterstilts.train.record import finish
from adapterstilts.train.statistics import gram_of


class Options(TypedDict, total=False):
    """What every training may be asked for; `train_intermediate` says what each means."""

    method: str
    base: str | None
    start: str | Path | None
    on_top: bool
    settings: Mapping[str, Any] | None


def train_intermediate(
    task: str | Sequence[str],
    *,
    out: str | Path,
    method: str = "lora",
    base: str | None = None,
    start: str | Path | None = None,
    on_top: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Train one or several intermediate tasks and return the finished run.

    `base`: a Hub id or a folder; None means XLM-R Large, or the base of `start`. `start`: a run to go on
    from. `settings`: dotted names as `--set` takes them (`adapterstilts settings` lists them). The same call
    resumes an interrupted run and returns a finished one at once. Raises UserError for bad input, Interrupted
    after a signal.

    The setting `mlm.ratio` puts masked LM beside the tasks, as many steps as make this share of all, on Wikipedia in
    `mlm.languages` or on `data.text` (files by language). The tasks' own steps are those of the run without it, and
    their dev rows alone choose the checkpoint; the record has `held_out` as of `continue_mlm`.
    """
    return train("intermediate", task, out, Given(method, base, start, on_top, settings))


def train_target(
    task: str | Sequence[str],
    *,
    out: str | Path,
    method: str = "lora",
    base: str | None = None,
    start: str | Path | None = None,
    on_top: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Train a target task on its rows in the source language, usually from an intermediate run, and return the run.

    The arguments are those of `train_intermediate`. The head is fresh, unless the setting `reuse_head` names a
    task of `start` whose head has the same labels.
    """
    return train("target", task, out, Given(method, base, start, on_top, settings))


def continue_mlm(
    task: str = "wikipedia",
    *,
    out: str | Path,
    text: Mapping[str, str | Path | Sequence[str | Path]] | None = None,
    **options: Unpack[Options],
) -> Run:
    """Train masked language modelling on text of several languages and return the finished run.

    `task`: one of the format masked_lm. `text`: UTF-8 files by language, read in the place of the task's rows; blank
    lines separate texts, and a file without any has one text a line. The settings `data.languages` (of the task's
    rows) and `train.language_exponent` say which languages, and in what shares. `options`: `method`, `base`, `start`,
    `on_top` and `settings`, as `train_intermediate` takes them. The LM head is that of the run before, or the base's
    own where its files have one, frozen except by the method full. The record's `held_out` tells by language how well
    hidden tokens of held-out text were guessed before and after.
    """
    if find_task(task).format != "masked_lm":
        known = [name for name in tasks.names() if tasks.get(name).format == "masked_lm"]
        raise UserError(f"task {task} is no text for masked language modelling", fix=nearest(task, known))
    if text is not None:
        files = {language: _names(some) for language, some in text.items()}
        options["settings"] = {**(options.get("settings") or {}), "data.text": files}
    return train("mlm", task, out, Given(**options))


def _names(files: str | Path | Sequence[str | Path]) -> list[str]:
    return [str(file) for file in ([files] if isinstance(files, str | Path) else files)]


def train(phase: Phase, task: str | Sequence[str], out: str | Path, given: Given) -> Run:
    """Train what was `given`, or go on with it, or return the finished run: what every training command does."""
    folder = Path(out)
    plan = make_plan(phase, [task] if isinstance(task, str) else list(task), given, known_revisions(folder))
    if plan.config.gram_examples and given.method != "lora":
        raise UserError(f"Gram matrices are of LoRA runs, and --method is {given.method}", fix="leave --save-gram out")
    finished = finished_run(folder, plan.resolved())
    if finished:
        log(f"already done: {folder}")
        return gram_of(finished, plan)
    log(plan.start.sentence(f"heads that begin as the one for {plan.head.name}" if plan.head else "fresh heads"))
    cost.forget_peak_memory()
    member = make_member(plan, folder)
    with locked(folder), listening() as stop:
        run = finished_run(folder, plan.resolved())  # another process was quicker
        if run is None:
            remove_leftovers(folder, below=True)
            write_json(folder / "config.json", plan.resolved())
            checkpoint.resume(member)
            loop.train([member], plan.runtime, stop)
            run = finish(member, plan)
    return gram_of(run, plan)


def make_member(plan: Plan, folder: Path) -> Member:
    """Build what a plan asks for: encoder, module, heads, optimiser, random numbers; nothing is written."""
    config, identity = plan.config, fingerprint(plan.resolved())
    name = f"at_{identity[:8]}"
    method = method_of(config.method.name)
    with seeded(derive_seed(config.first_weights, "adapter")):
        encoder, below = plan.start.encoder(plan.base, config.method, name)
    if plan.runtime.precision == "bf16" and method.frozen_base:
        hold_frozen_in_bf16(encoder, parameters_of(encoder, config.method.name, [*below, name]).values())
    model = TransferModel(encoder)
    for task in plan.tasks():
        _add_head(model, task, plan)
    model.to(plan.runtime.device)
    randomness = Randomness(derive_seed(config.seed, "training"), plan.runtime.device)
    return Member(Place(name, tuple(below), folder, identity), config, method, model, plan.train, plan.dev, randomness)


def _add_head(model: TransferModel, task: Task, plan: Plan) -> None:
    """Give the model the head for `task`: the one asked for, its LM head (frozen but for `full`), or a fresh one."""
    if plan.head and plan.head.record.format == task.format:
        plan.head.load(model, task.name)
        return
    model.add_head(task.name, learnable(task), len(task.labels), plan.config.first_weights)
    if is_text(task):
        found = fitting(plan.start.run, plan.base)
        if found is None:
            log(f"the base has no LM head in its files: the head for {task.name} is fresh, and trained")
        else:
            model.heads[task.name].load_state_dict(found.weights)
            model.heads[task.name].requires_grad_(plan.config.method.name == "full")
