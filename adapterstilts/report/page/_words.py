"""Figures as the page writes them: one decimal for scores, a true minus sign, a dash where there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from adapterstilts.report.tables import amount

if TYPE_CHECKING:
    import pandas as pd

NONE = "–"
SOURCE = "en"
ZERO_SHOT = "zero-shot"

Line = Mapping[str, Any]


def lines_of(frame: pd.DataFrame) -> list[Line]:
    """Return a frame's rows by the names of its columns, as plain values."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def is_figure(value: object) -> TypeGuard[float]:
    """Whether a value is a number, and not NaN or infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def figure(line: Line, column: str) -> float | None:
    """Return a number of a line, None where it has none."""
    value = line.get(column)
    return float(value) if is_figure(value) else None


def score(value: float | None) -> str:
    """Write a score."""
    return NONE if value is None else _minus(f"{value:.1f}")


def signed(value: float | None) -> str:
    """Write a difference, with its sign."""
    if value is None:
        return NONE
    return "0.0" if abs(value) < 0.05 else _minus(f"{value:+.1f}")


def standardised(value: float | None) -> str:
    """Write a standardised effect, or a correlation."""
    return NONE if value is None else _minus(f"{value:+.2f}")


def spanned(line: Line) -> str:
    """Write the interval of a difference, or the range over seeds where there is none; "" without both."""
    for low, high, what in (("low", "high", ""), ("lowest", "highest", "range ")):
        ends = figure(line, low), figure(line, high)
        if None not in ends:
            return f"{what}{signed(ends[0])} to {signed(ends[1])}"
    return ""


def ends(line: Line) -> tuple[float, float] | None:
    """Return the ends of what `spanned` writes."""
    for low, high in (("low", "high"), ("lowest", "highest")):
        first, last = figure(line, low), figure(line, high)
        if first is not None and last is not None:
            return first, last
    return None


def share(value: float | None) -> str:
    """Write a share as a percentage."""
    return NONE if value is None else _minus(f"{100 * value:.0f} %")


def chance(value: float | None) -> str:
    """Write a p value."""
    if value is None:
        return NONE
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def count(value: float | None) -> str:
    """Write a count or a number of parameters."""
    return NONE if value is None else amount(value)


def size(value: float | None) -> str:
    """Write a number of bytes."""
    return NONE if value is None else f"{amount(value)}B"


def time(seconds: float | None) -> str:
    """Write a time in the largest unit that leaves three digits."""
    if seconds is None:
        return NONE
    for unit, length in (("s", 1), ("min", 60)):
        if seconds < 99.5 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 3600:.3g} h"


def counted(number: int, thing: str, many: str = "") -> str:
    """Write "1 run", "3 runs"."""
    return f"{number:,} {thing if number == 1 else many or thing + 's'}"


def shortened(name: str, most: int) -> str:
    """Cut the middle out of a name of more than `most` characters."""
    end = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - end]}…{name[-end:]}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
