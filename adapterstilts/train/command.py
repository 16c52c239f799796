"""`train-intermediate` and `train-target`: from settings to a finished run folder.

Everything that can be wrong is found before the folder is touched; from then on the same command resumes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapterstilts.config.identity import derive_seed, fingerprint
from adapterstilts.config.schema import Phase
from adapterstilts.console import log
from adapterstilts.formats import learnable
from adapterstilts.interrupt import listening
from adapterstilts.methods import methods
from adapterstilts.methods._stack import parameters_of
from adapterstilts.model import Randomness, TransferModel, hold_frozen_in_bf16, seeded
from adapterstilts.store.atomic import write_json
from adapterstilts.store.places import locked
from adapterstilts.store.run import Run
from adapterstilts.tasks import Task
from adapterstilts.train import checkpoint, cost, loop
from adapterstilts.train.member import Member, Place
from adapterstilts.train.plan import Given, Plan, finished_run, known_revisions, make_plan
from adapterstilts.train.record import finish


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
    from. `settings`: dotted names as `--set` takes them (`adapterstilts settings` lists them). The same
    call resumes an interrupted run and returns a finished one at once. Raises UserError for bad input,
    Interrupted after a signal.
    """
    return _train("intermediate", task, out, Given(method, base, start, on_top, settings or {}))


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
    """Train a target task on its English rows, usually from an intermediate run, and return the run.

    The arguments are those of `train_intermediate`. The head is fresh, unless the setting `reuse_head` names a
    task of `start` whose head has the same labels.
    """
    return _train("target", task, out, Given(method, base, start, on_top, settings or {}))


def _train(phase: Phase, task: str | Sequence[str], out: str | Path, given: Given) -> Run:
    folder = Path(out)
    plan = make_plan(phase, [task] if isinstance(task, str) else list(task), given, known_revisions(folder))
    finished = finished_run(folder, plan.resolved())
    if finished:
        log(f"already done: {folder}")
        return finished
    log(plan.start.sentence(f"heads that begin as the one for {plan.head.name}" if plan.head else "fresh heads"))
    cost.forget_peak_memory()
    member = make_member(plan, folder)
    with locked(folder), listening() as stop:
        if finished := finished_run(folder, plan.resolved()):  # another process was quicker
            return finished
        write_json(folder / "config.json", plan.resolved())
        checkpoint.resume(member)
        loop.train([member], plan.runtime, stop)
        return finish(member, plan)


def make_member(plan: Plan, folder: Path) -> Member:
    """Build what a plan asks for: encoder, module, heads, optimiser, random numbers; nothing is written."""
    config, identity = plan.config, fingerprint(plan.resolved())
    name = f"at_{identity[:8]}"
    method = methods.get(config.method.name)
    with seeded(derive_seed(config.seed, "adapter")):
        encoder, below = plan.start.encoder(plan.base, config.method, name)
    if plan.runtime.precision == "bf16" and method.frozen_base:
        hold_frozen_in_bf16(encoder, parameters_of(encoder, config.method.name, [*below, name]).values())
    model = TransferModel(encoder)
    for encoded in plan.train.values():
        _add_head(model, encoded.rows.task, plan)
    model.to(plan.runtime.device)
    randomness = Randomness(derive_seed(config.seed, "training"), plan.runtime.device)
    return Member(Place(name, tuple(below), folder, identity), config, method, model, plan.train, plan.dev, randomness)


def _add_head(model: TransferModel, task: Task, plan: Plan) -> None:
    if plan.head:
        plan.head.load(model, task.name)
    else:
        model.add_head(task.name, learnable(task), len(task.labels), plan.config.seed)
