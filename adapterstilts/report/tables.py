"""Tables: for a terminal, Markdown, LaTeX and CSV. A table is a title, headings and rows of text."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from adapterstilts.report.figures import Best, best_cells
from adapterstilts.report.latex import latex

if TYPE_CHECKING:
    from rich.table import Table as RichTable

Column = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """What to show; the first column names the row, the others are figures (or words, if `words`).

    Figures are written as `report.figures` says. `best`: whether the highest of each column, or row, is set in bold.
    `observations`: what the figures come from, unrounded, one to a row of `csv()`.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    words: bool = False
    best: Best = ""
    observations: Sequence[Mapping[str, object]] = ()

    def markdown(self) -> str:
        """Return the table in Markdown, figures to the right."""
        rule = [":--", *[":--" if self.words else "--:"] * (len(self.headings) - 1)]
        bold = best_cells(self.rows, self.best)
        rows = [
            [_bold(cell) if (number, column) in bold else cell for column, cell in enumerate(row)]
            for number, row in enumerate(self.rows)
        ]
        lines = [f"**{self.title}**", "", *(_line(row) for row in (self.headings, rule, *rows))]
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes)]).rstrip() + "\n"

    def latex(self) -> str:
        r"""Return the table in LaTeX, for a paper that says `\usepackage{booktabs}`."""
        return latex(self)

    def csv(self) -> str:
        """Return the observations as CSV (`as_csv`)."""
        return as_csv(self.observations)


def as_csv(observations: Sequence[Mapping[str, object]]) -> str:
    """Return observations as CSV, in full precision: a row each, an empty cell for what one has not (None, NaN)."""
    names = list(dict.fromkeys(name for one in observations for name in one))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([names, *([_raw(one.get(name)) for name in names] for one in observations)])
    return out.getvalue()


def _raw(value: object) -> str:
    """Return a plain value in text: floats so that they read back the same, truth in lower case."""
    if isinstance(value, float):  # numpy's are, too
        return "" if value != value else repr(float(value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _bold(cell: str) -> str:
    """Set a figure in bold, and what stands behind it not."""
    figure, space, spread = cell.partition(" ")
    return f"**{figure}**{space}{spread}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def show(tables: Sequence[Table]) -> None:
    """Print tables on stdout, in colour where that is a terminal; one that is too wide for it comes in blocks."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(markup=False)  # brackets in a formula or a path are text
    for table in tables:
        console.print(f"\n{table.title}", style="bold", highlight=False)  # as a title of its own it would wrap
        gap, parts = (2, [table]) if table.words else blocks(table, console.width)
        for number, part in enumerate(parts):
            if number:
                console.print()
            console.print(_picture(part, gap))
        if table.notes:
            console.print()
        for note in table.notes:
            console.print(Padding.indent(Text(note), 2))


def _picture(table: Table, gap: int) -> RichTable:
    """Draw a table; words fold where the terminal ends. Figures have no need to: their blocks fit into it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable

    picture = RichTable(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    for index, heading in enumerate(table.headings):
        justify: Literal["left", "right"] = "right" if index and not table.words else "left"
        picture.add_column(heading, justify=justify, overflow="fold")
    for row in table.rows:
        picture.add_row(*row)
    return picture


def blocks(table: Table, width: int) -> tuple[int, list[Table]]:
    """Cut a table into blocks of columns that fit into `width` characters; each begins with the rows' names.

    Returns the blocks and, before them, how many spaces stand between columns: two, or one where two are too many.
    """
    names, *figures = zip(table.headings, *table.rows, strict=True)
    names = _shortened(names, width // 2)  # where that may not be, they fold
    room = width - min(_width(names), width // 2)
    gap = 2 if len(_fill(figures, room, 2)) == 1 else 1
    return gap, [_of_columns(table, [names, *columns]) for columns in _fill(figures, room, gap)]


def _fill(columns: Sequence[Column], room: int, gap: int) -> list[list[Column]]:
    """Deal columns out into blocks of `room` characters, at least one to a block."""
    filled: list[list[Column]] = [[]]
    left = room
    for column in columns:
        left -= _width(column) + gap
        if left < 0 and filled[-1]:
            filled.append([])
            left = room - _width(column) - gap
        filled[-1].append(column)
    return filled


def _of_columns(table: Table, columns: Sequence[Column]) -> Table:
    headings, *rows = zip(*columns, strict=True)
    return replace(table, headings=headings, rows=rows)


def _width(column: Column) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, column))


def _shortened(names: Column, width: int) -> Column:
    """Cut the middle out of names longer than `width`, unless two of them would then read alike."""
    end = (width - 1) // 2
    short = tuple(name if len(name) <= width else f"{name[: width - 1 - end]}…{name[-end:]}" for name in names)
    return short if len(set(short)) == len(set(names)) else names


def amount(value: float) -> str:
    """Return a count or a size in the shortest form that keeps three digits: 49.2k, 1.28M."""
    for unit in ("", "k", "M", "G", "T"):
        if abs(value) < 999.5:
            return f"{value:.0f}" if not unit and value == int(value) else f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}P"


def duration(seconds: float) -> str:
    """Return a time in seconds, minutes or hours, with three digits."""
    for unit, size in (("s", 1), ("min", 60)):
        if seconds < 999.5 * size:
            return f"{seconds / size:.3g}{unit}"
    return f"{seconds / 3600:.3g}h"
