"""The embedded world: what there is and what can be said of it, before any language says it.

A fact is "who does what to which thing", with more where it is given. Concepts are English lemmas. How facts are meant,
so that all languages say the same:

- The agent is known ("the doctor"); a thing with count "one" is any ("a red apple"), with two or three it is counted
  ("two red apples"). A place is known ("in the kitchen"). A recipient is the one it is done for ("for Anna").
- A denied fact says that nothing of the kind happens ("does not buy a red apple").
- A group stands for its things, and "person", "artist", "worker" for people: "the artist buys a fruit" is a fact too.
- Fronted means the place first, or the time where no place is given, or else as plain.
- Everything is said in the present tense, which is also the habitual one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, NamedTuple, Protocol

from adapterstilts.errors import UserError, nearest

Role = Literal["agent", "action", "thing", "recipient", "place", "time", ""]
Count = Literal["one", "two", "three"]
Order = Literal["plain", "fronted"]

ASKED: tuple[Role, ...] = ("agent", "thing", "place", "time")  # who, what, where, when


class Action(NamedTuple):
    """What an action is the opposite of, which groups of things it is done to, and whether one does it for someone."""

    opposite: str
    groups: tuple[str, ...]
    for_someone: bool


class Quality(NamedTuple):
    """What a quality is the opposite of, and whether people or things have it."""

    opposite: str
    of: Literal["person", "thing"]


def _opposites(pairs: str) -> dict[str, str]:
    words = [pair.split("/") for pair in pairs.split()]
    return {one: other for pair in words for one, other in (pair, pair[::-1])}


GROUPS = {  # a hypernym, and its things
    "fruit": ("apple", "banana", "orange", "mango", "pineapple"),
    "food": ("bread", "egg", "cake", "onion", "potato"),  # each can be counted: bread is a loaf of it
    "tool": ("hammer", "knife", "axe", "saw", "hoe"),
    "furniture": ("chair", "table", "bed", "cupboard", "bench"),
    "garment": ("shirt", "hat", "shoe", "coat", "skirt"),
    "vehicle": ("car", "bicycle", "boat", "bus", "truck"),
    "instrument": ("drum", "guitar", "flute", "trumpet", "piano"),  # of music
    "kitchenware": ("pot", "plate", "cup", "spoon", "bowl"),
}
TRADES = {  # what a person is, and who is one
    "artist": ("singer", "painter", "dancer", "drummer", "writer", "actor"),
    "worker": ("farmer", "cook", "driver", "baker", "tailor", "carpenter"),
    "person": (
        *("doctor", "nurse", "teacher", "student", "soldier", "guest"),
        *("mother", "father", "child", "grandmother", "grandfather", "neighbor"),
    ),
}
THINGS = {thing: group for group, things in GROUPS.items() for thing in things}
PEOPLE = {person: trade for trade, people in TRADES.items() for person in people}
HYPERNYMS = {**THINGS, **PEOPLE, "artist": "person", "worker": "person"}
AGENTS = (*PEOPLE, *TRADES)
OBJECTS = (*THINGS, *GROUPS)

_ANY = tuple(GROUPS)
_SMALL = ("fruit", "food", "tool", "garment", "instrument", "kitchenware")
_LARGE = ("furniture", "vehicle")
_DONE = {  # a pair of opposites, what it is done to; the ones in capitals are done for someone
    "BUY/SELL": _ANY,
    "FIND/lose": _SMALL,
    "REPAIR/break": ("tool", "furniture", "vehicle", "instrument"),
    "HIDE/show": _SMALL,
    "WASH/soil": ("fruit", "tool", "vehicle", "kitchenware"),  # to soil: to make dirty
    "PUSH/PULL": _LARGE,
    "LIFT/LOWER": ("tool", "furniture", "instrument", "kitchenware"),  # to lower: to put down
    "send/receive": _SMALL,
    "KEEP/throw": _SMALL,  # to throw: to throw away, to get rid of
    "HEAT/COOL": ("fruit", "food", "kitchenware"),
    "take/RETURN": _SMALL,  # to return: to give back
    "ACCEPT/refuse": _SMALL,
}
ACTIONS = {
    one.lower(): Action(other.lower(), groups, one.isupper())
    for pair, groups in _DONE.items()
    for one, other in (pair.split("/"), pair.split("/")[::-1])
}
_OF_PEOPLE = "young/old rich/poor happy/sad"
_OF_THINGS = "big/small clean/dirty heavy/light expensive/cheap red/white"  # light: of little weight
QUALITIES = {
    **{one: Quality(other, "person") for one, other in _opposites(_OF_PEOPLE).items()},
    **{one: Quality(other, "thing") for one, other in _opposites(_OF_THINGS).items()},
}
PLACES = (
    *("kitchen", "garden", "school", "hospital", "office", "library"),
    *("house", "shop", "hotel", "restaurant", "village", "city"),
)
TIMES = _opposites("morning/evening noon/midnight monday/friday saturday/sunday")  # each answers "when?"
NAMES = ("Anna", "Maria", "Sara", "Laila", "Ali", "David", "Paul", "Adam")
COUNTS: tuple[Count, ...] = ("one", "two", "three")


class Token(NamedTuple):
    """A syntactic word as written, its tag of Universal Dependencies, and its part in the fact ("" has none)."""

    form: str
    upos: str
    role: Role


@dataclass(frozen=True)
class Fact:
    """Who does what to which thing, in concepts; a UserError names one that the world does not have."""

    agent: str
    action: str
    thing: str
    agent_quality: str | None = None
    thing_quality: str | None = None
    recipient: str | None = None
    place: str | None = None
    time: str | None = None
    negated: bool = False
    count: Count = "one"

    def __post_init__(self) -> None:
        for part, known in _KNOWN.items():
            concept = getattr(self, part)
            if concept not in known and concept is not None:
                raise UserError(f"the world has no {part} {concept!r}", fix=nearest(str(concept), known))


_KNOWN: dict[str, Collection[str]] = {
    "agent": AGENTS,
    "action": ACTIONS,
    "thing": OBJECTS,
    "agent_quality": [quality for quality in QUALITIES if QUALITIES[quality].of == "person"],
    "thing_quality": [quality for quality in QUALITIES if QUALITIES[quality].of == "thing"],
    "recipient": NAMES,
    "place": PLACES,
    "time": TIMES,
    "count": COUNTS,
}


def fits(action: str, thing: str) -> bool:
    """Whether one does this to such a thing (nobody repairs an egg); groups fit as their things do."""
    return THINGS.get(thing, thing) in ACTIONS[action].groups


def role_of(concept: str) -> Role:
    """Return whether a noun's concept is an "agent" or a "thing"."""
    return "agent" if concept in AGENTS else "thing"


