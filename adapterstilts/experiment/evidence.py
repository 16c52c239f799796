"""What the runs of one target show: every run's score on the same languages and rows, and on rows drawn anew."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from adapterstilts.data.own import find_task
from adapterstilts.errors import UserError
from adapterstilts.evaluation.files import read_metrics
from adapterstilts.metrics import Metric, metrics
from adapterstilts.mini.embedded import MINI, usual_mirror
from adapterstilts.stats.clusters import clusters
from adapterstilts.stats.resampling import Language, Resampled, resample
from adapterstilts.store.run import read_run
from adapterstilts.tasks import Task

Numbers = npt.NDArray[np.float64]


class System(NamedTuple):
    """What is compared on a target: a way by a method."""

    method: str
    way: str


class Trained(NamedTuple):
    """One run of a system."""

    system: System
    seed: int


@dataclass(frozen=True)
class Scored:
    """One run's scores by language, and the folder of its predictions."""

    by_language: Mapping[str, float]
    folder: Path


@dataclass(frozen=True)
class Evidence:
    """Runs on some languages of one target. `incomplete`: why runs are left out, by run.

    `drawn` is None where statistics know only whole runs: the metric has no parts, or there are no two items.
    """

    scores: Mapping[Trained, float]
    drawn: Resampled | None
    columns: Mapping[Trained, int]
    incomplete: Mapping[Trained, str] = field(default_factory=dict)

    @property
    def items(self) -> float:
        """How many items rows were drawn from; infinite where none were."""
        return math.inf if self.drawn is None else self.drawn.items

    @cached_property
    def _seeds(self) -> dict[System, list[int]]:
        found: dict[System, list[int]] = {}
        for system, seed in sorted(self.scores):
            found.setdefault(system, []).append(seed)
        return found

    def seeds(self, *systems: System) -> list[int]:
        """Return the seeds that all of these systems have scores of, sorted."""
        return sorted(set.intersection(*(set(self._seeds.get(system, ())) for system in systems)))

    def values(self, system: System, seeds: Sequence[int]) -> Numbers:
        """Return a system's scores (seeds,)."""
        return np.array([self.scores[Trained(system, seed)] for seed in seeds])

    def draws(self, system: System, seeds: Sequence[int]) -> Numbers | None:
        """Return a system's scores on rows drawn anew (draws, seeds); None where there are none."""
        if self.drawn is None or self.drawn.draws is None:
            return None
        return self.drawn.draws[:, [self.columns[Trained(system, seed)] for seed in seeds]]

    def difference(self, one: System, other: System, seeds: Sequence[int]) -> tuple[Numbers, Numbers | None]:
        """Return the differences of two systems (seeds,), and on rows drawn anew (draws, seeds)."""
        draws, before = self.draws(one, seeds), self.draws(other, seeds)
        drawn = None if draws is None or before is None else draws - before
        return self.values(one, seeds) - self.values(other, seeds), drawn


def gather(target: str, runs: Mapping[Trained, Scored], languages: Sequence[str], draws: int) -> Evidence:
    """Return what runs show on these languages of a target; runs that lack one of them are left out, with the reason.

    Raises UserError where runs were scored on other rows or by another version of the metric.
    """
    lacking = {run: [one for one in languages if one not in found.by_language] for run, found in runs.items()}
    incomplete = {run: f"not scored in {', '.join(some)}" for run, some in lacking.items() if some}
    whole = {run: found for run, found in runs.items() if run not in incomplete}
    if not whole or not languages:
        return Evidence({}, None, {}, incomplete)
    folders = list(dict.fromkeys(found.folder for found in whole.values()))
    metric = _one_metric(target, folders, languages)
    places = {run: folders.index(found.folder) for run, found in whole.items()}
    drawn = _draw(find_task(target), metric, folders, languages, draws)
    if drawn is None:
        means = {run: float(np.mean([found.by_language[one] for one in languages])) for run, found in whole.items()}
        return Evidence(means, None, places, incomplete)
    return Evidence({run: float(drawn.scores[place]) for run, place in places.items()}, drawn, places, incomplete)


def _one_metric(target: str, folders: Sequence[Path], languages: Sequence[str]) -> Metric:
    """Return the metric of all folders, once it is the same and their rows are."""
    first, *others = [(folder, read_metrics(folder)) for folder in folders]
    for folder, other in others:
        if other["metric"] != first[1]["metric"]:
            raise UserError(
                f"{target} was scored by other versions of its metric, and such scores are not compared",
                where=f"{first[0]} and {folder}",
                fix="score both again with this version",
            )
        differ = [one for one in languages if other["rows"][one] != first[1]["rows"][one]]
        if differ:
            _refuse(target, differ, first[0], folder)
    return metrics.get(first[1]["metric"]["name"])


def _refuse(target: str, languages: Sequence[str], *folders: Path) -> None:
    raise UserError(
        f"{target} was scored on other rows ({', '.join(languages)}), and such scores are not compared",
        where=" and ".join(map(str, folders)),
        fix="score both again on the same data",
    )


def _draw(
    task: Task, metric: Metric, folders: Sequence[Path], languages: Sequence[str], draws: int
) -> Resampled | None:
    parts = {language: metric.parts_of(language) for language in languages}
    main = next(iter(parts.values()))
    if main is None:
        return None
    ids = {language: _column(folders[0], language, "id") for language in languages}
    together = clusters(ids, parallel=_is_parallel(task, ids, folders[0]))

    def read() -> Iterator[Language]:
        for language in languages:
            yield Language(_parts(task.name, metric, folders, language, ids[language]), together[language])

    return resample(read(), main.main, draws=draws)


def _is_parallel(task: Task, ids: Mapping[str, Sequence[str]], folder: Path) -> bool:
    """Whether rows of one id are one item: the task says so, or the rows are the embedded world's, which share facts.

    Mere row numbers count only where all languages have the same ones.
    """
    if not (task.parallel or _is_embedded(folder)):
        return False
    return "id" in task.columns or len({frozenset(names) for names in ids.values()}) == 1


def _is_embedded(folder: Path) -> bool:
    path = folder.parents[1]
    if not (path / "run.json").is_file():
        return False
    run = read_run(path)
    return (run.record.config.get("resources", {}).get("mirror") or usual_mirror(None, run)) == MINI


def _parts(
    target: str, metric: Metric, folders: Sequence[Path], language: str, ids: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return what the main score is added up from: (folders, rows, k)."""
    parts, found = metric.parts_of(language), []
    assert parts is not None
    for folder in folders:
        if _column(folder, language, "id") != ids:
            _refuse(target, [language], folders[0], folder)
        found.append(parts.of(_column(folder, language, "gold"), _column(folder, language, "prediction")))
    return np.stack(found)


def _column(folder: Path, language: str, name: str) -> list[Any]:
    file = folder / "predictions" / f"{language}.parquet"
    if not file.is_file():
        raise UserError(f"there are no predictions in {file}", fix="remove the evaluation's folder, and score again")
    values: list[Any] = pq.read_table(file, columns=[name])[name].to_pylist()
    return values
