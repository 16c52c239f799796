"""What the embedded mirror's rows say: for each task, texts whose label follows from comparing them.

Facts are split once for all tasks: who does it and to which thing decides whether a fact belongs to train, dev or
test rows, so no fact that a test row tells as true is told in any training row, whatever the task or the language.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Literal, NamedTuple

from adapterstilts.config.identity import derive_seed
from adapterstilts.mini.said import Definition, Phrase, Property, Question, Said, Statement
from adapterstilts.mini.world import (
    ACTIONS,
    COUNTS,
    HYPERNYMS,
    NAMES,
    PEOPLE,
    PLACES,
    QUALITIES,
    THINGS,
    TIMES,
    Fact,
    Order,
    Role,
    fits,
)

Split = Literal["train", "dev", "test"]
TOGETHER = (1, 9, 6, 4, 3)  # of an article, by its label: how many languages say the same in it
Text = tuple[Said, ...]

_FITTING = {action: [thing for thing in THINGS if fits(action, thing)] for action in ACTIONS}
_DETAILS = ("agent_quality", "thing_quality", "place", "time", "recipient")


class Row(NamedTuple):
    """What a row says, text by text, and its label: a number among the task's, or what the format makes of it."""

    texts: tuple[Text, ...]
    label: int


def having(fact: Fact, parts: Mapping[str, Any]) -> Fact:
    """Return the fact with other parts; None leaves a detail out."""
    changed: Fact = replace(fact, **parts)
    return changed


def without(fact: Fact, parts: Iterable[str]) -> Fact:
    """Return the fact without some of its details."""
    return having(fact, dict.fromkeys(parts))


def split_of(fact: Fact) -> Split:
    """Return the split that a fact belongs to; an eighth of all pairs of agent and thing are test, an eighth dev."""
    return _split(fact.agent, fact.thing)


@cache
def _split(agent: str, thing: str) -> Split:
    lot = derive_seed(0, "split", agent, thing) % 8
    return "test" if lot == 0 else "dev" if lot == 1 else "train"


@dataclass(frozen=True)
class Source:
    """Random facts of one split."""

    rng: random.Random
    split: Split

    def fact(self, details: Sequence[str] = (), unlike: Sequence[Fact] = ()) -> Fact:
        """Draw a fact with `details`, whose agent, thing and place none of `unlike` has."""
        used = {part for fact in unlike for part in (fact.agent, fact.thing, fact.place)}
        while True:
            agent, action = self.rng.choice([*PEOPLE]), self.rng.choice([*ACTIONS])
            thing = self.rng.choice(_FITTING[action])
            if _split(agent, thing) != self.split or used & {agent, thing}:
                continue
            fact = self.detailed(Fact(agent, action, thing), details)
            if fact.place is None or fact.place not in used:
                return fact

    def detailed(self, fact: Fact, details: Sequence[str]) -> Fact:
        """Draw those details that `fact` does not have yet; nothing is done for someone that cannot be."""
        new = {part: self._draw(part) for part in details if getattr(fact, part) is None}
        if not ACTIONS[fact.action].for_someone:
            new.pop("recipient", None)
        return having(fact, new)

    def some(self, fewest: int, most: int) -> list[str]:
        """Draw between `fewest` and `most` names of details, one of them at least one that every fact can have."""
        first = self.rng.sample(_DETAILS[:4], min(1, fewest))
        others = [part for part in _DETAILS if part not in first]
        return first + self.rng.sample(others, self.rng.randint(fewest, most) - len(first))

    def told(self, fact: Fact) -> Statement:
        """Tell a fact in one order or the other."""
        return Statement(fact, self.rng.choice(("plain", "fronted")))

    def described(self, fact: Fact) -> Property:
        """Tell a quality of its agent or of its thing: the fact's own, or a drawn one."""
        concept, part = self.rng.choice(((fact.agent, "agent_quality"), (fact.thing, "thing_quality")))
        return Property(concept, getattr(fact, part) or self._draw(part))

    def passage(self, count: int) -> list[Fact]:
        """Draw facts with places and times, no two with the same agent, thing or place."""
        facts: list[Fact] = []
        for _ in range(count):
            facts.append(self.fact(("place", "time", *self.some(0, 1)), facts))
        return facts

    def _draw(self, part: str) -> str:
        if part.endswith("_quality"):
            of = "person" if part.startswith("agent") else "thing"
            return self.rng.choice([name for name, quality in QUALITIES.items() if quality.of == of])
        return self.rng.choice({"place": [*PLACES], "time": [*TIMES], "recipient": [*NAMES]}[part])