class State(Protocol):
    """Say a fact; `synonyms` uses the other word of the same meaning wherever the language lists one."""

    def __call__(self, fact: Fact, order: Order = "plain", synonyms: bool = False) -> list[Token]: ...


class Ask(Protocol):
    """Ask for one of ASKED: a question word stands in its place (with its role), whether or not the fact gives it."""

    def __call__(self, fact: Fact, asked: Role) -> list[Token]: ...


class Define(Protocol):
    """Say of a concept in HYPERNYMS what it is: it is agent or thing, the copula the action, the hypernym no role."""

    def __call__(self, concept: str) -> list[Token]: ...


class Describe(Protocol):
    """Say of an agent or a thing (known, one of them) which quality it has: roles as in a definition."""

    def __call__(self, concept: str, quality: str) -> list[Token]: ...


@dataclass(frozen=True)
class Language:
    """How a language says all this: its code (ISO 639-1), its English name, its script (ISO 15924), its sentences.

    `spaces` says whether words are written apart; `capitals` names first letters whose capital is unlike Unicode's.
    """

    code: str
    name: str
    script: str
    statement: State
    question: Ask
    definition: Define
    property: Describe
    spaces: bool = True
    capitals: Mapping[str, str] = field(default_factory=dict)


def table(text: str) -> dict[str, list[str]]:
    """Read "apple = apple / apples; egg = egg / eggs" into the forms of each concept."""
    rows = (row.split("=") for row in text.split(";"))
    return {concept.strip(): [form.strip() for form in forms.split("/")] for concept, forms in rows}


def words(text: str, role: Role, upos: str) -> list[Token]:
    """Return the words of a listed form as tokens: all are `upos`, but for those with a tag ("loaf of:ADP bread")."""
    return [*_words(text, role, upos)]


@cache
def _words(text: str, role: Role, upos: str) -> tuple[Token, ...]:
    tagged = (word.partition(":") for word in text.split())
    return tuple(Token(form, tag or upos, role) for form, _, tag in tagged)


def fronted(told: Sequence[Token], fact: Fact, comma: str = "") -> list[Token]:
    """Return a sentence with its place first, or its time where no place is given; `comma` closes what comes first."""
    front: Role = "place" if fact.place else "time"
    first = [token for token in told if token.role == front]
    closing = [Token(comma, "PUNCT", "")] if first and comma else []
    return [*first, *closing, *(token for token in told if token.role != front)]


_CLOSING = frozenset(".,?!;:。，？！؟।")
_OPENING = frozenset("¿¡")


def detokenise(language: Language, tokens: Sequence[Token]) -> tuple[str, dict[Role, tuple[int, int]]]:
    """Return the sentence as written, and for each role the (start, end) of its phrase in characters.

    A role said in pieces ("does the doctor buy") has no span; `text[start:end]` is exactly the phrase.
    """
    text, places = _written(language, tokens)
    return text, _spans(tokens, places)


def sentence(language: Language, tokens: Sequence[Token]) -> str:
    """Return the sentence as written."""
    return _written(language, tokens)[0]


def _written(language: Language, tokens: Sequence[Token]) -> tuple[str, list[tuple[int, int]]]:
    """Return the sentence, and where in it each token begins and ends."""
    text = ""
    places: list[tuple[int, int]] = []
    apart = False
    for token in tokens:
        if apart and token.form not in _CLOSING:
            text += " "
        places.append((len(text), len(text) + len(token.form)))
        text += token.form
        apart = language.spaces and token.form not in _OPENING
    return _capitalised(text, language), places


def _capitalised(text: str, language: Language) -> str:
    first = next(number for number, letter in enumerate(text) if letter not in _OPENING)
    capital = language.capitals.get(text[first], text[first].upper())
    return text[:first] + capital + text[first + 1 :]


def _spans(tokens: Sequence[Token], places: Sequence[tuple[int, int]]) -> dict[Role, tuple[int, int]]:
    numbers: dict[Role, list[int]] = {}
    for number, token in enumerate(tokens):
        if token.role:
            numbers.setdefault(token.role, []).append(number)
    whole = {role: run for role, run in numbers.items() if run[-1] - run[0] + 1 == len(run)}
    return {role: (places[run[0]][0], places[run[-1]][1]) for role, run in whole.items()}
