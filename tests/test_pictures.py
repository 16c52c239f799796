"""Pictures: those that the documents show are there, say what they are, and bring nothing from outside."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SVG = "{http://www.w3.org/2000/svg}"
BRINGS_CODE = {"script", "foreignObject", "iframe", "image"}


def shown(text: str) -> list[str]:
    """Return the pictures that a Markdown text shows, by Markdown or by HTML, without those in its code blocks."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    markdown = re.findall(r"!\[[^\]]*\]\(\s*<?([^)\s>]+)", text)
    html = re.findall(r"<(?:img|source)\b[^>]*?\b(?:src|srcset)\s*=\s*[\"']([^\"'\s]+)", text)
    return markdown + html


PICTURES = {(path.parent / link).resolve() for path in DOCUMENTS for link in shown(path.read_text(encoding="utf-8"))}
DRAWINGS = sorted({path for path in PICTURES if path.suffix == ".svg"} | set((ROOT / "docs").resolve().rglob("*.svg")))


def from_outside(drawing: str) -> list[str]:
    """Return what an SVG would run or fetch: scripts, handlers, links to anything but its own parts."""
    found = re.findall(r"<!DOCTYPE|<!ENTITY|<\?xml-stylesheet|@import", drawing)
    for element in ElementTree.fromstring(drawing).iter():
        if (tag := str(element.tag).split("}")[-1]) in BRINGS_CODE:
            found.append(tag)
        for name, value in element.attrib.items():
            link = name.split("}")[-1] in {"href", "src"} and not value.startswith("#")
            if link or name.startswith("on"):
                found.append(f"{name}={value}")
        for value in [*element.attrib.values(), element.text or ""]:
            found += re.findall(r"url\(\s*[\"']?[^#\"'\s][^)]*\)", value)
    return found


def test_every_picture_that_a_document_shows_is_there():
    assert sorted(str(path) for path in PICTURES if not path.is_file()) == []


def test_every_drawing_is_shown_by_a_document():
    assert DRAWINGS
    assert [path.name for path in DRAWINGS if path not in PICTURES] == []


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.name)
def test_a_drawing_has_a_title_and_brings_nothing_from_outside(path):
    drawing = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(drawing)
    assert root.tag == f"{SVG}svg"
    assert (root.findtext(f"{SVG}title") or "").strip()
    assert (root.findtext(f"{SVG}desc") or "").strip()
    assert from_outside(drawing) == []


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.name)
def test_every_part_that_a_drawing_uses_is_in_it(path):
    parts = {element.get("id"): element for element in ElementTree.parse(path).iter()}
    used = re.findall(r"(?:href=\"|url\()#([\w-]+)", path.read_text(encoding="utf-8"))
    assert [name for name in used if name not in parts] == []


@pytest.mark.parametrize(
    "part",
    [
        "<script>1</script>",
        '<use href="https://example.org/a.svg#b"/>',
        '<a xmlns:x="http://www.w3.org/1999/xlink" x:href="other.svg"/>',
        '<path onclick="x()"/>',
        "<style>@import 'a.css';</style>",
        "<style>text { src: url('a.woff') }</style>",
        '<path fill="url(a.svg#b)"/>',
    ],
)
def test_what_comes_from_outside_is_found(part):
    assert from_outside(f'<svg xmlns="http://www.w3.org/2000/svg">{part}</svg>')


def test_pictures_are_found_however_they_are_written():
    text = (
        '![a](a.svg)\n<img alt="b" src="b.png">\n<source srcset=\'c.svg\'>\n```\n![d](d.svg)\n```\n[no picture](e.md)\n'
    )
    assert shown(text) == ["a.svg", "b.png", "c.svg"]
