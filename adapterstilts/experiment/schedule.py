"""Which step is next: one whose needs are done, and into whose folder no other step writes just now."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping

from adapterstilts.experiment.step import Graph, Step


class Schedule:
    """The steps that are still to be done, given out one by one.

    `todo`: their identities; the other steps of the graph are done, or will not be. `owner`: whose folder a step writes
    into, asked once all that it needs is done. Steps that are ready come in the graph's order.
    """

    def __init__(self, graph: Graph, todo: Iterable[str], owner: Callable[[Step], str]) -> None:
        self.graph, self.owner = graph, owner
        self.todo = set(todo)
        self.running: dict[str, str] = {}  # a step's identity: the folder that it writes into
        self.stopped = False
        self._places = {identity: place for place, identity in enumerate(graph.steps)}
        self._missing = {one: {need for need in graph.steps[one].needs if need in self.todo} for one in self.todo}
        self._after = _followers(self._missing)
        self._ready = sorted(self._places[one] for one, needs in self._missing.items() if not needs)
        self._owners: dict[str, str] = {}
        self._order = list(graph)

    @property
    def over(self) -> bool:
        """Whether nothing runs and nothing more will."""
        return not self.running and (self.stopped or not self._ready)

    def take(self) -> Step | None:
        """Return the next step and count it as running; None where there is none now."""
        if self.stopped:
            return None
        busy = set(self.running.values())
        for number, place in enumerate(self._ready):
            step = self._order[place]
            if step.id not in self._owners:
                self._owners[step.id] = self.owner(step)
            if self._owners[step.id] not in busy:
                del self._ready[number]
                self.running[step.id] = self._owners[step.id]
                return step
        return None

    def stop(self) -> None:
        """Give out no more steps."""
        self.stopped = True

    def ended(self, identity: str, done: bool) -> None:
        """Note that a step runs no longer; one that is not done keeps back all that need it."""
        del self.running[identity]
        if not done:
            return
        self.todo.discard(identity)
        for other in self._after.get(identity, ()):
            self._missing[other].discard(identity)
            if not self._missing[other]:
                bisect.insort(self._ready, self._places[other])


def _followers(missing: Mapping[str, set[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for identity, needs in missing.items():
        for need in needs:
            found.setdefault(need, []).append(identity)
    return found
