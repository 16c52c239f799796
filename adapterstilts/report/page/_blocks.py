"""What a section is made of; `parts/blocks.html` has a shape for every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from adapterstilts.report.page._words import NONE


@dataclass(frozen=True)
class Cell:
    """One place of a table. `sort`: what it is sorted by; None: nothing is here, which always stands last.

    `lines`: smaller lines below. `colour`: of the ground. `title`: told where a mouse rests. `mean`: whether the figure
    is the mean of the rows that are shown.
    """

    text: str
    sort: float | str | None = None
    lines: Sequence[str] = ()
    style: str = ""
    colour: str = ""
    title: str = ""
    mean: bool = False


@dataclass(frozen=True)
class Row:
    """A row; `language` and `counts` (in the mean) are for choosing languages."""

    cells: Sequence[Cell]
    language: str = ""
    counts: bool = False


@dataclass(frozen=True)
class Grid:
    """A table that sorts by its headings. `foot`: a last row that stays last. `map`: coloured, with wide places."""

    kind: ClassVar[str] = "grid"
    caption: str
    headings: Sequence[str]
    rows: Sequence[Row]
    foot: Sequence[Cell] = ()
    map: bool = False

    def figures(self, column: int) -> bool:
        """Whether a column holds figures, which stand to the right."""
        return any("figure" in row.cells[column].style for row in self.rows)


@dataclass(frozen=True)
class Drawing:
    """A picture with what stands under it; `language`: the one it is about."""

    svg: str
    caption: str
    language: str = ""


@dataclass(frozen=True)
class Panels:
    """Pictures side by side, as many as there is room for."""

    kind: ClassVar[str] = "panels"
    drawings: Sequence[Drawing]


@dataclass(frozen=True)
class Words:
    """A paragraph, or several as a list. `style`: "" or "warning"."""

    kind: ClassVar[str] = "words"
    lines: Sequence[str]
    style: str = ""


@dataclass(frozen=True)
class Code:
    """Text to be copied."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Facts:
    """Names with their values."""

    kind: ClassVar[str] = "facts"
    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Mark:
    """One entry of a key: a sign, its colour, what it stands for."""

    sign: str
    colour: str
    text: str


@dataclass(frozen=True)
class Key:
    """What signs and colours mean."""

    kind: ClassVar[str] = "key"
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Scale:
    """What the colours of a map mean: from `low` over white to `high`, each a colour and a figure."""

    kind: ClassVar[str] = "scale"
    low: tuple[str, str]
    high: tuple[str, str]


@dataclass(frozen=True)
class Chooser:
    """Boxes to choose languages by."""

    kind: ClassVar[str] = "chooser"
    languages: Sequence[str]


@dataclass(frozen=True)
class Fold:
    """Blocks that open on a click; all are open in print."""

    kind: ClassVar[str] = "fold"
    title: str
    blocks: Sequence[Block]
    open: bool = False


@dataclass(frozen=True)
class Side:
    """Blocks side by side, as many as there is room for."""

    kind: ClassVar[str] = "side"
    blocks: Sequence[Block]


Block = Grid | Side | Panels | Words | Code | Facts | Key | Scale | Chooser | Fold


@dataclass(frozen=True)
class Section:
    """A part of the page. `reading`: one sentence on how to read it. `name`: its anchor."""

    name: str
    title: str
    reading: str
    blocks: Sequence[Block]


def word(text: str) -> Cell:
    """Make a place with words."""
    return Cell(text, text or None)


def number(text: str, value: float | None) -> Cell:
    """Make a place with a figure."""
    return Cell(text if value is not None else NONE, value, style="figure")


def line(*texts: str) -> Words:
    """Make a paragraph."""
    return Words([" ".join(texts)])
