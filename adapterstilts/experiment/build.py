"""From a study's recipe to its steps: every training, composition and evaluation that its cells need, each once.

A method with settings to be tried has one training for each combination of them, with the first seed; a select step
keeps the best by English dev, and the other seeds follow what it has chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from adapterstilts.experiment.identity import rows_identity, settings_identity
from adapterstilts.experiment.recipe import Settings, Study, Way
from adapterstilts.experiment.step import Graph, Parents, Step
from adapterstilts.experiment.suits import SEARCH, learns, merge_of, reaches, remembers, spoken, suiting


class Variant(NamedTuple):
    """One point on the recipe's further axes: its name, and the settings of all trainings, intermediate, targets."""

    name: str
    all: Settings
    intermediate: Settings
    target: Settings


class Point(NamedTuple):
    """Where on the grid, way and target aside."""

    base: str
    variant: str
    method: str
    seed: int


class Cell(NamedTuple):
    """One cell of the grid with one seed."""

    base: str
    variant: str
    method: str
    way: str
    target: str
    seed: int


class Steps(NamedTuple):
    """The steps that a cell ends in: the target's training (None: it has none) and the scores."""

    trained: str | None
    scored: str


@dataclass
class Layout:
    """A study's steps, and which of them belong to which place of the grid.

    `prepared`: what the targets of a way start from, None for the bare base. `swept` and `retained`: the scores of
    retrieval in every layer, by target, and of the tasks before. `selected`: the steps that choose among what is tried,
    with way and target ("" where an intermediate task's training is chosen).
    """

    graph: Graph
    cells: dict[Cell, Steps] = field(default_factory=dict)
    prepared: dict[tuple[Point, str], str | None] = field(default_factory=dict)
    swept: dict[tuple[Point, str, str], str] = field(default_factory=dict)
    retained: dict[tuple[Point, str], str] = field(default_factory=dict)
    selected: dict[str, tuple[Point, str, str]] = field(default_factory=dict)


def build(study: Study) -> Layout:
    """Return all steps of a study that `check.py` has found sound."""
    return _Builder(study).layout()


def variants(study: Study) -> dict[str, Variant]:
    """Return the points on the recipe's further axes, by name; one called "" where it has none."""
    scopes = [
        (scope, key, values)
        for scope in ("all", "intermediate", "target")
        for key, values in getattr(study.axes, scope).items()
    ]
    found = {}
    for combination in itertools.product(*(values for _, _, values in scopes)):
        parts: dict[str, Settings] = {"all": {}, "intermediate": {}, "target": {}}
        for (scope, key, _), value in zip(scopes, combination, strict=True):
            parts[scope][key] = value
        named = zip(scopes, combination, strict=True)
        name = ", ".join(f"{key}={value}" for (_, key, _), value in named)
        found[name] = Variant(name, **parts)
    return found


