"""Tables: for a terminal, for Markdown. A table is a title, headings and rows of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """What to show; the first column names the row, the others are figures (or words, if `words`)."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    words: bool = False

    def markdown(self) -> str:
        """Return the table in Markdown, figures to the right."""
        rule = [":--", *[":--" if self.words else "--:"] * (len(self.headings) - 1)]
        lines = [f"**{self.title}**", "", *(_line(row) for row in (self.headings, rule, *self.rows))]
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes)]).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def show(tables: Sequence[Table]) -> None:
    """Print tables on stdout, in colour where that is a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(markup=False)  # brackets in a formula or a path are text
    for table in tables:
        console.print(f"\n{table.title}", style="bold", highlight=False)  # as a title of its own it would wrap
        picture = RichTable(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for index, heading in enumerate(table.headings):
            picture.add_column(heading, justify="right" if index and not table.words else "left", overflow="fold")
        for row in table.rows:
            picture.add_row(*row)
        console.print(picture)
        for note in table.notes:
            console.print(f"  {note}", highlight=False)


def amount(value: float) -> str:
    """Return a count or a size in the shortest form that keeps three digits: 49.2k, 1.28M."""
    for unit in ("", "k", "M", "G", "T"):
        if abs(value) < 999.5:
            return f"{value:.0f}" if not unit and value == int(value) else f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}P"
