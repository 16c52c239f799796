"""Reports: a told fact with names around it that no language has to inflect, and which of their words are names.

"Berlin: The teacher Julia Weber buys an apple on Monday. (Reuters)". What opens a report may be a place or who speaks,
what closes it who says so or a place, so that a name's kind is not told by where it stands.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import NamedTuple

from adapterstilts.config.identity import derive_seed
from adapterstilts.mini._makers import split_of
from adapterstilts.mini._names import MEN, PLACES, SOURCES, WOMEN, Name, spelled
from adapterstilts.mini.said import Statement, text, tokens
from adapterstilts.mini.world import Token

Word = tuple[str, str]  # as written, and its label

_COLONS, _BRACKETS = {"zh": "："}, {"zh": ("（", "）")}
_WITH_COMMAS = ("yo",)  # an article follows the noun, so a name stands apart from it
_CALLED_LIKE_WOMEN = ("mother", "grandmother", "nurse", "teacher")  # by the nouns of all languages that tell


class _Names(NamedTuple):
    """What opens a report, who its agent is, what closes it; None leaves one out."""

    opening: Name | None
    person: Name | None
    closing: Name | None


def report(told: Statement, language: str) -> list[Word]:
    """Return the words of a report with labels: B- and I- of PER, ORG, LOC and DATE, and O.

    Which names stand in it follows from its English words, so it has the same ones in all languages. Names are also
    whom something is done for; dates are days and times of the day.
    """
    names = _names(told)
    sentence = tokens(told, language)
    end = max(place for place, token in enumerate(sentence) if token.role == "agent") + 1
    opening, person, closing = (_named(name, language) for name in names)
    if person and language in _WITH_COMMAS:
        person = [(",", "O"), *person, (",", "O")]
    open_bracket, close_bracket = _BRACKETS.get(language, ("(", ")"))
    if opening:
        opening.append((_COLONS.get(language, ":"), "O"))
    if closing:
        closing = [(open_bracket, "O"), *closing, (close_bracket, "O")]
    return [*opening, *_dated(sentence[:end]), *person, *_dated(sentence[end:]), *closing]


def in_characters(words: Sequence[Word]) -> list[Word]:
    """Return words cut into characters, as WikiANN cuts Chinese."""
    return [
        (letter, "I-" + label[2:] if place and label != "O" else label)
        for word, label in words
        for place, letter in enumerate(word)
    ]


def _names(told: Statement) -> _Names:
    """Draw names, at least one; a third of all stand in dev and test rows only."""
    rng = random.Random(derive_seed(0, "names", text(told, "en")))
    women, men, places, sources = (
        names[: len(names) * 2 // 3] if split_of(told.fact) == "train" else names
        for names in (WOMEN, MEN, PLACES, SOURCES)
    )
    people = women if told.fact.agent in _CALLED_LIKE_WOMEN else men
    while True:
        opening = rng.choice([None, rng.choice(places), rng.choice(women + men)])
        person = rng.choice([None, rng.choice(people)])
        closing = rng.choice([None, rng.choice(sources), rng.choice(sources), rng.choice(places)])
        if (opening or person or closing) and (opening is None or opening not in (person, closing)):
            return _Names(opening, person, closing)


def _named(name: Name | None, language: str) -> list[Word]:
    return _chunk(name.kind, spelled(name, language)) if name else []


def _chunk(kind: str, words: Sequence[str]) -> list[Word]:
    return [(word, f"{'I' if place else 'B'}-{kind}") for place, word in enumerate(words)]


def _dated(told: Sequence[Token]) -> list[Word]:
    """Return the words of a sentence: for whom something is done is a name, a time without its preposition a date."""
    words: list[Word] = []
    for role, run in itertools.groupby(told, lambda token: token.role):
        some = list(run)
        named = [place for place, token in enumerate(some) if _is_name(token)]
        begin, end = (named[0], named[-1] + 1) if named else (0, 0)
        kind = "PER" if role == "recipient" else "DATE"
        words += [(token.form, "O") for token in some[:begin]]
        words += _chunk(kind, [token.form for token in some[begin:end]])
        words += [(token.form, "O") for token in some[end:]]
    return words


def _is_name(token: Token) -> bool:
    return (token.role == "recipient" and token.upos == "PROPN") or (token.role == "time" and token.upos != "ADP")
