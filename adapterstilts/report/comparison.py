"""A comparison: frames for programs, tables for people."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapterstilts.report.tables import Table, amount, as_csv, duration

if TYPE_CHECKING:
    import pandas as pd

AVERAGE = "average"
_AVERAGE_HEADING = "avg"  # so that nine languages fit into 80 characters
_COSTS = {
    "method": "method",
    "precision": "precision",
    "source_languages": "source",
    "trained_in_adapter": "trained",
    "trained_in_heads": "heads",
    "adapter_bytes": "bytes",
    "examples_planned": "examples",
    "train_s": "train",
    "train_s_with_parents": "in all",
    "tokens_per_s": "tokens/s",
    "padding_share": "padding",
    "peak_memory_bytes": "memory",
}
_ABOUT = ("run", "method", "precision", "source_languages")  # what is said of a run in every row of a CSV

Line = dict[Hashable, Any]


@dataclass(frozen=True)
class Comparison:
    """Scores and costs of several runs. `scores` has a row for each run, task, layer, language and metric.

    `conditions` in it says what was done to the rows (mixed pairs, noise), "" for none: such scores stand in tables of
    their own.

    `all_differences`: whether the tables show the differences in all languages, or in the average alone.
    """

    names: list[str]
    baseline: str
    scores: pd.DataFrame
    costs: pd.DataFrame
    notes: list[str]
    all_differences: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "baseline": self.baseline,
            "scores": self._score_lines(),
            "costs": self.costs.to_dict("records"),
            "notes": self.notes,
        }

    def tables(self) -> list[Table]:
        """Return tables of scores for each task, and one of costs; a task's notes stand under its last table."""
        groups: dict[str, list[Line]] = {}
        for line in self._score_lines():
            title = titled(line["split"], line.get("conditions", ""))
            groups.setdefault(f"{line['task']} {title}", []).append(line)
        tables = [table for name, lines in groups.items() for table in self._score_tables(name, lines)]
        told = {note for table in tables for note in table.notes}
        return [*tables, self._cost_table([note for note in self.notes if note not in told])]

    def csv(self) -> str:
        """Return all scores and costs as CSV, one a row and unrounded; `kind` says which of the two it is."""
        costs: list[Line] = [dict(line) for line in self.costs.to_dict("records")]
        about = {line["run"]: {name: line[name] for name in _ABOUT} for line in costs}
        scores = [{**about[line["run"]], "kind": "score", **line} for line in self._score_lines()]
        rows = [*scores, *(
            {**about[line["run"]], "kind": "cost", "metric": name, "score": value}
            for line in costs for name, value in line.items() if name not in _ABOUT
        )]  # fmt: skip
        return as_csv([{("value" if name == "score" else str(name)): row[name] for name in row} for row in rows])

    def _score_lines(self) -> list[Line]:
        """Return the scores as plain values, None where there is none."""
        return self.scores.astype(object).where(self.scores.notna(), None).to_dict("records")

    def _score_tables(self, name: str, lines: list[Line]) -> list[Table]:
        """Return a table of scores and, of a sweep or where all differences are asked for, one of those."""
        notes = [note for note in self.notes if note.startswith(f"{name}:")]
        scored = {line["run"] for line in lines}
        runs = [run for run in self.names if run in scored]
        columns = _columns(lines)
        scores, differences = _cells(columns, "score", ".2f"), _cells(columns, "difference", "+.2f")
        title, reference = f"{name}: {_what(lines)}", f"difference to {self.baseline}"
        others = [run for run in runs if run != self.baseline] if self.baseline in runs else []
        if not others:
            return [_laid_out(title, runs, scores, notes)]
        if self.all_differences or _AVERAGE_HEADING not in scores:
            second = _laid_out(f"{title}, {reference}", others, differences, notes)
            return [_laid_out(title, runs, scores), second]
        first = {_AVERAGE_HEADING: scores.pop(_AVERAGE_HEADING), "diff": differences[_AVERAGE_HEADING]}
        return [_laid_out(f"{title}, {reference}", runs, {**first, **scores}, notes)]

    def _cost_table(self, notes: list[str]) -> Table:
        lines = self.costs.to_dict("records")
        cells = {heading: {line["run"]: _cost(name, line[name]) for line in lines} for name, heading in _COSTS.items()}
        return _laid_out("what it took", self.names, cells, notes)


def titled(split: str, conditions: str) -> str:
    """Return what scores on a split are called, so that those under other conditions never share a table."""
    return f"{split}, {conditions}" if conditions else split


def _columns(lines: list[Line]) -> dict[str, dict[str, Line]]:
    """Return by heading each run's line: average, languages, averages of other metrics; of a sweep, of layers."""
    swept = len(_layers(lines)) > 1
    columns: dict[str, dict[str, Line]] = {} if swept else {_AVERAGE_HEADING: {}}
    for line in lines:
        if heading := _heading(line, swept):
            columns.setdefault(heading, {})[line["run"]] = line
    return columns


def _heading(line: Line, swept: bool) -> str:
    """Return the column of a line, "" where it has none."""
    is_main = line["metric"] == line["main"]
    if line["language"] != AVERAGE:
        return str(line["language"]) if is_main and not swept else ""
    if swept:
        return f"layer {line['layer']}" if is_main else ""
    return _AVERAGE_HEADING if is_main else f"{_AVERAGE_HEADING} {line['metric']}"


def _layers(lines: list[Line]) -> list[int]:
    return sorted({line["layer"] for line in lines if line["layer"] is not None})


def _what(lines: list[Line]) -> str:
    """Say what a table of scores shows."""
    main, layers, languages = lines[0]["main"], _layers(lines), {line["language"] for line in lines} - {AVERAGE}
    if len(layers) > 1:
        return f"{main} by layer, averages of {len(languages)} languages"
    place = f" of layer {layers[0]}" if layers else ""
    return f"{main}{place} in {len(languages)} languages"


def _cells(columns: dict[str, dict[str, Line]], what: str, form: str) -> dict[str, dict[str, str]]:
    return {
        heading: {run: "" if line[what] is None else format(line[what], form) for run, line in column.items()}
        for heading, column in columns.items()
    }


def _laid_out(title: str, runs: list[str], cells: dict[str, dict[str, str]], notes: Sequence[str] = ()) -> Table:
    """Return a table with a row a run; "-" where a run has no such figure."""
    return Table(title, ["", *cells], [[run, *(cell.get(run, "-") for cell in cells.values())] for run in runs], notes)


def _cost(name: str, value: Any) -> str:
    """Return a cost with its unit."""
    if isinstance(value, str):
        return value
    if name == "padding_share":
        return f"{value:.0%}"
    if name.endswith("bytes"):
        return f"{amount(value)}B"
    return duration(value) if name.startswith("train_s") else amount(float(value))
