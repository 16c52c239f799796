"""A comparison: frames for programs, tables for people."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapterstilts.report.tables import Table, amount

if TYPE_CHECKING:
    import pandas as pd

AVERAGE = "average"
_SIDE_BY_SIDE = 4  # more runs than that stand below each other

Line = dict[Hashable, Any]


@dataclass(frozen=True)
class Comparison:
    """Scores and costs of several runs. `scores` has a row for each run, task, layer, language and metric."""

    names: list[str]
    baseline: str
    scores: pd.DataFrame
    costs: pd.DataFrame
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "baseline": self.baseline,
            "scores": self._score_lines(),
            "costs": self.costs.to_dict("records"),
            "notes": self.notes,
        }

    def tables(self) -> list[Table]:
        """Return a table of scores for each task, and one of costs; a task's notes stand under its own table."""
        groups: dict[str, list[Line]] = {}
        for line in self._score_lines():
            groups.setdefault(f"{line['task']} {line['split']}", []).append(line)
        tables = [self._score_table(name, lines) for name, lines in groups.items()]
        told = {note for table in tables for note in table.notes}
        return [*tables, self._cost_table([note for note in self.notes if note not in told])]

    def _score_lines(self) -> list[Line]:
        """Return the scores as plain values, None where there is none."""
        return self.scores.astype(object).where(self.scores.notna(), None).to_dict("records")

    def _score_table(self, name: str, lines: list[Line]) -> Table:
        """Return scores by language; of several layers, their averages by layer."""
        layers = {line["layer"] for line in lines if line["layer"] is not None}
        cells: dict[str, dict[str, str]] = {}
        for line in lines:
            is_average, is_main = line["language"] == AVERAGE, line["metric"] == line["main"]
            if (is_main and (is_average or len(layers) < 2)) or (is_average and not layers):
                place = f"layer {line['layer']}, " if layers else ""
                row = cells.setdefault(f"{place}{line['language']} {line['metric']}", {})
                row[line["run"]] = _cell(line["score"], line["difference"])
        runs = [run for run in self.names if any(run in row for row in cells.values())]
        languages = {line["language"] for line in lines} - {AVERAGE}
        title = f"{name}: {lines[0]['main']} in {len(languages)} languages"
        title += f", difference to {self.baseline}" if self.baseline in runs else ""
        return _laid_out(title, runs, cells, [note for note in self.notes if note.startswith(f"{name}:")])

    def _cost_table(self, notes: list[str]) -> Table:
        figures = [column for column in self.costs.columns if column != "run"]
        by_run = self.costs.set_index("run")
        cells = {
            figure.replace("_", " "): {name: _figure(by_run.loc[name, figure]) for name in self.names}
            for figure in figures
        }
        return _laid_out("what it took", self.names, cells, notes)


def _laid_out(title: str, runs: list[str], cells: dict[str, dict[str, str]], notes: list[str]) -> Table:
    """Return a table of a few runs side by side, or of many below each other."""
    if len(runs) <= _SIDE_BY_SIDE:
        lines = [[name, *(row.get(run, "-") for run in runs)] for name, row in cells.items()]
        return Table(title, ["", *runs], lines, notes)
    return Table(title, ["", *cells], [[run, *(row.get(run, "-") for row in cells.values())] for run in runs], notes)


def _cell(score: float, difference: float | None) -> str:
    return f"{score:.2f}" if difference is None else f"{score:.2f} ({difference:+.2f})"


def _figure(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.3f}" if 0 < value < 1 else amount(float(value))
