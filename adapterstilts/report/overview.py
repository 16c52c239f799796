"""A study at a glance: one row a way and method, one column a target, and what it took."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adapterstilts.experiment.results import Results
from adapterstilts.report.tables import Table, amount

if TYPE_CHECKING:
    import pandas as pd

_ROW = ["way", "method"]
_COSTS: dict[str, tuple[str, Callable[[float], str]]] = {
    "trained": ("trained", amount),
    "bytes": ("saved", lambda value: f"{amount(value)}B"),
    "train_s": ("training", lambda value: f"{value:.0f}s"),
    "examples": ("examples", amount),
    "peak_memory_bytes": ("memory", lambda value: f"{amount(value)}B"),
}
_FIRST = ["trained", "bytes", "train_s"]


@dataclass(frozen=True)
class Overview:
    """The results of a study of one base and without further axes. Figures are means over its seeds."""

    results: Results

    @cached_property
    def rows(self) -> list[tuple[str, str]]:
        """The ways and methods that have scores, in the study's order."""
        found = set(self.results.scores[_ROW].itertuples(index=False, name=None))
        pairs = ((way, method) for way in self.results.ways for method in self.results.methods)
        return [pair for pair in pairs if pair in found]

    @property
    def _index(self) -> pd.MultiIndex:
        import pandas as pd

        return pd.MultiIndex.from_tuples(self.rows, names=_ROW)

    @property
    def targets(self) -> list[str]:
        """The targets that have scores, in the study's order."""
        found = set(self.results.scores["target"])
        return [target for target in self.results.targets if target in found]

    def by_language(self, target: str) -> pd.DataFrame:
        """Return the scores on a target, rows by languages; NaN where there is none."""
        scores = self.results.scores[self.results.scores["target"] == target]
        frame: pd.DataFrame = scores.groupby([*_ROW, "language"])["score"].mean().unstack()
        return frame.reindex(index=self._index, columns=scores["language"].unique())

    def zero_shot(self) -> pd.DataFrame:
        """Return rows by targets: the mean over the languages that no way was trained on for this target.

        So all ways are averaged over the same languages, whatever their source languages.
        """
        import pandas as pd

        untaught = self.results.zero_shot
        means = {one: self.by_language(one)[list(untaught[one])].mean(axis=1, skipna=False) for one in self.targets}
        return pd.DataFrame(means, index=self._index)

    def costs(self, target: str | None = None) -> pd.DataFrame:
        """Return what each row took for a target, the columns as in the study's costs; None: the mean over targets.

        `trained` and `bytes` are those of the module, without heads; `train_s` and `examples` count all runs before.
        """
        costs = self.results.costs
        wanted = costs if target is None else costs[costs["target"] == target]
        frame: pd.DataFrame = wanted.groupby(_ROW)[list(_COSTS)].mean()
        return frame.reindex(index=self._index)

    def tables(self) -> list[Table]:
        """Return the scores and the costs."""
        means = self.zero_shot()
        title = "zero-shot: mean over the languages that were never trained on (percent)"
        rows = [[", ".join(row), *_figures([sum(many) / len(many), *many])] for row, many in _lines(means)]
        return [
            Table(title, ["", "mean", *means.columns], rows, self._notes()),
            _spent("what one target took, without its head", self.costs()[_FIRST]),
        ]

    def details(self, target: str) -> list[Table]:
        """Return the scores on a target in every language, and what it took if it was trained."""
        scores, costs = self.by_language(target), self.costs(target)
        rows = [[", ".join(row), *_figures(many)] for row, many in _lines(scores)]
        tables = [Table("by language (percent)", ["", *scores.columns], rows)]
        return tables if costs.isna().all(axis=None) else [*tables, _spent("what it took", costs)]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        scores = self.results.scores[[*_ROW, "target", "seed", "language", "score", "taught"]]
        return {"scores": scores.to_dict("records"), "costs": self.costs().dropna().reset_index().to_dict("records")}

    def _notes(self) -> list[str]:
        """Say of each target which languages are left out though not every way was trained on them."""
        always = self.results.scores.groupby(["target", "language"])["taught"].agg(["any", "all"])
        found = []
        for target in self.targets:
            some = always.loc[target]
            languages = sorted(some.index[some["any"] & ~some["all"]])
            if languages:
                told = f"left out for all, as some ways were trained on rows in {' '.join(languages)}"
                found.append(f"{target}: {told}")
        return found


def _spent(title: str, costs: pd.DataFrame) -> Table:
    """Return the costs that a frame has as a table."""
    written = [_COSTS[column] for column in costs.columns]
    rows = [
        [
            ", ".join(row),
            *("-" if math.isnan(one) else write(one) for one, (_, write) in zip(many, written, strict=True)),
        ]
        for row, many in _lines(costs)
    ]
    return Table(title, ["", *(heading for heading, _ in written)], rows)


def _lines(frame: pd.DataFrame) -> list[tuple[tuple[str, str], list[float]]]:
    """Return a frame's rows with the way and method that they are of."""
    return list(zip(frame.index.tolist(), frame.to_numpy().tolist(), strict=True))


def _figures(values: Iterable[float]) -> list[str]:
    return ["-" if math.isnan(value) else f"{value:.1f}" for value in values]
