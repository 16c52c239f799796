"""How a study stands: which steps are done, at work, failed, and how much disk it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapterstilts.experiment.plan import Entry, Plan, make_plan
from adapterstilts.experiment.record import LOG
from adapterstilts.experiment.step import Graph, folder_of
from adapterstilts.experiment.work import bytes_in, is_held


@dataclass(frozen=True)
class Status:
    """A study's plan, the identities of steps that a process is at just now, and its bytes on disk."""

    plan: Plan
    running: frozenset[str]
    disk: int

    def count(self, kind: str, state: str) -> int:
        """Return how many steps of a kind are `done`, `running`, `failed`, `blocked` or `left`."""
        return sum(one.step.kind == kind and self.state(one) == state for one in self.plan.entries.values())

    def state(self, entry: Entry) -> str:
        """Return how a step stands."""
        if entry.step.id in self.running:
            return "running"
        names = {"cached": "done", "failed": "failed", "blocked": "blocked"}
        return names.get(entry.state, "left")

    def log(self, entry: Entry) -> Path:
        """Return where a step has written what it said."""
        return folder_of(self.plan.folder, entry.step.id) / LOG


def status_of(graph: Graph, folder: Path) -> Status:
    """Return how a study stands in its folder; nothing is changed, and nobody at work is disturbed."""
    plan = make_plan(graph, folder)
    unfinished = [one.step.id for one in plan.entries.values() if one.state != "cached"]
    running = frozenset(name for name in unfinished if is_held(folder_of(folder, name)))
    return Status(plan, running, bytes_in(folder))
