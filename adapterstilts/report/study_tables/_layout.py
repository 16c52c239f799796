"""What all tables of a study share: the order and names of rows, cells by place, notes, observations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from adapterstilts.experiment.judgement import Judged
from adapterstilts.experiment.results import CELL, Results
from adapterstilts.report.figures import HOLE, SAME_ROWS, SURE

if TYPE_CHECKING:
    import pandas as pd

Line = Mapping[str, Any]
Place = tuple[str, ...]
ALPHA = 0.05
ROW = ("base", "variant", "method", "way")


class Row(NamedTuple):
    """A row of the grid: a cell without its target."""

    base: str
    variant: str
    method: str
    way: str


@dataclass(frozen=True)
class Study:
    """A study as its tables read it."""

    results: Results
    judged: Judged

    @cached_property
    def rows(self) -> list[Row]:
        """Return all rows of the grid: bases and variants as they come, methods and ways in the recipe's order."""
        results = self.results
        found = dict.fromkeys(row for frame in (results.scores, results.holes) for row in _rows(frame))
        groups = dict.fromkeys((row.base, row.variant) for row in found)
        ordered = [Row(*group, method, way) for group in groups for method in results.methods for way in results.ways]
        return [row for row in ordered if row in found]

    def name(self, row: Sequence[str], columns: Sequence[str] = ROW) -> str:
        """Return what a row is called: its last part, and before it those in which rows of this study differ."""
        parts = [
            part for column, part in zip(columns, row, strict=True) if column in self._varying or column not in ROW[:3]
        ]
        return " ".join(part for part in parts if part)

    @cached_property
    def _varying(self) -> set[str]:
        return {column for number, column in enumerate(ROW) if len({row[number] for row in self.rows}) > 1}

    def same_rows(self, row: Row, target: str) -> bool:
        """Whether the way's intermediate task is the target's own training data."""
        return (row.way, target) in self.results.same_rows


def records(frame: pd.DataFrame, without: Iterable[str] = ()) -> list[Line]:
    """Return a frame's rows as plain values, None where there is none."""
    kept = frame.drop(columns=[name for name in without if name in frame])
    lines = kept.astype(object).where(kept.notna(), None).to_dict("records")
    return [{str(name): value for name, value in line.items()} for line in lines]


def by_place(frame: pd.DataFrame, columns: Sequence[str] = CELL) -> dict[Place, Line]:
    """Return a frame's rows by the values of `columns`; a column that it has not counts as ""."""
    return {tuple(str(line.get(name) or "") for name in columns): line for line in records(frame)}


def means_of(frame: pd.DataFrame, columns: Sequence[str], values: Sequence[str]) -> dict[Place, dict[str, float]]:
    """Return the means of `values` by the values of `columns`, NaN where there is none."""
    if not len(frame):
        return {}
    means = frame.astype(dict.fromkeys(values, float)).groupby(list(columns), sort=False)[list(values)].mean()
    return {
        tuple(map(str, place)): {name: float(line[name]) for name in values}
        for place, line in zip(means.index, means.to_dict("records"), strict=True)
    }


def grid(study: Study, rows: Sequence[Row], cell: Callable[[Row, str], str]) -> list[list[str]]:
    """Return a table's rows: a row's name, then its cell for each target."""
    return [[study.name(row), *(cell(row, target) for target in study.results.targets)] for row in rows]


def number(line: Line | None, name: str) -> float:
    """Return a figure of a line, NaN where there is no line or no figure."""
    value = None if line is None else line.get(name)
    return float("nan") if value is None else float(value)


def notes_on_cells(study: Study, rows: Sequence[Sequence[str]]) -> list[str]:
    """Explain the signs that occur in a table's cells, and no others."""
    text = "\n".join(cell for row in rows for cell in row[1:])
    notes = []
    if "[" in text:
        notes.append("[low, high]: 95 % interval, over seeds and rows")
    if " to " in text:
        notes.append("(low to high): range over seeds; under three there is no interval")
    if SURE in text:
        notes.append(f"{SURE}: p < {ALPHA} after Holm's correction")
    if SAME_ROWS in text:
        notes.append(f"{SAME_ROWS}: the intermediate task is the target's own training data")
    return [*notes, *(_holes(study) if HOLE in text else [])]


def _holes(study: Study) -> list[str]:
    """Say why there are holes: each reason with how often it occurs."""
    counts = Counter(map(str, study.results.holes["why"]))
    reasons = [f"{why} ({times})" for why, times in counts.most_common()]
    return [f"{HOLE}: no result" + (f"; runs missing: {', '.join(reasons)}" if reasons else "")]


def seeds_in_words(study: Study) -> str:
    """Say over how many seeds means are."""
    count = len(study.results.seeds)
    return "one seed" if count == 1 else f"means over {count} seeds"


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [Row(*map(str, row)) for row in zip(*(frame[name] for name in ROW), strict=True)] if len(frame) else []
