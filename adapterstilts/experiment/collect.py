"""Collect what a study has left on the disk, finished or not."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapterstilts.config.recipe import flat
from adapterstilts.console import log_once
from adapterstilts.data.own import find_task
from adapterstilts.errors import UserError
from adapterstilts.evaluation.files import read_metrics
from adapterstilts.experiment.build import Cell, Layout, Point, Steps
from adapterstilts.experiment.open import Opened
from adapterstilts.experiment.record import Done, read_done, read_failure
from adapterstilts.experiment.results import CELL, Results
from adapterstilts.experiment.search_cost import cost_of, searched
from adapterstilts.experiment.shared_rows import same_rows
from adapterstilts.experiment.suits import allowed, reaches, suiting
from adapterstilts.store.manifest import Damaged
from adapterstilts.store.run import Run, read_run

if TYPE_CHECKING:
    import pandas as pd

Line = dict[str, Any]

_NOT_SETTINGS = ("base", "start", "members", "tasks", "phase", "resources.", "recipe.", "seed", "init_seed")


def collect(opened: Opened, folder: Path) -> Results:
    """Return the results of a study in its folder; what is not there is a hole.

    Raises UserError where nothing has been scored yet.
    """
    return _Collection(opened, folder).results()


@dataclass(frozen=True)
class _Collection:
    opened: Opened
    folder: Path

    @property
    def layout(self) -> Layout:
        return self.opened.layout

    @cached_property
    def done(self) -> dict[str, Mapping[str, Any]]:
        """What finished steps have found out, by identity."""
        read = ((step.id, _record(self.folder, step.id)) for step in self.layout.graph)
        return {name: record.facts for name, record in read if record is not None}

    @cached_property
    def scored(self) -> dict[Cell, Steps]:
        """The cells that have scores."""
        return {cell: steps for cell, steps in self.layout.cells.items() if steps.scored in self.done}

    def run(self, identity: str) -> Run:
        """Return the run that a step led to."""
        return read_run(self.folder / self.done[identity]["run"])

    def results(self) -> Results:
        """Return everything."""
        import pandas as pd

        study = self.opened.study
        if not self.scored:
            raise UserError(
                f"nothing of the study {self.opened.name} has been scored in {self.folder}",
                fix=f"run it: adapterstilts run {self.opened.name} --out {self.folder}",
            )
        scores = pd.DataFrame([line for cell, steps in self.scored.items() for line in self._scores(cell, steps)])
        return Results(
            name=self.opened.name,
            about=study.study,
            command=f"adapterstilts report {self.opened.name} --out {self.folder}",
            folder=self.folder,
            baseline=study.baseline,
            reference=study.reference,
            ways=tuple(name for name, way in study.ways.items() if way.shown),
            methods=tuple(study.methods),
            targets=tuple(study.targets),
            seeds=tuple(study.seeds),
            scores=scores,
            dev=_frame([line for cell, steps in self.scored.items() for line in self._dev(cell, steps)], "score"),
            costs=_frame([*self._costs()], "train_s"),
            retained=_frame([*self._retained()], "task", "now", "alone"),
            layers=_frame([*self._layers()], "layer", "score"),
            chosen=_frame([*self._chosen()], "step", "key", "value", "score", "kept"),
            holes=_frame([*self._holes()], "why"),
            zero_shot=dict.fromkeys(study.targets, ()) | _untaught(scores),
            same_rows=same_rows(study),
            certificates=dict(self._certificates()),
            configurations=dict(self._configurations()),
            environment=self._environment(),
            controls=frozenset(name for name, way in study.ways.items() if way.verb == "match"),
        )

    def _scores(self, cell: Cell, steps: Steps) -> Iterator[Line]:
        folder = self.folder / self.done[steps.scored]["scores"][0]
        metrics = read_metrics(folder)
        main, sources = metrics["metric"]["main"], read_run(folder.parents[1]).source_languages
        counted = self.opened.study.scored_as(find_task(cell.target)).languages
        for language, values in metrics["languages"].items():
            if language in counted:
                yield {**cell._asdict(), "language": language, "score": values[main], "metric": main,
                       "taught": language in sources, "kind": metrics["split"], "folder": str(folder)}  # fmt: skip

    def _dev(self, cell: Cell, steps: Steps) -> Iterator[Line]:
        if steps.trained and self.done[steps.trained].get("dev") is not None:
            yield {**cell._asdict(), "score": self.done[steps.trained]["dev"]}

    def _costs(self) -> Iterator[Line]:
        """Yield the costs of targets that are trained; where none is, those of what is searched."""
        learned = any(steps.trained for steps in self.scored.values())
        yield from (self._cost(cell, steps) for cell, steps in self.scored.items() if steps.trained or not learned)

    def _cost(self, cell: Cell, steps: Steps) -> Line:
        ready = steps.trained or self.layout.prepared[Point(*cell[:3], cell.seed), cell.way]
        spent = cost_of(self.run(ready) if ready else None)
        tried = searched(self.layout.graph, ready, self.run, self.done) if ready else 0.0
        return {**cell._asdict(), **spent, "search_s": tried / len(self.opened.study.seeds)}

    def _retained(self) -> Iterator[Line]:
        for (point, way), identity in self.layout.retained.items():
            for kept in self.done.get(identity, {}).get("kept", ()):
                yield {**point._asdict(), "way": way, **{key: kept[key] for key in ("task", "now", "alone")}}

    def _layers(self) -> Iterator[Line]:
        for (point, way, target), identity in self.layout.swept.items():
            for name in self.done.get(identity, {}).get("scores", ()):
                found = read_metrics(self.folder / name)
                score = found["average"][found["metric"]["main"]]
                yield {**point._asdict(), "way": way, "target": target, "layer": found["layer"], "score": score}

    def _chosen(self) -> Iterator[Line]:
        for identity, (point, way, target) in self.layout.selected.items():
            facts, step = self.done.get(identity), self.layout.graph.steps[identity]
            place = {**point._asdict(), "way": way, "target": target, "step": step.label.removesuffix(", chosen")}
            if facts:
                for number, (values, score) in enumerate(zip(step.settings["values"], facts["scores"], strict=True)):
                    for key, value in values.items():
                        yield {**place, "key": key, "value": value, "score": score, "kept": number == facts["kept"]}

    def _holes(self) -> Iterator[Line]:
        """Yield the places of the grid without scores, and why there are none."""
        study, able = self.opened.study, suiting(self.opened.study)
        points = dict.fromkeys(Point(*cell[:3], cell.seed) for cell in self.layout.cells)
        for point in points:
            for way, target in (
                (way, target) for way in study.ways if study.ways[way].shown for target in study.targets
            ):
                cell = Cell(*point[:3], way, target, point.seed)
                if cell in self.scored:
                    continue
                if point.method not in able[way]:
                    only = ", ".join(allowed(study.ways[way]) or study.ways[way].methods or ()) or "its members"
                    why = f"not with this method (only {only})"
                elif not reaches(study, way, target):
                    why = "nothing is trained for this target"
                else:
                    why = self._why(self.layout.cells[cell].scored)
                yield {**cell._asdict(), "why": why}

    def _why(self, identity: str) -> str:
        """Say why a step is not done: its own failure, or that of a step that it needs."""
        steps, seen, waiting = self.layout.graph.steps, set[str](), [identity]
        while waiting:
            name = waiting.pop()
            if name in seen or name in self.done:
                continue
            seen.add(name)
            failure = read_failure(self.folder, name)
            if failure:
                return f"failed: {failure.error} ({steps[name].label})"
            waiting += steps[name].needs
        return "not run"

    def _certificates(self) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for (point, way), identity in self.layout.prepared.items():
            if identity in self.done and (way, point.method) not in found:
                file = self.run(identity).path / "certificate.json"
                if file.is_file():
                    found[way, point.method] = json.loads(file.read_text(encoding="utf-8"))
        yield from found.items()

    def _configurations(self) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
        """Yield the settings of the first target's training, of every way and method."""
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for cell, steps in self.scored.items():
            if steps.trained and (cell.way, cell.method) not in found:
                config = flat(self.run(steps.trained).record.config)
                kept = {key: value for key, value in config.items() if not key.startswith(_NOT_SETTINGS)}
                found[cell.way, cell.method] = kept
        yield from found.items()

    def _environment(self) -> dict[str, str]:
        """Return versions, and machines, as the runs have noted them down."""
        versions: dict[str, set[str]] = {}
        for identity, facts in self.done.items():
            if "run" in facts:
                for name, version in self.run(identity).record.packages.items():
                    versions.setdefault(name, set()).add(version)
        told = {name: " and ".join(sorted(some)) for name, some in sorted(versions.items())}
        return {
            **told,
            "python (of the report)": platform.python_version(),
            "system (of the report)": platform.platform(),
        }


def _untaught(scores: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return by target the languages that no cell of it was taught in, in the order in which they were scored."""
    found: dict[str, dict[str, bool]] = {}
    for target, language, taught in scores[["target", "language", "taught"]].itertuples(index=False, name=None):
        some = found.setdefault(target, {})
        some[language] = some.get(language, False) or bool(taught)
    return {target: tuple(one for one, taught in some.items() if not taught) for target, some in found.items()}


def _record(folder: Path, identity: str) -> Done | None:
    """Return a step's record; one that is damaged counts as not done, as it does for `run`."""
    try:
        return read_done(folder, identity)
    except Damaged as reason:
        log_once(f"{identity} counts as not done: {reason}")
        return None


def _frame(lines: list[Line], *more: str) -> Any:
    """Return lines as a frame that has its columns even where there is no line."""
    import pandas as pd

    return pd.DataFrame(lines) if lines else pd.DataFrame(columns=[*CELL, "seed", *more])
