"""Tables of a study at work: what is planned and what it will take, what a run has come to, how things stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from adapterstilts.experiment.command import Job, Outcome
from adapterstilts.experiment.costs import TFLOPS, Estimate, Total, cost_model, estimates, total, wall_seconds
from adapterstilts.experiment.demands import Demands
from adapterstilts.experiment.gc import Unasked
from adapterstilts.experiment.plan import STATES, Entry, Plan, make_plan
from adapterstilts.experiment.runner import slots_for
from adapterstilts.experiment.status import Status
from adapterstilts.experiment.telling import duration
from adapterstilts.report.tables import Table, amount

_REASONS = 20  # lines of reasons in one table
_FOLLOWS = "follows from steps that are stale"


@dataclass(frozen=True)
class Forecast:
    """A plan, what each step still to be done will take, on which device and how many slots, and for how long."""

    plan: Plan
    estimates: Mapping[str, Estimate]
    device: str
    slots: int
    wall: float
    tflops: float | None = None

    @property
    def whole(self) -> Total:
        """All steps together."""
        return total(self.estimates.values())

    @cached_property
    def by_kind(self) -> dict[str, list[Estimate]]:
        """What the steps of each kind will take, in the order of the graph; an empty list where none is to do."""
        found: dict[str, list[Estimate]] = {step.kind: [] for step in self.plan.graph}
        for name, one in self.estimates.items():
            found[self.plan.graph.steps[name].kind].append(one)
        return found


def forecast_of(job: Job, devices: str | None = None, jobs: int | None = None, tflops: float | None = None) -> Forecast:
    """Return what the rest of a study will take on these slots (`slots_for`); `tflops`: the speed of one."""
    places = slots_for(devices, jobs)
    plan, demands = make_plan(job.graph, job.folder), Demands(job.graph)
    model = cost_model(plan, demands, places[0], tflops)
    found = estimates(plan.of("run", "stale"), model, demands)
    return Forecast(plan, found, places[0], len(places), wall_seconds(plan, found, len(places)), tflops)


def plan_tables(forecast: Forecast) -> list[Table]:
    """Return a plan's tables: by kind of step, and why steps are not simply to run or done."""
    plan = forecast.plan
    counts = Counter((one.step.kind, one.state) for one in plan.entries.values())
    rows = [
        _row(kind, [counts[kind, state] for state in STATES], total(some)) for kind, some in forecast.by_kind.items()
    ]
    rows.append(_row("all", [len(plan.of(state)) for state in STATES], forecast.whole))
    headings = ["kind", "steps", *STATES, "time", "disk", "memory of one"]
    title = f"{plan.folder}: {len(plan.todo)} of {len(plan.entries)} steps to do"
    return [
        Table(title, headings, rows, _notes(forecast)),
        *reason_tables(plan.of("stale", "failed", "blocked", "run")),
    ]


def _kinds(plan: Plan) -> list[str]:
    return list(dict.fromkeys(step.kind for step in plan.graph))


def _row(name: str, counts: Sequence[int], whole: Total) -> list[str]:
    return [name, str(sum(counts)), *(str(count or "-") for count in counts), *_totals(whole)]


def _totals(whole: Total) -> list[str]:
    return [duration(whole.seconds), amount(whole.disk) + "B", amount(whole.memory) + "B"]


def _notes(forecast: Forecast) -> list[str]:
    """Say how long it takes on so many slots, and how that is known."""
    kinds: dict[str, list[str]] = {}
    for kind, some in forecast.by_kind.items():
        for how in dict.fromkeys(one.how for one in some):
            kinds.setdefault(how, []).append(kind)
    known = "; ".join(f"{', '.join(names)}: {how}" for how, names in kinds.items())
    slots = f"{forecast.slots} slots" if forecast.slots > 1 else "one slot"
    notes = [f"about {duration(forecast.wall)} on {slots} ({forecast.device}), if no slot is ever idle"]
    if not kinds:
        return []
    if "assumed" in kinds:
        device = forecast.device.partition(":")[0]
        speed = forecast.tflops or TFLOPS.get(device, TFLOPS["cpu"])
        known += f" ({speed:g} TFLOP/s a slot; --tflops N says otherwise)"
    return [*notes, f"times: {known}"]


def reason_tables(entries: Iterable[Entry]) -> list[Table]:
    """Return why steps are in their states, equal reasons in one line; no table where there is nothing to say."""
    reasons: dict[tuple[str, str], list[Entry]] = {}
    for one in entries:
        if one.reason:
            reason = _FOLLOWS if one.reason.startswith("follows from ") else one.reason
            reasons.setdefault((one.state, reason), []).append(one)
    if not reasons:
        return []
    rows = [[state, str(len(some)), some[0].step.label, reason] for (state, reason), some in reasons.items()]
    notes = [f"and {len(rows) - _REASONS} reasons more: --steps tells all"] if rows[_REASONS:] else []
    return [Table("why", ["state", "steps", "such as", "reason"], rows[:_REASONS], notes, words=True)]


