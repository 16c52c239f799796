"""Sentences as blocks of lines, a word each, with blank lines between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Line = tuple[int, str]


def blocks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield the lines between blank ones, with their numbers."""
    block: list[Line] = []
    for number, line in lines:
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block
