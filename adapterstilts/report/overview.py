"""The overview of a study: one row a way, one column a target, and what it took."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from adapterstilts.evaluation.files import read_metrics
from adapterstilts.report.study import Study, Way
from adapterstilts.report.tables import Table, amount
from adapterstilts.store.run import Run, read_run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Overview:
    """A study's results. `scores`: way, target, language, score, taught; `costs`: way, trained, bytes, seconds.

    `taught`: whether the way's runs were trained on labelled rows in this language.
    """

    scores: pd.DataFrame
    costs: pd.DataFrame

    def zero_shot(self) -> pd.DataFrame:
        """Return ways by targets: the mean score over the languages that no way was trained on for this target.

        So all ways are averaged over the same languages, whatever their source languages.
        """
        taught = self._taught()
        pairs = zip(self.scores["target"], self.scores["language"], strict=True)
        elsewhere = self.scores[[language not in taught[target] for target, language in pairs]]
        ways, targets = self.scores["way"].unique(), self.scores["target"].unique()
        means = elsewhere.groupby(["way", "target"])["score"].mean().unstack()
        frame: pd.DataFrame = means.reindex(index=ways, columns=targets)
        return frame

    def _taught(self) -> dict[str, set[str]]:
        """Return by target the languages that some way was trained on."""
        some = self.scores[self.scores["taught"]]
        return {
            target: set(some.loc[some["target"] == target, "language"]) for target in self.scores["target"].unique()
        }

    def _notes(self) -> list[str]:
        """Say of each target which languages are left out though not every way was trained on them."""
        always = self.scores.groupby(["target", "language"])["taught"].all()
        unlike = {
            target: sorted(one for one in languages if not always[target, one])
            for target, languages in self._taught().items()
        }
        return [
            f"{target}: left out for all, as some ways were trained on rows in {' '.join(languages)}"
            for target, languages in unlike.items()
            if languages
        ]

    def tables(self) -> list[Table]:
        """Return the scores and the costs."""
        means = self.zero_shot()
        rows = [[str(way), _figure(row.mean(skipna=False)), *map(_figure, row)] for way, row in means.iterrows()]
        title = "zero-shot: mean over the languages that were never trained on (percent)"
        costs = [
            [way, method, amount(trained), f"{amount(size)}B", f"{seconds:.0f}s"]
            for way, method, trained, size, seconds in self.costs.to_numpy().tolist()
        ]
        return [
            Table(title, ["", "mean", *means.columns], rows, self._notes()),
            Table("what one target took, without its head", ["", "method", "trained", "saved", "training"], costs),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {"scores": self.scores.to_dict("records"), "costs": self.costs.to_dict("records")}


def overview(study: Study) -> Overview:
    """Read what a study has left on the disk; every target of every way must have been scored."""
    import pandas as pd

    scores = [
        {
            "way": way.name,
            "target": target,
            "language": language,
            "score": score,
            "taught": language in study.scored(way, target).source_languages,
        }
        for way in study.ways
        for target in study.targets
        if study.reaches(way, target)
        for language, score in _scores(study.scores(way, target)).items()
    ]
    return Overview(pd.DataFrame(scores), pd.DataFrame([_costs(study, way) for way in study.ways]))


def _figure(score: float) -> str:
    return "-" if math.isnan(score) else f"{score:.1f}"


def _scores(folder: Path) -> dict[str, float]:
    metrics = read_metrics(folder)
    return {language: values[metrics["metric"]["main"]] for language, values in metrics["languages"].items()}


def _costs(study: Study, way: Way) -> dict[str, Any]:
    """Return means over the trained targets: parameters and bytes of the module, seconds with all that came before."""
    reached = [target for target in study.targets if study.reaches(way, target)]
    runs = [run for run in (study.scored(way, target) for target in reached) if _was_trained(run)]
    costs = [_cost(run) for run in runs]

    def mean(values: list[float]) -> float:
        return sum(values) / max(1, len(values))

    return {
        "way": way.name,
        "method": way.method,
        "trained": mean([cost.trained for cost in costs]),
        "bytes": mean([cost.bytes for cost in costs]),
        "seconds": mean([cost.seconds for cost in costs]),
    }


class _Cost(NamedTuple):
    """Of one target: parameters of the module that were trained, its bytes, seconds with all that came before."""

    trained: float
    bytes: float
    seconds: float


def _was_trained(run: Run) -> bool:
    """Whether a run is a target's: trained for it, or the average of several that were."""
    return run.phase == "target" or (run.phase == "average" and _members(run)[0].phase == "target")


def _members(run: Run) -> list[Run]:
    return [read_run(parent.path) for parent in run.record.parents]


def _cost(run: Run) -> _Cost:
    """Return what a target took; of an average all its runs, and what they have in common once."""
    if run.phase != "average":
        record = run.record
        return _Cost(
            record.cost.trainable_params.adapter, record.cost.adapter_bytes, record.budget.train_s_with_parents
        )
    own = [member.record for member in _members(run)]
    before = own[0].budget.train_s_with_parents - own[0].cost.train_s
    seconds = before + sum(record.cost.train_s for record in own)
    return _Cost(own[0].cost.trainable_params.adapter, run.record.cost.adapter_bytes, seconds)
