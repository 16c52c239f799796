"""A study: ways to prepare an encoder, the target tasks that are trained from each, and what all of it came to.

One way is nothing at all, one an intermediate task, one a composition of several. Everything is done by the same
functions as by hand; what is done already is not done again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from adapterstilts.base import find_base
from adapterstilts.compose.merge import merge
from adapterstilts.compose.stack import stack
from adapterstilts.console import log
from adapterstilts.evaluation.command import evaluate, evaluate_base
from adapterstilts.evaluation.retrieval import usual_layer
from adapterstilts.formats import formats
from adapterstilts.store.run import Run, read_run
from adapterstilts.tasks import tasks
from adapterstilts.train.command import train_intermediate, train_target


class Way(NamedTuple):
    """One way to prepare an encoder: the method, the intermediate tasks, and how their modules are put together.

    `how`: a merge, or "stack"; "" where there is one task or none.
    """

    name: str
    method: str
    tasks: tuple[str, ...] = ()
    how: str = ""


@dataclass(frozen=True)
class Study:
    """What to run: every target from every way. `settings` are those of all trainings, then by method, then targets'.

    Where the work is done (`resources.*`) holds for evaluations, too. A target without a head (retrieval) is not
    trained: what was prepared is searched as it is, in `layer` (None: XTREME's).
    """

    folder: Path
    base: str
    ways: tuple[Way, ...]
    targets: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    by_method: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    of_targets: Mapping[str, Any] = field(default_factory=dict)
    layer: int | None = None

    def run(self) -> None:
        """Do all that is not done yet, in turn; a UserError or Interrupted ends it, and the same call goes on."""
        steps = list(self._steps())
        for number, (what, step) in enumerate(steps, 1):
            log(f"[{number}/{len(steps)}] {what}")
            step()

    def scored(self, way: Way, target: str) -> Run:
        """Return the run whose scores on `target` this way has led to."""
        return read_run(self._target(way, target) if _learns(target) else self._prepared(way))

    def scores(self, way: Way, target: str) -> Path:
        """Return the folder of the scores on `target`; scores of other layers may lie beside it."""
        name = f"{target}-test" if _learns(target) else f"{target}-test-layer{self._layer()}"
        return self.scored(way, target).path / "eval" / name

    def prepared(self, way: Way) -> Run | None:
        """Return what the targets of a way start from; None for the bare base."""
        return read_run(self._prepared(way)) if way.tasks else None

    def _steps(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield what to do and how it is called, each intermediate run once."""
        single = dict.fromkeys((task, way.method) for way in self.ways for task in way.tasks)
        for task, method in single:
            yield f"intermediate task {task}, {method}", partial(self._learn, task, method)
        for way in self.ways:
            if way.how:
                yield f"{way.name}: {' and '.join(way.tasks)} together", partial(self._compose, way)
        for target in self.targets:
            for way in self.ways:
                yield f"target {target}, {way.name}", partial(self._score, way, target)

    def _learn(self, task: str, method: str) -> None:
        train_intermediate(
            task, out=self._single(task, method), method=method, base=self.base, settings=self._for(method)
        )

    def _compose(self, way: Way) -> None:
        runs, out = [self._single(task, way.method) for task in way.tasks], self._prepared(way)
        if way.how == "stack":
            stack(runs, out=out)
        else:
            merge(runs, how=way.how, out=out)

    def _score(self, way: Way, target: str) -> None:
        where = {key: value for key, value in self.settings.items() if key.startswith("resources.")}
        if not _learns(target):
            if way.tasks:
                evaluate(self._prepared(way), target, layer=self.layer, settings=where)
            else:
                evaluate_base(self.base, target, out=self._prepared(way), layer=self.layer, settings=where)
            return
        out, settings = self._target(way, target), {**self._for(way.method), **self.of_targets}
        if way.tasks and way.how != "stack":  # its module is trained on, in the shape that it has
            settings = {key: value for key, value in settings.items() if not key.startswith("method.")}
        begin = {"start": self._prepared(way)} if way.tasks else {"base": self.base}
        evaluate(train_target(target, out=out, method=way.method, settings=settings, **begin), target, settings=where)

    def _layer(self) -> int:
        if self.layer is not None:
            return self.layer
        config = json.loads((find_base(self.base).folder / "config.json").read_text(encoding="utf-8"))
        return usual_layer(config["num_hidden_layers"])

    def _for(self, method: str) -> dict[str, Any]:
        return {**self.settings, **self.by_method.get(method, {})}

    def _single(self, task: str, method: str) -> Path:
        return self.folder / "intermediate" / f"{task}-{method}"

    def _prepared(self, way: Way) -> Path:
        if not way.tasks:
            return self.folder / "base"
        return self.folder / "composed" / way.name if way.how else self._single(way.tasks[0], way.method)

    def _target(self, way: Way, target: str) -> Path:
        return self.folder / "targets" / target / way.name


def _learns(target: str) -> bool:
    return hasattr(formats.get(tasks.get(target).format), "head")
