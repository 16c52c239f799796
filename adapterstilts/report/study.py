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
from adapterstilts.compose.merges import merges
from adapterstilts.compose.stack import stack
from adapterstilts.console import log
from adapterstilts.evaluation.command import evaluate, evaluate_base
from adapterstilts.evaluation.retrieval import usual_layer
from adapterstilts.formats import formats
from adapterstilts.methods import fusions
from adapterstilts.mini.embedded import MINI
from adapterstilts.store.run import Run, read_run
from adapterstilts.tasks import tasks
from adapterstilts.train.command import train_intermediate, train_target
from adapterstilts.train.fuse import fuse
from adapterstilts.train.statistics import statistics
from adapterstilts.translation.command import translate

TOGETHER, SEARCH = "together", "search"


class Way(NamedTuple):
    """One way to prepare an encoder: the method, the intermediate tasks, and how they come together.

    `how`: a merge, or "stack"; a fusion, which is learned with each target, or "search", which finds weights for each
    target that a member's head fits; "together" for one run on all tasks at once; "" where there is one task or none.
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
        """Whether modules that were trained alone are put together before any target is known."""
        return self.how not in ("", TOGETHER) and not self.fused

    @property
    def fused(self) -> bool:
        """Whether modules that were trained alone are put together for each target, by its rows."""
        return self.how in (*fusions.names(), SEARCH)

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

    def reaches(self, way: Way, target: str) -> bool:
        """Whether a way leads to scores on a target: nothing is fused for one that is not trained, or has no head."""
        if way.how == SEARCH:
            return any(_alike(task, target) for task in way.tasks)
        return _learns(target) or not way.fused

    def prepared(self, way: Way) -> Run | None:
        """Return what the targets of a way start from; None for the bare base, and for what is fused with a target."""
        return read_run(self._prepared(way)) if way.tasks and not way.fused else None

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
                if self.reaches(way, target):
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
            return
        needs = merges.get(way.how).needs
        if needs and not (out / "run.json").is_file():
            for run in runs:
                statistics(run, [needs], settings=self._where())
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
        if way.fused and way.how != SEARCH:
            evaluate(self._fuse(way, target, out, settings), target, settings=where)
            return
        begin = {"start": self._prepared(way)} if way.tasks else {"base": self.base}
        if way.how == SEARCH:
            begin = {"start": self._fuse(way, target, out.with_name(f"{out.name}-found"), settings).path}
        trained = _averaged(partial(train_target, target, method=way.method, **begin), out, way.runs, settings)
        evaluate(trained, target, settings=where)

    def _fuse(self, way: Way, target: str, out: Path, settings: Mapping[str, Any]) -> Run:
        unfit = ("method.", "train.") if way.how == SEARCH else ("method.",)
        fitting = {key: value for key, value in settings.items() if not key.startswith(unfit)}
        return fuse([self._learned(one) for one in way.lessons()], target, out=out, how=way.how, settings=fitting)

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


def _alike(task: str, target: str) -> bool:
    """Whether a head for the one task can answer the other."""
    one, other = tasks.get(task), tasks.get(target)
    return one.format == other.format and set(one.labels) == set(other.labels)
