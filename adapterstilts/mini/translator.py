"""The embedded world's own translator: it reads an English sentence as the fact that it tells, and tells that fact.

Nothing is learned. English phrases are listed with what they mean, by the English grammar itself; a sentence is cut
into such phrases, and the fact that they make is told in English once more: only if that gives the sentence, letter by
letter, is it understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

from adapterstilts.errors import UserError, nearest
from adapterstilts.mini.embedded import MINI
from adapterstilts.mini.languages import languages
from adapterstilts.mini.said import Definition, Phrase, Property, Question, Said, Statement, text, tokens
from adapterstilts.mini.world import (
    ACTIONS,
    AGENTS,
    ASKED,
    COUNTS,
    HYPERNYMS,
    NAMES,
    OBJECTS,
    PLACES,
    QUALITIES,
    TIMES,
    Fact,
    Order,
    Role,
    fits,
    role_of,
)

Parts = Mapping[str, Any]  # of a fact
_PLAIN = Fact("doctor", "buy", "apple")
_ASKING = {"who": "agent", "what": "thing", "where": "place", "when": "time"}
_ORDERS: tuple[Order, ...] = ("plain", "fronted")


@dataclass(frozen=True)
class MiniTranslator:
    """Translate what the embedded world can say from English into its other languages; '' for everything else."""

    room: int = 1 << 30
    batch: int = 1 << 12

    def identity(self) -> dict[str, Any]:
        """Return its name and version: 1."""
        return {"model": MINI, "digest": "1", "settings": {}}

    def check(self, source: str, to: str) -> None:
        """Raise UserError for a language that the world does not speak, or a source other than English."""
        if to not in languages.names():
            raise UserError(f"the world does not speak {to!r}", fix=nearest(to, languages.names()))
        if source != "en":
            raise UserError(f"mini understands English, not {source!r}", fix="translate back with another model")

    def lengths(self, sentences: Sequence[str]) -> list[int]:
        """Return 1 a sentence: no sentence is too long."""
        return [1] * len(sentences)

    def translate(self, sentences: Sequence[str], source: str, to: str) -> list[str]:
        """Return each sentence or phrase in another language of the world; '' for one that the world does not say."""
        meant = map(meaning, sentences)
        return ["" if said is None else text(said, to) for said in meant]


def meaning(sentence: str) -> Said | None:
    """Return what an English sentence or phrase of the embedded world says; None for any other text."""
    if sentence in _fixed():
        return _fixed()[sentence]
    found: Iterator[Said] = _asked(sentence) if sentence.endswith("?") else _told(sentence)
    return next((said for said in found if _says(said, sentence)), None)


def _says(said: Said, sentence: str) -> bool:
    """Whether this is what a sentence says; a phrase may or may not have a capital, as the first of its sentence."""
    told = text(said, "en")
    return told == sentence or (isinstance(said, Phrase) and told.lower() == sentence.lower())


def _told(sentence: str) -> Iterator[Said]:
    """Yield statements and phrases that a text may be."""
    words = _words(sentence)
    for order, synonyms in product(_ORDERS, (False, True)):
        for parts in _read(words, _phrases(synonyms)):
            if {"agent", "action", "thing"} <= parts.keys():
                yield Statement(Fact(**parts), order, synonyms)
    for role in ASKED:
        phrase = _phrases(False)[role].get(words)
        fact = _fact(phrase) if phrase else None
        if fact is not None:
            yield Phrase(fact, role)


def _asked(sentence: str) -> Iterator[Said]:
    """Yield questions that a text may be; the part that is asked for is any, as it is not said."""
    first, *rest = _words(sentence)
    asked: Any = _ASKING.get(first)
    if asked is None:
        return
    helped = rest[:1] == ["does"] and asked != "agent"
    verbs = _questioned() if helped else _phrases(False)["action"]
    phrases = {**_phrases(False), "action": verbs, asked: {}}
    for parts in _read(tuple(rest[helped:]), phrases):
        fact = _fact(parts)
        if fact is not None:
            yield Question(fact, asked)


def _fact(parts: Parts) -> Fact | None:
    """Return a fact with these parts; agent, action and thing are any that go with them where they are not given."""
    action = parts.get("action") or next(one for one in ACTIONS if fits(one, parts.get("thing", _PLAIN.thing)))
    thing = parts.get("thing") or next((one for one in OBJECTS if fits(action, one)), None)
    return Fact(**{"agent": _PLAIN.agent, **parts, "action": action, "thing": thing}) if thing else None


def _words(sentence: str) -> tuple[str, ...]:
    return tuple(sentence.rstrip(".?").replace(",", "").lower().split())


Phrases = Mapping[str, Mapping[tuple[str, ...], Parts]]


def _read(words: tuple[str, ...], phrases: Phrases) -> Iterator[dict[str, Any]]:
    """Yield the parts of a fact for every way to cut `words` into phrases of different roles."""
    if not words:
        yield {}
        return
    for role, known in phrases.items():
        for end in range(len(words), 0, -1):
            parts = known.get(words[:end])
            if parts is not None:
                others = {name: one for name, one in phrases.items() if name != role}
                yield from ({**parts, **more} for more in _read(words[end:], others))


@cache
def _phrases(synonyms: bool) -> Phrases:
    """Return by role the words of every English phrase, and the parts of a fact that they tell."""
    people = [quality for quality in QUALITIES if QUALITIES[quality].of == "person"]
    things = [quality for quality in QUALITIES if QUALITIES[quality].of == "thing"]
    tellable: dict[Role, list[dict[str, Any]]] = {
        "agent": [{"agent": one, "agent_quality": how} for one, how in product(AGENTS, (None, *people))],
        "action": [{"action": one, "negated": denied} for one, denied in product(ACTIONS, (False, True))],
        "thing": [
            {"thing": one, "thing_quality": how, "count": many}
            for one, how, many in product(OBJECTS, (None, *things), COUNTS)
        ],
        "recipient": [{"recipient": one} for one in NAMES],
        "place": [{"place": one} for one in PLACES],
        "time": [{"time": one} for one in TIMES],
    }
    return {
        role: {_spoken(Statement(replace(_PLAIN, **parts), "plain", synonyms), role): parts for parts in many}
        for role, many in tellable.items()
    }


@cache
def _questioned() -> Mapping[tuple[str, ...], Parts]:
    """Return the words of every action behind "does" and its subject, and what they tell."""
    told: list[dict[str, Any]] = [{"action": one, "negated": denied} for one, denied in product(ACTIONS, (False, True))]
    return {_spoken(Question(replace(_PLAIN, **parts), "thing"), "action")[1:]: parts for parts in told}


def _spoken(said: Said, role: Role) -> tuple[str, ...]:
    return tuple(word for token in tokens(said, "en") if token.role == role for word in token.form.lower().split())


@cache
def _fixed() -> Mapping[str, Said]:
    """Return definitions and properties by their English sentences; there are few enough of them to list."""
    alike = {"agent": "person", "thing": "thing"}
    said: list[Said] = [Definition(concept) for concept in HYPERNYMS]
    said += [
        Property(concept, quality)
        for concept, quality in product((*AGENTS, *OBJECTS), QUALITIES)
        if QUALITIES[quality].of == alike[role_of(concept)]
    ]
    return {text(one, "en"): one for one in said}