def changed(rng: random.Random, fact: Fact, parts: Sequence[str]) -> Fact:
    """Return the fact with another, excluding word in one of `parts`."""
    part = rng.choice([part for part in parts if getattr(fact, part) is not None])
    now: str = getattr(fact, part)
    others = {
        "action": lambda: ACTIONS[now].opposite,
        "agent_quality": lambda: QUALITIES[now].opposite,
        "thing_quality": lambda: QUALITIES[now].opposite,
        "time": lambda: TIMES[now],
        "place": lambda: rng.choice([place for place in PLACES if place != now]),
        "agent": lambda: rng.choice([person for person in PEOPLE if person != now]),
        "thing": lambda: rng.choice([thing for thing in THINGS if thing != now and fits(fact.action, thing)]),
    }
    new = having(fact, {part: others[part]()})
    return new if ACTIONS[new.action].for_someone else replace(new, recipient=None)


def _less(source: Source, fact: Fact) -> Fact:
    """Return what follows from a fact: without some details, or with a wider word for the agent or the thing."""
    there = [part for part in _DETAILS if getattr(fact, part)]
    dropped = source.rng.sample(there, source.rng.randint(0, len(there)))
    fact = without(fact, dropped)
    if source.rng.random() < 0.3:
        part = source.rng.choice(("agent", "thing"))
        fact = having(fact, {part: HYPERNYMS[getattr(fact, part)]})
    return fact


def _inference(source: Source, label: int) -> Row:
    """Premise and hypothesis: what follows, what is new, what is excluded.

    Where the premise denies, less and more change places: who buys no apple buys no red apple.
    """
    rng = source.rng
    premise = source.fact(source.some(1, 3))
    absent = [part for part in _DETAILS if getattr(premise, part) is None]
    absent = absent if ACTIONS[premise.action].for_someone else [part for part in absent if part != "recipient"]
    more = source.detailed(premise, rng.sample(absent, 1))
    narrow = [part for part in _DETAILS[1:] if getattr(premise, part)]  # not the agent's: that one is known anyway
    if narrow and rng.random() < 0.25:
        premise, more = replace(premise, negated=True), replace(more, negated=True)
        whole = replace(premise, negated=False)
        wider = without(premise, rng.sample(narrow, 1))
        hypothesis = (more, wider, whole)[label]
    else:
        less = _less(source, premise)
        kept = without(premise, [part for part in _DETAILS if not getattr(less, part)])
        against = changed(rng, kept, ("action", *_DETAILS[:4]))
        against = replace(less, negated=True) if rng.random() < 0.4 else against
        hypothesis = (less, having(_less(source, more), _new(premise, more)), against)[label]
    told = Statement(hypothesis, rng.choice(("plain", "fronted")), rng.random() < 0.3)
    return Row(((source.told(premise),), (told,)), label)


def _new(fact: Fact, more: Fact) -> dict[str, str]:
    """Return the details that `more` has and `fact` does not."""
    return {p: getattr(more, p) for p in _DETAILS if getattr(more, p) and not getattr(fact, p)}


def _paraphrase(source: Source, label: int) -> Row:
    """Two sentences of nearly the same words: the same fact in another order, or with one word exchanged."""
    fact = source.fact(("place", "time", *source.rng.sample(_DETAILS[:2], 1)))
    other = fact if label else changed(source.rng, fact, ("action", *_DETAILS[:4]))
    orders: list[Order] = source.rng.sample(["plain", "fronted"], 2)
    first, second = Statement(fact, orders[0]), Statement(other, orders[1], source.rng.random() < 0.3)
    return Row(((first,), (second,)), label)


def _same_question(source: Source, label: int) -> Row:
    """Two ways to ask: in one sentence, or with a part of it said before; about the same, or not.

    In half of the rows two people are told apart before, and one of them is asked about: there, two questions that
    differ have the same words as two that do not.
    """
    rng = source.rng
    fact = source.fact(("agent_quality", "place", "time"))
    asked: Role = rng.choice(("thing", "place", "time"))
    parts = [part for part in ("agent_quality", "place", "time") if part != asked]
    two = rng.random() < 0.5
    other = fact if label else changed(rng, fact, ("agent_quality",) if two else (*parts, "action"))
    assert other.agent_quality is not None
    said = [Property(other.agent, other.agent_quality)]
    if two:
        someone = rng.choice([person for person in PEOPLE if person != fact.agent])
        said.append(Property(someone, QUALITIES[other.agent_quality].opposite))
        rng.shuffle(said)
    apart: Text = (*said, Question(replace(other, agent_quality=None), asked))
    whole: Text = (Question(fact, asked),)
    return Row((whole, apart) if rng.random() < 0.5 else (apart, whole), label)


def _sentence(source: Source, label: int) -> Row:
    """Any one sentence."""
    rng, kind = source.rng, source.rng.random()
    fact = replace(source.fact(source.some(2, 5)), count=rng.choice(("one", "one", "two", "three")))
    if kind < 0.7:
        return Row(((Statement(replace(fact, negated=rng.random() < 0.15), source.told(fact).order),),), label)
    if kind < 0.85:
        return Row(((Question(fact, rng.choice(("agent", "thing", "place", "time"))),),), label)
    if kind < 0.92 or fact.agent_quality is None:
        return Row(((Definition(rng.choice((fact.agent, fact.thing))),),), label)
    return Row(((Property(fact.agent, fact.agent_quality),),), label)


