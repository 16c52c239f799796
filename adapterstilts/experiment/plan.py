"""What there is to do in a study, and why: every step is cached, to run, stale, failed or blocked.

Nothing here needs torch, or reads more than one small file a step.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from adapterstilts.config.resolve import differences
from adapterstilts.errors import UserError
from adapterstilts.experiment.kinds import kinds
from adapterstilts.experiment.record import RUN, STEP, Done, Failure, read_done, read_failure
from adapterstilts.experiment.step import Graph, Step, folder_of
from adapterstilts.store.manifest import Damaged

State = Literal["cached", "run", "stale", "failed", "blocked"]
STATES: tuple[State, ...] = ("cached", "run", "stale", "failed", "blocked")
_SHOWN = 3  # differences named in one reason
_FAILED: tuple[State, ...] = ("failed", "blocked")


@dataclass(frozen=True)
class Entry:
    """One step of a plan: its state and the reason for it, and what it has left so far."""

    step: Step
    state: State
    reason: str = ""
    done: Done | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Plan:
    """All steps of a study by identity, in the graph's order, and the records of steps that it no longer asks for."""

    graph: Graph
    folder: Path
    entries: Mapping[str, Entry]
    others: Sequence[Done]

    @property
    def todo(self) -> list[Step]:
        """The steps that a run would do."""
        return [one.step for one in self.entries.values() if one.state in ("run", "stale")]

    def of(self, *states: State) -> list[Entry]:
        """Return the entries in one of these states."""
        return [one for one in self.entries.values() if one.state in states]


def make_plan(graph: Graph, folder: Path, again: Collection[str] = ()) -> Plan:
    """Look at every step of a study in its folder and say what a run would do; `again`: failed steps to be tried.

    cached: it is done, and what it has left can be read. stale: under the same label something else was done before;
    the reason says what has changed. failed: it has failed, and is not repeated. blocked: it needs one that has.
    """
    present = _present(folder)
    strangers = sorted(present - set(graph.steps))
    others = [done for name in strangers if (done := _readable(folder, name))]
    look = _Look(graph, folder, present, {done.label: done for done in sorted(others, key=_age(folder))}, set(again))
    for step in graph:
        look.found[step.id] = look.entry(step)
    return Plan(graph, folder, look.found, others)


class _Look:
    """A look at one step after another; every step comes behind those that it needs."""

    def __init__(
        self, graph: Graph, folder: Path, present: set[str], before: Mapping[str, Done], again: set[str]
    ) -> None:
        self.graph, self.folder, self.present, self.before, self.again = graph, folder, present, before, again
        self.found: dict[str, Entry] = {}
        self.writes_into = {kind: kinds.get(kind).writes_into for kind in {step.kind for step in graph}}

    def entry(self, step: Step) -> Entry:
        """Return one step's state, and the reason for it."""
        damage = ""
        if step.id in self.present:
            try:
                done = read_done(self.folder, step.id)
            except Damaged as reason:
                done, damage = None, f"to be done again: {reason}"
            into = self.writes_into[step.kind]
            gone = [one for one in step.parents.get(into, ()) if self.found[one].state != "cached"]
            if done and gone:
                return Entry(step, "run", f"what it wrote into is no longer there: {self._label(gone)}")
            if done:
                return Entry(step, "cached", "", done)
        return self._undone(step, damage)

    def _undone(self, step: Step, damage: str) -> Entry:
        failure = read_failure(self.folder, step.id) if step.id in self.present else None
        if failure and step.id not in self.again:
            return Entry(step, "failed", failure.error, failure=failure)
        failed = [need for need in step.needs if self.found[need].state in _FAILED]
        if failed:
            return Entry(step, "blocked", f"needs {self._label(failed)}", failure=failure)
        if failure:
            return Entry(step, "run", f"failed before ({_times(failure.attempts)}): {failure.error}", failure=failure)
        if damage:
            return Entry(step, "run", damage)
        before = self.before.get(step.label)
        if before and before.kind == step.kind:
            return Entry(step, "stale", self._change(step, before))
        return Entry(step, "run", "begun before: goes on" if self._begun(step) else "")

    def _change(self, step: Step, before: Done) -> str:
        """Say what is different from the step of the same label that was done before."""
        changed = [line.removeprefix("settings.") for line in differences(before.settings, step.settings)]
        if before.version != step.version:
            changed.insert(0, f"version of {step.kind}: {before.version} -> {step.version}")
        if changed:
            return ", ".join(changed[:_SHOWN]) + (f", and {len(changed) - _SHOWN} more" if changed[_SHOWN:] else "")
        known = {need for ids in before.parents.values() for need in ids}
        new = [need for need in step.needs if need not in known]
        stale = [need for need in new if self.found[need].state == "stale"]
        if stale:
            return f"follows from {self._label(stale)}, which is stale"
        return f"builds on other steps: {self._label(new)}" if new else "builds on fewer steps"

    def _begun(self, step: Step) -> bool:
        return step.id in self.present and (folder_of(self.folder, step.id) / RUN).is_dir()

    def _label(self, identities: Sequence[str]) -> str:
        first = self.graph.steps[identities[0]].label
        return first if len(identities) == 1 else f"{first} (and {len(identities) - 1} more)"


def _times(attempts: int) -> str:
    return "once" if attempts == 1 else f"{attempts} times"


def _present(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder / "steps") if not entry.name.startswith(".")}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def _readable(folder: Path, identity: str) -> Done | None:
    try:
        return read_done(folder, identity)
    except Damaged:
        return None


def _age(folder: Path) -> Callable[[Done], float]:
    return lambda done: (folder_of(folder, done.id) / STEP).stat().st_mtime


class Commands(NamedTuple):
    """Commands that do a study's steps one by one: their lines, of how many stages, and what is left out."""

    lines: list[str]
    stages: int
    left_out: int


def commands(plan: Plan, words: Sequence[str], stage: int | None = None) -> Commands:
    """Return `adapterstilts run WORDS --step ID` for every step still to be done, those that others need first.

    `stage`: only the steps of this one, counted from 1; steps of one stage need only steps of earlier ones. Failed
    steps and those that need them are left out. Raises UserError for a stage that is not there.
    """
    todo = {step.id for step in plan.todo}
    stages = _stages(plan.graph, todo)
    if stage is not None and not 1 <= stage <= max(1, len(stages)):
        raise UserError(f"there is no stage {stage}", fix=f"stages still to be done: 1 to {len(stages)}")
    wanted = stages if stage is None else stages[stage - 1 : stage]
    lines = [shlex.join(["adapterstilts", "run", *words, "--step", step.id]) for steps in wanted for step in steps]
    return Commands(lines, len(stages), len(plan.of("failed", "blocked")))


def _stages(graph: Graph, todo: Collection[str]) -> list[list[Step]]:
    """Return the steps to be done in stages: what is done already is needed by none."""
    number: dict[str, int] = {}
    for step in graph:
        if step.id in todo:
            number[step.id] = 1 + max((number[need] for need in step.needs if need in number), default=-1)
    found: dict[int, list[Step]] = {}
    for identity, stage in number.items():
        found.setdefault(stage, []).append(graph.steps[identity])
    return [found[stage] for stage in sorted(found)]
