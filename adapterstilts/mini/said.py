"""What is said, before a language says it: sentences about facts, and the phrases that answer questions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from adapterstilts.mini.languages import languages
from adapterstilts.mini.world import Fact, Order, Role, Token, detokenise, sentence


@dataclass(frozen=True)
class Statement:
    """A fact, told; `synonyms` with the other words of the same meaning that a language lists."""

    fact: Fact
    order: Order = "plain"
    synonyms: bool = False


@dataclass(frozen=True)
class Question:
    """A fact of which one part is asked for."""

    fact: Fact
    asked: Role


@dataclass(frozen=True)
class Whether:
    """A fact without a place or without a time, asked for yes or no. English alone asks so here."""

    fact: Fact


@dataclass(frozen=True)
class Definition:
    """What a concept is."""

    concept: str


@dataclass(frozen=True)
class Property:
    """Which quality somebody or something has."""

    concept: str
    quality: str


@dataclass(frozen=True)
class Phrase:
    """The part of a told fact that plays `role`, alone: a short answer."""

    fact: Fact
    role: Role


Said = Statement | Question | Whether | Definition | Property | Phrase


def tokens(said: Said, language: str) -> list[Token]:
    """Return the words of `said` in a language, with their tags."""
    speaker = languages.get(language)
    if isinstance(said, Statement):
        return speaker.statement(said.fact, said.order, said.synonyms)
    if isinstance(said, Question):
        return speaker.question(said.fact, said.asked)
    if isinstance(
        said, Whether
    ):  # "Does the doctor buy ...?" is "When does the doctor buy ...?" without the first word
        absent: Role = "time" if said.fact.time is None else "place"
        return [token for token in speaker.question(said.fact, absent) if token.role != absent]
    if isinstance(said, Definition):
        return speaker.definition(said.concept)
    if isinstance(said, Property):
        return speaker.property(said.concept, said.quality)
    return [token for token in speaker.statement(said.fact) if token.role == said.role]


def text(said: Said, language: str) -> str:
    """Return `said` as a language writes it; a phrase as it stands inside its sentence."""
    if isinstance(said, Phrase):
        whole, places = detokenise(languages.get(language), tokens(Statement(said.fact), language))
        begin, end = places[said.role]
        return whole[begin:end]
    return sentence(languages.get(language), tokens(said, language))


def place_of(said: Statement, role: Role, language: str) -> tuple[int, int]:
    """Return where in the text of a statement the phrase of `role` begins and ends, in characters."""
    return detokenise(languages.get(language), tokens(said, language))[1][role]


@lru_cache(maxsize=1 << 16)  # a row's English is read more than once, and an article's words in many others
def joined(many: tuple[Said, ...], language: str) -> str:
    """Return several sentences as one text, with blanks between them where the language has blanks."""
    return (" " if languages.get(language).spaces else "").join(text(one, language) for one in many)
