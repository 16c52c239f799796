"""Texts as sentences and what stands between them: translation models have learned from single sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "km", "bo", "dz"})  # written without blanks between sentences

_END = re.compile(r"""(?<=[.!?])["'”’)\]]*\s+(?=["'“‘(\[¿¡]*[^\W_a-z])|\s*\n\s*|(?<=[。！？।])\s*(?=\S)""")
_SHORTENED = re.compile(r"(?:^|[\s(\"'])(?:[A-Z]|(?:\w\.)+\w|Mr|Mrs|Ms|Dr|St|Prof|Gen|Col|Capt|Lt|Sgt|vs|No|Jr|Sr)\.$")


class Piece(NamedTuple):
    """A sentence, where it begins in its text, and the blanks or end of line behind it."""

    text: str
    start: int
    gap: str


def pieces(text: str) -> list[Piece]:
    """Cut a text at the ends of its sentences; together with the gaps the pieces are the text, stripped at its front.

    An end is a full stop, question or exclamation mark before a blank and no small letter, an end of line, or the full
    stop of Chinese or Hindi. After an initial or a usual shortening no sentence ends.
    """
    start = len(text) - len(text.lstrip())
    cuts = [found for found in _END.finditer(text, start) if not _SHORTENED.search(text[start : _close(found)])]
    ends = [(_close(found), found.end()) for found in cuts]
    tail = len(text.rstrip())
    bounds = [(end, after) for end, after in ends if start < end < tail] + [(max(tail, start), len(text))]
    found_pieces = []
    for end, after in bounds:
        if end > start:
            found_pieces.append(Piece(text[start:end], start, text[end:after]))
        start = after
    return found_pieces


def _close(found: re.Match[str]) -> int:
    """Return where the sentence ends: behind the quotes and brackets that close it."""
    return found.start() + len(found.group().rstrip()) if found.group().strip() else found.start()


def said(text: str, known: Mapping[str, str | None], to: str) -> str | None:
    """Return a text in another language, from its sentences'; None where one of them is None, '' where one is ''.

    Ends of lines stay. Between sentences of a language without blanks none are written.
    """
    cut = pieces(text)
    told = [known[piece.text] for piece in cut]
    if None in told:
        return None
    if "" in told:
        return ""
    gaps = [piece.gap.strip(" ") if to in UNSPACED else piece.gap for piece in cut]
    return "".join(f"{one}{gap}" for one, gap in zip(told, gaps, strict=True))
