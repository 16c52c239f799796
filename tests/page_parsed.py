"""A page taken apart without a browser: its tables, its elements, what is wrong with it, what it would fetch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input", "source"}


@dataclass
class Cell:
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class Table:
    caption: str = ""
    headings: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)

    def row(self, *names: str) -> dict[str, Cell]:
        """Return the one row that begins with these names, by heading."""
        [found] = [row for row in self.rows if tuple(cell.text for cell in row[: len(names)]) == names]
        return dict(zip(self.headings, found, strict=True))


class Page(HTMLParser):
    """A page taken apart: its tables by section, its elements, and what is wrong with how they are nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, list[Table]] = {}
        self.texts: dict[str, str] = {}
        self.section = ""
        self.feed(text)
        self.close()
        self.wrong += [f"{tag} is never closed" for tag in self.open]

    def handle_starttag(self, tag, attributes):
        found = {name: value or "" for name, value in attributes}
        self.elements.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = found["id"]
        if tag == "table":
            self.tables.setdefault(self.section, []).append(Table())
        if tag == "tr" and "thead" not in self.open:
            self.table.rows.append([])
        if tag in {"td", "th"} and "thead" not in self.open:
            self.table.rows[-1].append(Cell("", found))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        inside, text = set(self.open), " ".join(data.split())
        if inside & {"script", "style", "svg"} or not text:
            return
        self.texts[self.section] = f"{self.texts.get(self.section, '')} {text}"
        if "caption" in inside:
            self.table.caption += text
        elif "thead" in inside:
            self.table.headings.append(text)
        elif inside & {"td", "th"}:
            cell = self.table.rows[-1][-1]
            cell.text = f"{cell.text} {text}".strip()

    @property
    def table(self) -> Table:
        return self.tables[self.section][-1]

    def called(self, section: str, caption: str) -> Table:
        return next(table for table in self.tables[section] if table.caption == caption)


def from_outside(text: str) -> list[str]:
    """Return what a page would fetch: links to anything but its own parts, styles and images from elsewhere."""
    found = re.findall(r"@import[^;]*|url\(\s*[\"']?(?!#)[^)]*\)|<!ENTITY[^>]*", text)
    for tag, attributes in Page(text).elements:
        found += [tag] if tag in {"link", "img", "iframe", "object", "embed", "base", "foreignobject"} else []
        for name, value in attributes.items():
            leads = name.split(":")[-1] in {"src", "href", "srcset", "action", "poster", "data"}
            if (leads and not value.startswith("#")) or name.startswith("on"):
                found.append(f"{name}={value}")
    return found
