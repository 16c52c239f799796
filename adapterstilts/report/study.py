"""A study: ways to prepare an encoder, the target tasks that are trained from each, and what all of it came to.

One way is nothing at all, one an intermediate task (perhaps translated, or with masked LM beside it), one several at
once, one a composition of several. Everything is done by the same functions as by hand; what is done already is not
done again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from adapterstilts.base import find_base
from adapterstilts.compose.average import average
from adapterstilts.compose.merge import merge
from adapterstilts.compose.stack import stack
from adapterstilts.console import log
from adapterstilts.evaluation.command import evaluate, evaluate_base
from adapterstilts.evaluation.retrieval import usual_layer
from adapterstilts.formats import formats
from adapterstilts.mini.embedded import MINI
from adapterstilts.store.run import Run, read_run
from adapterstilts.tasks import tasks
from adapterstilts.train.command import train_intermediate, train_target
from adapterstilts.translation.command import translate

TOGETHER = "together"


class Way(NamedTuple):
    """One way to prepare an encoder: the method, the intermediate tasks, and how they come together.

    `how`: a merge, or "stack"; "together" for one run on all tasks at once; "" where there is one task or none.
    `language`: the intermediate rows are translated into it; None means the task's own. `mlm`: the share of masked LM
    beside them; None means none. `runs`: every training, of targets too, is done so often from the same first weights
    with other seeds, and averaged.
    """

    name: str
    method: str
    tasks: tuple[str, ...] = ()
    how: str = ""
    language: str | None = None
    mlm: float | None = None
    runs: int = 1

    @property
    def composed(self) -> bool:
        """Whether modules that were trained alone are put together."""
        return self.how not in ("", TOGETHER)

    def lessons(self) -> list[Lesson]:
        """Return the intermediate runs that it takes."""
        groups = [self.tasks] if self.how == TOGETHER else [(task,) for task in self.tasks]
        return [Lesson(group, self.method, self.language, self.mlm, self.runs) for group in groups]


class Lesson(NamedTuple):
    """One intermediate training, which several ways may begin with: what a `Way` says of it."""

    tasks: tuple[str, ...]
    method: str
    language: str | None
    mlm: float | None
    runs: int

    @property
    def name(self) -> str:
        """Its folder's name: what is unlike an ordinary run comes behind the tasks."""
        more = [self.language, f"mlm{self.mlm}" if self.mlm else None, f"{self.runs}runs" if self.runs > 1 else None]
        return "-".join(["+".join(self.tasks), *filter(None, more), self.method])


@dataclass(frozen=True)
class Study:
    """What to run: every target from every way. `settings` are those of all trainings, then by method, then targets'.

    Where the work is done (`resources.*`) holds for evaluations, too. A target without a head (retrieval) is not
    trained: what was prepared is searched as it is, in `layer` (None: XTREME's). A run on several tasks at once has the
    steps of as many runs. `translator`: the model for ways with a language.
    """

    folder: Path
    base: str
    ways: tuple[Way, ...]
    targets: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    by_method: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    of_targets: Mapping[str, Any] = field(default_factory=dict)
    layer: int | None = None
    translator: str = MINI

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
        lessons = list(dict.fromkeys(lesson for way in self.ways for lesson in way.lessons()))
        for task, language in dict.fromkeys(
            (task, one.language) for one in lessons if one.language for task in one.tasks
        ):
            yield f"{task} translated: {language}", partial(self._translate, task, language)
        for lesson in lessons:
            yield f"intermediate {lesson.name}", partial(self._learn, lesson)
        for way in self.ways:
            if way.composed:
                yield f"{way.name}: {' and '.join(way.tasks)} put together", partial(self._compose, way)
        for target in self.targets:
            for way in self.ways:
                yield f"target {target}, {way.name}", partial(self._score, way, target)

    def _translate(self, task: str, language: str) -> None:
        translate(task, to=[language], model=self.translator, out=self._translations(), settings=self._where())

    def _learn(self, lesson: Lesson) -> None:
        settings = self._for(lesson.method)
        if steps := settings.get("train.max_steps"):
            settings["train.max_steps"] = steps * len(lesson.tasks)
        if lesson.mlm:
            settings["mlm.ratio"] = lesson.mlm
        if lesson.language:
            settings |= {"resources.mirror": str(self._translations()), "data.source_language": lesson.language}
        train = partial(train_intermediate, lesson.tasks, method=lesson.method, base=self.base)
        _averaged(train, self._learned(lesson), lesson.runs, settings)

    def _compose(self, way: Way) -> None:
        runs, out = [self._learned(lesson) for lesson in way.lessons()], self._prepared(way)
        if way.how == "stack":
            stack(runs, out=out)
        else:
            merge(runs, how=way.how, out=out)

    def _score(self, way: Way, target: str) -> None:
        where = self._where()
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
        trained = _averaged(partial(train_target, target, method=way.method, **begin), out, way.runs, settings)
        evaluate(trained, target, settings=where)

    def _layer(self) -> int:
        if self.layer is not None:
            return self.layer
        config = json.loads((find_base(self.base).folder / "config.json").read_text(encoding="utf-8"))
        return usual_layer(config["num_hidden_layers"])

    def _for(self, method: str) -> dict[str, Any]:
        return {**self.settings, **self.by_method.get(method, {})}

    def _where(self) -> dict[str, Any]:
        return {key: value for key, value in self.settings.items() if key.startswith("resources.")}

    def _translations(self) -> Path:
        return self.folder / "translated"

    def _learned(self, lesson: Lesson) -> Path:
        return self.folder / "intermediate" / lesson.name

    def _prepared(self, way: Way) -> Path:
        if not way.tasks:
            return self.folder / "base"
        return self.folder / "composed" / way.name if way.composed else self._learned(way.lessons()[0])

    def _target(self, way: Way, target: str) -> Path:
        return self.folder / "targets" / target / way.name


def _averaged(train: Callable[..., Run], out: Path, runs: int, settings: Mapping[str, Any]) -> Run:
    """Train once; or several times from the same first weights, each with a seed of its own, and average the runs."""
    if runs == 1:
        return train(out=out, settings=settings)
    seed = settings.get("seed", 0)
    members = [
        train(
            out=out.parent / f"{out.name}-{number}",
            settings={**settings, "init_seed": seed, "seed": seed * runs + number},
        )
        for number in range(runs)
    ]
    return average(members, out=out).run


def _learns(target: str) -> bool:
    return hasattr(formats.get(tasks.get(target).format), "head")