def plan_lines(forecast: Forecast) -> Iterable[str]:
    """Yield one line a step: state, identity, seconds, label, reason, with tabs between."""
    for name, one in forecast.plan.entries.items():
        seconds = f"{forecast.estimates[name].seconds:.0f}" if name in forecast.estimates else ""
        yield "\t".join([one.state, name, seconds, one.step.label, one.reason])


def plan_json(forecast: Forecast) -> dict[str, Any]:
    """Return a plan as JSON holds it."""
    steps = [
        {**_entry(one), "estimate": forecast.estimates[name]._asdict() if name in forecast.estimates else None}
        for name, one in forecast.plan.entries.items()
    ]
    whole = {**forecast.whole._asdict(), "wall": forecast.wall, "slots": forecast.slots, "device": forecast.device}
    return {"folder": str(forecast.plan.folder), "total": whole, "steps": steps}


def _entry(one: Entry) -> dict[str, Any]:
    return {"id": one.step.id, "kind": one.step.kind, "label": one.step.label, "state": one.state, "reason": one.reason}


def outcome_tables(outcome: Outcome, words: Sequence[str]) -> list[Table]:
    """Return what a run has come to: done, failed, not run and why, and the command that tries again."""
    plan = outcome.plan
    done, failed, blocked, left = (len(plan.of(*some)) for some in _GROUPS.values())
    row = ["steps", str(done), str(len(outcome.done_now)), str(failed), str(blocked + left)]
    command = " ".join(words)
    notes = []
    if failed:
        notes += [f"try the failed ones again: adapterstilts retry {command} --failed",
                  f"their logs: {plan.folder}/steps/<identity>/log.txt, or adapterstilts status {command}"]  # fmt: skip
    title = str(plan.folder) + (": all done" if outcome.whole else "")
    found = [Table(title, ["", "done", "of them now", "failed", "not run"], [row], notes)]
    return [*found, *reason_tables(plan.of("failed", "blocked", "run", "stale"))]


_GROUPS: Mapping[str, tuple[Any, ...]] = {
    "done": ("cached",), "failed": ("failed",), "blocked": ("blocked",), "left": ("run", "stale"),
}  # fmt: skip


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Return what a run has come to as JSON holds it."""
    plan = outcome.plan
    return {
        "folder": str(plan.folder),
        "done": len(plan.of("cached")),
        "done_now": list(outcome.done_now),
        "failed": [_entry(one) for one in plan.of("failed")],
        "not_run": [_entry(one) for one in plan.of("blocked", "run", "stale")],
    }


_STATES = ("done", "running", "failed", "blocked", "left")


def status_tables(status: Status) -> list[Table]:
    """Return how a study stands: counts by kind, what is at work, what has failed and where its log is."""
    plan = status.plan
    rows = [[kind, *(str(status.count(kind, state) or "-") for state in _STATES)] for kind in _kinds(plan)]
    sums = [sum(status.count(kind, state) for kind in _kinds(plan)) for state in _STATES]
    rows.append(["all", *(str(count or "-") for count in sums)])
    found = [Table(str(plan.folder), ["kind", *_STATES], rows, [f"on disk: {amount(status.disk)}B"])]
    at_work = [one for one in plan.entries.values() if one.step.id in status.running]
    if at_work:
        lines = [[one.step.label, str(status.log(one))] for one in at_work]
        found.append(Table("at work", ["step", "log"], lines, words=True))
    failed = plan.of("failed")
    if failed:
        lines = [[one.step.label, one.reason, str(status.log(one))] for one in failed]
        found.append(Table("failed", ["step", "why", "log"], lines, words=True))
    return found


def status_json(status: Status) -> dict[str, Any]:
    """Return how a study stands as JSON holds it."""
    steps = [{**_entry(one), "state": status.state(one)} for one in status.plan.entries.values()]
    counts = {state: sum(one["state"] == state for one in steps) for state in _STATES}
    failed = [{**_entry(one), "log": str(status.log(one))} for one in status.plan.of("failed")]
    return {"folder": str(status.plan.folder), "disk": status.disk, "counts": counts, "failed": failed, "steps": steps}


def unasked_table(found: Sequence[Unasked]) -> Table:
    """Return the steps that a recipe no longer asks for, with their sizes."""
    rows = [[one.label or "(not finished)", one.folder.name, amount(one.bytes) + "B"] for one in found]
    rows.append([f"{len(found)} steps", "", amount(sum(one.bytes for one in found)) + "B"])
    return Table("no longer asked for", ["step", "folder", "size"], rows, words=True)


def unasked_json(found: Sequence[Unasked]) -> list[dict[str, Any]]:
    """Return the steps that a recipe no longer asks for as JSON holds them."""
    return [{"id": one.folder.name, "label": one.label, "bytes": one.bytes} for one in found]
