"""Pictures by matplotlib, as SVG that stands in a page: no id twice, no style of its own, nothing from elsewhere.

Widths are chosen so that a picture fits a narrow screen at its natural size: text is never made smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 3.75
"""Inches of a picture; 360 pixels on a screen."""

_SETTINGS = {"svg.hashsalt": "adapterstilts", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
_SETTINGS |= {"text.parse_math": False}  # a name with two dollar signs is no formula
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_INK, _LINES = "#3c4043", "#e3e3e3"
_CHARACTER = 0.078
"""Inches of a character at the most, in the size of labels."""
_SIGN, _GAP, _MANY = 0.13, 0.12, 30
"""Inches from sign to sign inside a row of a plot, and between rows; of how many signs on these are too much."""


@dataclass
class Picture:
    """A picture being drawn; `svg` is filled when it is done."""

    axes: Axes
    svg: str = field(default="")


@dataclass(frozen=True)
class Size:
    """Inches of a picture. `labels`: what stands left of the plot, which makes room for it; `below`: room under it."""

    height: float
    labels: Sequence[str] = ("00.0",)
    width: float = WIDTH
    below: float = 0.46


@contextmanager
def picture(name: str, described: str, size: Size) -> Iterator[Picture]:
    """Give a plot to draw on; afterwards `svg` of what is given holds the picture.

    `name` begins every id and must be one on the page. `described`: for those who cannot see it.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(size.width, size.height))
        left = (0.2 + _CHARACTER * max(len(label) for label in size.labels)) / size.width
        right, top = 1 - 0.14 / size.width, 1 - 0.1 / size.height
        figure.subplots_adjust(left=left, right=right, bottom=size.below / size.height, top=top)
        figure.patch.set_visible(False)
        drawn = Picture(figure.subplots())
        _calm(drawn.axes)
        yield drawn
        written = StringIO()
        figure.savefig(written, format="svg", metadata=_NO_METADATA)
    drawn.svg = _inline(written.getvalue(), name, described)


def rows(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a plot, the first on top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)


def zero(axes: Axes, *, upright: bool = True) -> None:
    """Draw the line of no difference."""
    draw = axes.axvline if upright else axes.axhline
    draw(0, color="#777777", linewidth=1, zorder=1)


def height_of(rows: int, signs: int) -> float:
    """Return the inches of that many rows, each of so many signs one below the other."""
    return rows * (_apart(rows, signs) * signs + _GAP)


def shift(order: int, rows: int, signs: int) -> float:
    """Return how far below the middle of its row a sign stands, in rows."""
    apart = _apart(rows, signs)
    return (order - (signs - 1) / 2) * apart / (apart * signs + _GAP)


def _apart(rows: int, signs: int) -> float:
    """Return the inches from sign to sign: of many, less than they are high, so that the picture stays in sight."""
    return _SIGN if rows * signs <= _MANY else _SIGN / 3


def name_values(axes: Axes, values: Sequence[float], write: Callable[[float], str]) -> None:
    """Put a plot's values from left to right on a logarithmic scale that names these and no others."""
    from matplotlib.ticker import FixedLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(values))
    axes.xaxis.set_major_formatter(lambda value, _: write(value))
    axes.minorticks_off()


def _calm(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#b5b5b5")
    axes.tick_params(colors=_INK, length=3, color="#b5b5b5")
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
    axes.grid(color=_LINES, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)


def _inline(svg: str, name: str, described: str) -> str:
    """Return an SVG to stand inside HTML: without namespaces, which HTML knows, and with ids that begin with `name`."""
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        parent.tag = parent.tag.split("}")[-1]
        parent.attrib = {key.split("}")[-1]: value for key, value in parent.attrib.items()}
    for parent in list(root.iter()):
        for child in [one for one in parent if one.tag in {"style", "metadata"}]:
            parent.remove(child)
    _rename(root, name)
    root.attrib.pop("version", None)
    root.attrib.update({"role": "img", "aria-label": described})
    return ElementTree.tostring(root, encoding="unicode").strip()


def _rename(root: ElementTree.Element, name: str) -> None:
    """Put `name` before every id that something refers to, and drop all others."""
    text = " ".join(value for one in root.iter() for key, value in one.attrib.items() if key != "id")
    for one in root.iter():
        for key, value in one.attrib.items():
            if "#" in value:
                one.attrib[key] = value.replace("url(#", f"url(#{name}-") if key != "href" else f"#{name}-{value[1:]}"
        if (own := one.attrib.pop("id", "")) and f"#{own}" in text:
            one.attrib["id"] = f"{name}-{own}"
