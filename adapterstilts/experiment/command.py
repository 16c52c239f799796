"""`run` and `retry`: do what is left of a study, or one of its steps."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from adapterstilts.console import log
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.experiment.build import Layout
from adapterstilts.experiment.costs import cost_model, estimates, remember, total
from adapterstilts.experiment.demands import Demands
from adapterstilts.experiment.kinds import kinds
from adapterstilts.experiment.names import link_runs
from adapterstilts.experiment.plan import Plan, make_plan
from adapterstilts.experiment.record import read_done
from adapterstilts.experiment.runner import Runner
from adapterstilts.experiment.schedule import Schedule
from adapterstilts.experiment.step import Graph, Step
from adapterstilts.experiment.telling import Telling
from adapterstilts.experiment.work import Ended, Place, do, owner_of, settled
from adapterstilts.interrupt import listening
from adapterstilts.store.atomic import remove_leftovers
from adapterstilts.store.places import locked

FLOOR = 1_000_000_000  # bytes that stay free on the disk


@dataclass(frozen=True)
class Job:
    """A study to be run: its steps, its folder, dotted settings of resources.

    `words` name it on a command line: RECIPE --out DIR. `layout`: the places of its grid, by which its runs are linked.
    """

    graph: Graph
    folder: Path
    resources: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    layout: Layout | None = None


class Outcome(NamedTuple):
    """What a run has come to: the plan as it is now, and which steps were done in it."""

    plan: Plan
    done_now: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether every step of the study is done."""
        return len(self.plan.of("cached")) == len(self.plan.entries)


def run_job(job: Job, runner: Runner, again: Collection[str] = (), *, check_disk: bool = True) -> Outcome:
    """Do every step that is not done, as far as possible; a step that fails keeps back only what needs it.

    `again`: failed steps to be tried again; others that have failed before are not. Raises UserError where another
    process runs this study or the disk is too small, Interrupted after a signal, once all steps are at a safe point.
    """
    before = make_plan(job.graph, job.folder, again)  # all that is wrong is found before the folder is touched
    if check_disk:
        must_fit(before, runner.devices[0])
    if not before.todo:
        _link(job)
        return Outcome(before, ())
    with locked(job.folder), listening() as stop:
        remove_leftovers(job.folder / "steps")
        plan = make_plan(job.graph, job.folder, again)
        place = Place(job.folder, resources=job.resources)
        schedule = Schedule(job.graph, [step.id for step in plan.todo], lambda step: _written(job.folder, step))
        try:
            with _Remembering(job, plan) as watch:
                runner.run(place, schedule, watch, stop)
        finally:
            _link(job)
        if stop.signal_name and schedule.todo:
            log(f"{len(watch.found)} steps were done; {len(schedule.todo)} are left")
            raise Interrupted(stop.signal_name)
        return Outcome(make_plan(job.graph, job.folder), tuple(watch.found))


def _link(job: Job) -> None:
    if job.layout and job.folder.is_dir():
        link_runs(job.layout, job.folder)


class _Remembering(Telling):
    """Tells of steps, and adds those that are done to the history of costs."""

    def __init__(self, job: Job, plan: Plan) -> None:
        super().__init__(job.folder, len(plan.entries), len(plan.of("cached")))
        self.demands = Demands(job.graph)
        self.found: list[str] = []

    def ended(self, step: Step, how: Ended) -> None:
        """Tell how a step has ended, and remember what it took."""
        super().ended(step, how)
        done = settled(self.study, step.id) if how.state == "done" else None
        if done:
            self.found.append(step.id)
            remember(step, done, self.demands)


def run_one(job: Job, identity: str, device: str) -> Ended:
    """Do one step of a study in this process, whatever else is done in its folder meanwhile; say how it has ended.

    A step that has failed before is tried again. Raises UserError for an unknown step, and where steps that it needs
    are not done, with the commands that do them; Interrupted after a signal.
    """
    step = job.graph.find(identity)
    done = settled(job.folder, step.id)
    if done:
        log(f"already done: {step.label}")
        return Ended(step.id, "done", done.cost.seconds)
    missing = [need for need in step.needs if settled(job.folder, need) is None]
    if missing:
        words = " ".join(job.words)
        raise UserError(
            f"{step.label} needs {len(missing)} steps that are not done",
            where="\n  ".join(f"{job.graph.steps[need].label}" for need in missing),
            fix="\n  ".join(f"run: adapterstilts run {words} --step {need}" for need in missing),
        )
    with _threads(device):
        how = do(step, Place(job.folder, device, job.resources), aloud=True)
    if how.state == "stopped":
        raise Interrupted(how.error)
    record = settled(job.folder, step.id) if how.state == "done" else None
    if record:
        remember(step, record, Demands(job.graph))
    return how


def _threads(device: str) -> Any:
    """Compute with one thread on the CPU, as the slots of a run do, so that both leave the same."""
    if device != "cpu":
        return nullcontext()
    from adapterstilts.model import one_thread

    return one_thread()


def _written(folder: Path, step: Step) -> str:
    """Return whose folder a step writes into, once those that it needs are done."""
    kind = kinds.get(step.kind)
    needs = step.parents.get(kind.writes_into, ())
    found = [done.run(folder) for need in needs if (done := read_done(folder, need))]
    return owner_of(folder, kind, {kind.writes_into: tuple(run for run in found if run)}) or step.id


def must_fit(plan: Plan, device: str) -> None:
    """Raise UserError where the disk has less room than the steps still to be done will take, and the floor."""
    demands = Demands(plan.graph)
    entries = plan.of("run", "stale")
    needed = total(estimates(entries, cost_model(plan, demands, device), demands).values()).disk
    place = next(folder for folder in (plan.folder.resolve(), *plan.folder.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if entries and free < needed + FLOOR:
        raise UserError(
            f"{free / 1e9:.1f} GB are free in {place}, and {len(entries)} steps will take about {needed / 1e9:.1f} GB",
            where=f"({FLOOR / 1e9:.0f} GB are to stay free; `adapterstilts plan` says what takes how much)",
            fix="free some, choose another --out, or start it all the same with --no-disk-check",
        )