def _asked(source: Source, label: int) -> Row:
    """A passage and a question about its statement number `label`; 3: about what nobody in it does."""
    facts = source.passage(3)
    about = changed(source.rng, source.rng.choice(facts), ("action",)) if label == 3 else facts[label]
    asked: Role = source.rng.choice(("agent", "thing", "place", "time"))
    kept = without(about, source.rng.sample([part for part in ("place", "time") if part != asked], 1))
    return Row((tuple(source.told(fact) for fact in facts), (Question(kept, asked),)), label)


def _continuation(source: Source, label: int) -> Row:
    """A passage and four endings: one tells a part of it again, three with another word in that."""
    facts = source.passage(2)
    right = replace(facts[0], time=None)
    parts = source.rng.sample(("agent", "action", "thing", "place"), 3)
    endings = _placed(right, [changed(source.rng, right, (part,)) for part in parts], label)
    context = tuple(source.told(fact) for fact in source.rng.sample(facts, 2))
    return Row((context, *((Statement(ending),) for ending in endings)), label)


def _who(source: Source, label: int, count: int = 4) -> Row:
    """A passage of `count` statements, a question to one of them, and what all of them would answer."""
    facts = source.passage(count)
    asked: Role = source.rng.choice(("agent", "thing", "place"))
    answers = _placed(facts[0], facts[1:], label)
    context = tuple(source.told(fact) for fact in source.rng.sample(facts, count))
    return Row((context, (Question(facts[0], asked),), *((Phrase(fact, asked),) for fact in answers)), label)


def _sensible(source: Source, label: int) -> Row:
    """A question what somebody does something to, and five things, of which one makes sense."""
    rng = source.rng
    while True:
        fact = source.fact(("place",))
        others = [thing for thing in THINGS if not fits(fact.action, thing)]
        if len(others) >= 4:
            wrong = [replace(fact, thing=thing) for thing in rng.sample(others, 4)]
            choices = [(Phrase(one, "thing"),) for one in _placed(fact, wrong, label)]
            return Row(((Question(fact, "thing"),), *choices), label)


def _cause(source: Source, label: int) -> Row:
    """What somebody does, and two things that the contrary is done to: the same thing and another."""
    fact = source.fact(("thing_quality",))
    right = changed(source.rng, fact, ("action",))
    wrong = changed(source.rng, right, ("thing",))
    return Row(((Statement(fact),), *((Statement(one),) for one in _placed(right, [wrong], label))), label)


def _article(source: Source, label: int) -> Row:
    """A text in one language about one person or one thing; or what TOGETHER[label] languages say in one text.

    `label` 1: two phrases, as in a dictionary; 2 and 3: a short sentence; 4: any one sentence.
    """
    rng = source.rng
    if label == 4:
        return _sentence(source, label)
    if label in (2, 3):
        fact = source.fact(source.some(0, label - 1))
        return Row(((rng.choice((source.told(fact), source.told(fact), source.described(fact))),),), label)
    if label == 1:
        qualities = rng.sample(("agent_quality", "thing_quality"), rng.randint(0, 2))
        fact = replace(source.fact(qualities), count=rng.choice(COUNTS))
        roles: list[Role] = rng.sample(["agent", "thing"], 2)
        return Row((tuple(Phrase(fact, role) for role in roles),), label)
    fact, again = source.fact(source.some(2, 4)), source.fact(source.some(1, 3))
    also = replace(again, agent=fact.agent)
    also = also if split_of(also) == source.split else again
    sentences: list[Said] = [Definition(fact.thing), source.told(fact), source.told(also), source.described(fact)]
    return Row((tuple(rng.sample(sentences, rng.randint(2, 4))),), label)


def _placed(right: Fact, wrong: Sequence[Fact], place: int) -> list[Fact]:
    return [*wrong[:place], right, *wrong[place:]]


Maker = Callable[[Source, int], Row]
MAKERS: dict[str, Maker] = dict.fromkeys(("snli", "mnli", "xnli"), _inference)
MAKERS |= {"qqp": _same_question, "pawsx": _paraphrase, "udpos": _sentence, "tatoeba": _sentence}
MAKERS |= dict.fromkeys(("squad_v1", "squad_v2", "xquad", "tydiqa"), _asked)
MAKERS |= {"hellaswag": _continuation, "cosmos_qa": _who, "commonsense_qa": _sensible, "xcopa": _cause}
MAKERS |= {"wikipedia": _article}  # what follows came later: rows that are drawn first are never drawn again
MAKERS |= {"anli": _inference, "afrixnli": _inference, "paws": _paraphrase, "social_iqa": partial(_who, count=3)}
MAKERS |= dict.fromkeys(("mlqa", "afriqa", "xquad_r", "lareqa", "squad_translated"), _asked)
MAKERS |= dict.fromkeys(("udpos_ud", "udpos_xr", "masakhapos", "ccg", "tatoeba_xr"), _sentence)
