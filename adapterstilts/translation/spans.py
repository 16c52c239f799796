"""Where an answer stands in a translated context.

The answer's sentence is known, so it is looked for in that sentence's translation alone: first as it is said by
itself; then, where those words are not there, as it is said between brackets inside its sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from adapterstilts.formats.span import answer_start
from adapterstilts.translation.sentences import UNSPACED, Piece, pieces

Known = Mapping[str, str | None]
_MARKED = re.compile(r"[\[［【]\s*([^\[\]［］【】]+?)\s*[\]］】]")
_AROUND = " .,;:!?\"'“”„«»()。，！？।"


class Answer(NamedTuple):
    """An answer: its words, the sentence that it stands in, where in that, and where that is told."""

    text: str
    sentence: Piece
    begin: int
    told_start: int


def answers_in(context: str, texts: Sequence[str], starts: Sequence[int], known: Known, to: str) -> list[Answer]:
    """Return those answers that stand inside one sentence of their context."""
    found = []
    for text, start in zip(texts, starts, strict=True):
        place = answer_start(context, [text], [start])
        sentence = None if place is None else _around(context, place, place + len(text))
        if place is not None and sentence:
            found.append(Answer(text, sentence, place - sentence.start, _told_start(context, sentence, known, to)))
    return found


def marked(answer: Answer) -> str | None:
    """Return the answer's sentence with brackets around it; None where it has brackets of its own."""
    text, end = answer.sentence.text, answer.begin + len(answer.text)
    if set(text) & set("[]"):
        return None
    return f"{text[: answer.begin]}[{answer.text}]{text[end:]}"


def placed(answer: Answer, told: str, known: Known, say: Callable[[str], str | None]) -> tuple[str, int] | None:
    """Return an answer's words in the context `told` and where they begin; None where they are not found.

    `say` tells a text, `known` the sentences with brackets, as far as they have been translated.
    """
    sentence = known.get(answer.sentence.text) or ""
    with_marks = _MARKED.findall(known.get(marked(answer) or "") or "")
    tries = [say(answer.text), with_marks[0] if len(with_marks) == 1 else None]
    for words in (one.strip(_AROUND) for one in tries if one):
        place = _nearest(sentence, words, answer.begin / len(answer.sentence.text))
        if place is not None:
            start = answer.told_start + place
            return told[start : start + len(words)], start
    return None


def _nearest(sentence: str, words: str, share: float) -> int | None:
    """Return where `words` stand in a sentence, in whatever case; of several places the one most like `share`."""
    places = [found.start() for found in re.finditer(re.escape(words), sentence, re.IGNORECASE)] if words else []
    return min(places, key=lambda place: abs(place / len(sentence) - share), default=None)


@lru_cache(maxsize=1024)  # questions about one context follow each other
def _cut(context: str) -> list[Piece]:
    return pieces(context)


def _around(context: str, begin: int, end: int) -> Piece | None:
    whole = (piece for piece in _cut(context) if piece.start <= begin and end <= piece.start + len(piece.text))
    return next(whole, None)


def _told_start(context: str, sentence: Piece, known: Known, to: str) -> int:
    """Return where a sentence's translation begins in the translated context (`sentences.said` puts it together)."""
    before = [piece for piece in _cut(context) if piece.start < sentence.start]
    gaps = [piece.gap.strip(" ") if to in UNSPACED else piece.gap for piece in before]
    return sum(len(known.get(piece.text) or "") + len(gap) for piece, gap in zip(before, gaps, strict=True))