class _Builder:
    """Builds a study's steps, each once; what a place of the grid needs is asked for by the place that needs it."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.steps: dict[str, Step] = {}
        self.variants, self.methods = variants(study), suiting(study)
        self.found = Layout(Graph(self.steps))
        self.prepared = cache(self._prepared)
        self.trained = cache(self._trained)

    def layout(self) -> Layout:
        """Walk the whole grid."""
        study = self.study
        for base, variant, method, seed in itertools.product(study.bases, self.variants, study.methods, study.seeds):
            point = Point(base, variant, method, seed)
            for name, way in study.ways.items():
                if method in self.methods[name]:
                    self._row(point, name, way)
        return self.found

    def _row(self, point: Point, name: str, way: Way) -> None:
        """Add one way's cells, and what is asked of the prepared encoder itself."""
        ready = self.prepared(point, name)
        self.found.prepared[point, name] = ready
        if not way.shown:
            return
        for target in self.study.targets:
            if not reaches(self.study, name, target):
                continue
            trained = self.trained(point, name, target) if learns(target) else None
            label = self._label(point, target, name, "scored")
            scored = self._evaluated(point, target, trained or ready, label)
            self.found.cells[Cell(*point[:3], name, target, point.seed)] = Steps(trained, scored)
            if self.study.scores.layers and not learns(target):
                label = self._label(point, target, name, "every layer")
                self.found.swept[point, name, target] = self._evaluated(point, target, ready, label, layer="sweep")
        if self.study.scores.retention and ready and remembers(self.study, name):
            label = self._label(point, "", name, "retention")
            self.found.retained[point, name] = self._add("retain", label, self._mirrored({}), {"run": (ready,)})

    def _prepared(self, point: Point, name: str) -> str | None:
        """Return the step that a way's encoder comes from; None for the bare base, and what needs a target first."""
        way = self.study.ways[name]
        if way.verb in ("", "match", "fuse"):
            return None
        if way.verb in ("learn", "mlm"):
            return self._chosen(point, _Training(name, None, way.runs))
        members = self._members(point, name)
        label = self._label(point, "", name, way.verb)
        if way.verb == "stack":
            return self._add("stack", label, {}, {"members": members})
        settings = {"how": way.how or "mean", "weights": way.weights, "rank": way.rank, "settings": way.settings}
        needs, parents = merge_of(way).needs, {"members": members}
        if needs:
            measured = [self._measured(point, one, needs) for one in way.needs]
            parents["measured"] = tuple(measured)
        return self._add("merge", label, settings, parents)

    def _measured(self, point: Point, name: str, needs: str) -> str:
        """Measure one member on its own rows, for merges that need it."""
        member = self.prepared(point, name)
        assert member is not None
        label = self._label(point, "", name, f"measured: {needs}")
        return self._add("measure", label, self._mirrored({"what": needs}), {"run": (member,)})

    def _members(self, point: Point, name: str) -> tuple[str, ...]:
        way = self.study.ways[name]
        listed = way.merge or way.stack or way.fuse or []
        return tuple(member for one in listed if (member := self.prepared(point, one)))

    def _trained(self, point: Point, name: str, target: str) -> str:
        way = self.study.ways[name]
        if way.verb == "fuse" and way.how == SEARCH:
            label = self._label(point, target, name, "found")
            settings = self._settings(point, "target", way, only=("data.", "search.", "seed", "precision"))
            asked = {"task": target, "how": way.how, "rows": rows_identity([target]), **self._where(settings)}
            found = self._add("fuse", label, asked, {"members": self._members(point, name)})
            return self._chosen(point, _Training(name, target, way.runs), {"start": (found,)})
        return self._chosen(point, _Training(name, target, way.runs))

    def _chosen(self, point: Point, training: _Training, parents: Parents | None = None) -> str:
        """Return a training, or the choice among those that are tried, or one that follows what was chosen."""
        tried = self.study.methods[point.method].tried
        first = point._replace(seed=self.study.seeds[0])
        if not tried:
            return self._averaged(point, training, {}, parents or {})
        if point == first:
            values = [dict(zip(tried, one, strict=True)) for one in itertools.product(*tried.values())]
            ids = tuple(self._averaged(point, training, one, parents or {}) for one in values)
            label = self._label(point, training.target or "", training.way, "chosen")
            chosen = self._add("select", label, {"by": "dev", "values": values}, {"tried": ids})
            self.found.selected[chosen] = (point, training.way, training.target or "")
            return chosen
        leader = self.trained(first, training.way, training.target) if training.target else None
        leader = leader or self.prepared(first, training.way)
        assert leader is not None
        return self._averaged(point, training, {}, {**(parents or {}), "chosen": (leader,)})

    def _averaged(self, point: Point, training: _Training, tried: Settings, parents: Parents) -> str:
        """Return one training, or the average of several from the same first weights."""
        if training.runs == 1:
            return self._train(point, training, {**tried, "seed": point.seed}, parents)
        seeds = [point.seed * training.runs + number for number in range(training.runs)]
        ids = tuple(
            self._train(point, training, {**tried, "seed": seed, "init_seed": point.seed}, parents) for seed in seeds
        )
        label = self._label(point, training.target or "", training.way, "averaged", tried)
        return self._add("average", label, {}, {"members": ids})

    def _train(self, point: Point, training: _Training, more: Settings, parents: Parents) -> str:
        way = self.study.ways[training.way]
        target, found = training.target, dict(parents)
        phase = "target" if target else ("mlm" if way.verb == "mlm" else "intermediate")
        names = [target] if target else ([way.mlm] if way.mlm else list(way.learn or []))
        fused = target is not None and way.verb == "fuse" and way.how != SEARCH
        if fused:
            found["members"] = self._members(point, training.way)
        elif "start" not in found:
            found |= self._start(point, training)
        if target and way.match:
            found["matched"] = (self.trained(point, way.match, target),)
        if not target and way.translated:
            found["translated"] = (self._translated(point, training.way),)
        goes_on = bool(fused or ("start" in found and not self._on_top(training)))
        settings = self._settings(point, phase, way if fused or not target else None)
        settings = {
            key: value for key, value in (settings | more).items() if not (goes_on and key.startswith("method."))
        }
        asked = {"tasks": names, "rows": rows_identity(names), **self._where(settings)}
        if not fused:
            asked["method"] = self.study.catalog_name(point.method)
        label = self._label(point, target or "", training.way, "", more)
        if fused:
            return self._add("fuse", label, {**asked, "how": way.how, "task": target}, found)
        on_top = bool("start" in found and (way.on_top and not target))
        asked |= {"phase": phase, "on_top": on_top, **({} if "start" in found else {"base": point.base})}
        return self._add("train", label, asked, found)

    def _start(self, point: Point, training: _Training) -> dict[str, tuple[str, ...]]:
        """Return what a training starts from: of a target the way's encoder, of a way the other way it goes on from."""
        way = self.study.ways[training.way]
        before = training.way if training.target else way.start
        ready = self.prepared(point, before) if before else None
        return {"start": (ready,)} if ready else {}

    def _on_top(self, training: _Training) -> bool:
        """Whether a fresh module is trained, in the shape that the settings say: above others that stay frozen."""
        way = self.study.ways[training.way]
        if training.target:
            return way.verb == "stack"
        start = self.study.ways.get(way.start or "")
        return way.on_top or bool(start and start.verb == "stack")

    def _translated(self, point: Point, name: str) -> str:
        way = self.study.ways[name]
        tasks = list(way.learn or [])
        settings = {"tasks": tasks, "to": way.translated, "model": self.study.translator, "rows": rows_identity(tasks)}
        return self._add("translate", f"{'+'.join(tasks)} translated: {way.translated}", self._mirrored(settings), {})

    def _evaluated(self, point: Point, target: str, run: str | None, label: str, **more: Any) -> str:
        languages, rows = spoken(self.study, target), rows_identity([target])
        asked: dict[str, Any] = {"task": target, "split": self.study.scores.split, "languages": languages, "rows": rows}
        asked |= {**more, **({} if run else {"base": point.base})}
        return self._add("evaluate", label, self._mirrored(asked), {"run": (run,)} if run else {})

    def _settings(self, point: Point, phase: str, way: Way | None, only: tuple[str, ...] = ("",)) -> Settings:
        """Return a training's settings, dotted; what is more particular goes before what is more general."""
        general, variant = self.study.settings, self.variants[point.variant]
        scope = "target" if phase == "target" else "intermediate"
        parts: list[Settings] = [general.all, getattr(general, scope), self.study.methods[point.method].settings]
        parts += [way.settings if way else {}, variant.all, getattr(variant, scope), {"seed": point.seed}]
        merged = {key: value for part in parts for key, value in part.items()}
        if way and way.translated:
            merged["data.source_language"] = way.translated
        return {key: value for key, value in merged.items() if key.startswith(only)}

    def _where(self, settings: Settings) -> dict[str, Any]:
        return self._mirrored({"settings": settings, **settings_identity(settings)})

    def _mirrored(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {**asked, **({"mirror": self.study.mirror} if self.study.mirror else {})}

    def _label(self, point: Point, target: str, way: str, what: str, more: Mapping[str, Any] | None = None) -> str:
        """Say for people what a step is; only what differs within the study is named."""
        study = self.study
        tried = [f"{key}={value}" for key, value in (more or {}).items() if key in study.methods[point.method].tried]
        runs = [f"seed={value}" for key, value in (more or {}).items() if key == "seed" and value != point.seed]
        name, base = f"{target} from {way}" if target else way, point.base if len(study.bases) > 1 else ""
        parts = [name, base, point.method, point.variant, *tried, *runs, f"seed {point.seed}", what]
        return ", ".join(part for part in parts if part)

    def _add(self, kind: str, label: str, settings: Mapping[str, Any], parents: Parents) -> str:
        step = Step(kind, label, settings, parents, _version(kind))
        self.steps.setdefault(step.id, step)
        return step.id


class _Training(NamedTuple):
    """One training of a way: of its intermediate tasks, or of a target; `runs` are averaged."""

    way: str
    target: str | None
    runs: int


@cache
def _version(kind: str) -> int:
    from adapterstilts.experiment.kinds import kinds

    return kinds.get(kind).version
