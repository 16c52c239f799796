r"""A table in LaTeX, with booktabs' rules: add `\usepackage{booktabs}` to the preamble, and `\input` the file.

A column whose figures bring intervals or marks is two columns, so that the figures stay aligned.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from adapterstilts.report.figures import HOLE, SAME_ROWS, SURE, Figure, best_cells, read

if TYPE_CHECKING:
    from adapterstilts.report.tables import Table

_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "[": "{[}", "]": "{]}", "*": "{*}", "--": "-{}-", "×": r"$\times$",
    "±": r"$\pm$", "−": "$-$", "≤": r"$\leq$", "≥": r"$\geq$", "…": r"\ldots{}", SAME_ROWS: r"$\dagger$",
    "\N{NO-BREAK SPACE}": "~", "\n": " ",
}  # fmt: skip
_SPECIAL = re.compile("|".join(re.escape(one) for one in sorted(_ESCAPES, key=len, reverse=True)))
_MARKS = {SURE: "*", SAME_ROWS: r"\dagger"}


def latex(table: Table) -> str:
    """Return a `table` environment: caption, label, figures to the right, the best in bold, notes below."""
    body = [row[1:] for row in table.rows]
    wide = [any(_spreads(cell) for cell in column) for column in zip(*body, strict=True)] or [False] * (
        len(table.headings) - 1
    )
    kind = "l" if table.words else "r"
    columns = "".join(r"r@{\,}l" if one else kind for one in wide)
    headings = [_heading(one, twice) for one, twice in zip(table.headings[1:], wide, strict=True)]
    bold = best_cells(table.rows, table.best)
    lines = [
        _line(row[0], [_cell(cell, twice, (number, column) in bold)
                       for column, (cell, twice) in enumerate(zip(row[1:], wide, strict=True), 1)])
        for number, row in enumerate(table.rows)
    ]  # fmt: skip
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escaped(table.title)}}}",
            rf"\label{{tab:{_label(table.title)}}}",
            rf"\begin{{tabular}}{{l{columns}}}",
            r"\toprule",
            _line(table.headings[0], headings),
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            *_notes(table.notes),
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Return text that LaTeX prints as it is; brackets and stars too, which after a row's end would be its options."""
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], text)


def _line(name: str, cells: Sequence[str]) -> str:
    return " & ".join([escaped(name), *cells]) + r" \\"


def _heading(text: str, twice: bool) -> str:
    return rf"\multicolumn{{2}}{{c}}{{{escaped(text)}}}" if twice else escaped(text)


def _spreads(cell: str) -> bool:
    """Whether something stands behind a cell's figure."""
    figure = read(cell)
    return figure is not None and bool(figure.spread or figure.marks)


def _cell(cell: str, twice: bool, bold: bool) -> str:
    figure = read(cell)
    first = cell if cell == HOLE else escaped(cell) if figure is None else _value(figure, bold)
    return f"{first} & {_behind(figure)}".rstrip() if twice else first


def _value(figure: Figure, bold: bool) -> str:
    number = rf"\mathbf{{{figure.value}}}" if bold else figure.value
    return f"${number}${escaped(figure.unit)}"


def _behind(figure: Figure | None) -> str:
    """Return an interval set low and marks set high, behind a figure."""
    if figure is None or not (figure.spread or figure.marks):
        return ""
    spread = figure.spread.replace(", ", r",\,").replace(" to ", r"\ldots ")
    marks = "".join(_MARKS[mark] for mark in figure.marks)
    return "$" + (f"{{}}_{{{spread}}}" if spread else "") + (f"{{}}^{{{marks}}}" if marks else "") + "$"


def _label(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _notes(notes: Sequence[str]) -> list[str]:
    lines = [rf"{{\footnotesize\raggedright {_note(note)}\par}}" for note in notes]
    return ["", r"\smallskip", *lines] if lines else []


def _note(text: str) -> str:
    """Escape a note; a hole that it explains looks as in the table."""
    return HOLE + escaped(text.removeprefix(HOLE)) if text.startswith(HOLE) else escaped(text)
