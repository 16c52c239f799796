"""How a figure is written in a table's cell: `62.3`, `+1.2 [0.3, 2.1]*†`, `+1.2 (0.3 to 2.1)`, `--` for a hole.

One notation for all tables, so that each way to print them can set the parts apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

HOLE = "--"
SURE, SAME_ROWS = "*", "†"
Best = Literal["", "column", "row"]

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_FIGURE = re.compile(
    rf"(?P<value>{_NUMBER})(?P<unit>%|[A-Za-z/]+)?"
    rf"(?: (?P<spread>\[{_NUMBER}, {_NUMBER}\]|\({_NUMBER} to {_NUMBER}\)))?(?P<marks>[{SURE}{SAME_ROWS}]*)"
)


class Figure(NamedTuple):
    """A cell's parts. `spread`: an interval in brackets, or a range in parentheses; "" for what is not there."""

    value: str
    unit: str
    spread: str
    marks: str


def read(cell: str) -> Figure | None:
    """Return a cell's parts, None where it is no figure."""
    found = _FIGURE.fullmatch(cell)
    return Figure(*(part or "" for part in found.group("value", "unit", "spread", "marks"))) if found else None


def percent(value: float) -> str:
    """Return a score with one decimal."""
    return HOLE if math.isnan(value) else f"{value:.1f}"


def signed(value: float) -> str:
    """Return a difference of scores with its sign and one decimal."""
    return HOLE if math.isnan(value) else f"{_no_minus_zero(value):+.1f}"


def interval(low: float, high: float, decimals: int = 1) -> str:
    """Return an interval in brackets, "" where there is none."""
    ends = _ends(low, high, decimals)
    return f"[{ends[0]}, {ends[1]}]" if ends else ""


def seed_range(lowest: float, highest: float, decimals: int = 1) -> str:
    """Return what the seeds lie between, in parentheses; "" where there is none, or one seed."""
    ends = _ends(lowest, highest, decimals)
    return f"({ends[0]} to {ends[1]})" if ends and lowest != highest else ""


def best_cells(rows: Sequence[Sequence[str]], best: Best) -> set[tuple[int, int]]:
    """Return the places (row, column) of the highest figures of each column or row, equals as they are printed.

    Cells in which the intermediate task is the target's own training data are no competitors, and where all others are
    equal there is no best.
    """
    lines: dict[int, dict[tuple[int, int], float]] = {}
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            figure = read(cell)
            if best and column and figure and SAME_ROWS not in figure.marks:
                lines.setdefault(column if best == "column" else row, {})[row, column] = float(figure.value)
    unlike = [line for line in lines.values() if len(set(line.values())) > 1]
    return {place for line in unlike for place, value in line.items() if value == max(line.values())}


def _ends(low: float, high: float, decimals: int) -> tuple[str, str] | None:
    if math.isnan(low) or math.isnan(high):
        return None
    return f"{_no_minus_zero(low, decimals):.{decimals}f}", f"{_no_minus_zero(high, decimals):.{decimals}f}"


def _no_minus_zero(value: float, decimals: int = 1) -> float:
    return round(value, decimals) + 0.0
