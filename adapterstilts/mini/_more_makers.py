"""More of what rows say: feelings, answers that are right or wrong, who is meant, names, sentences that look alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from adapterstilts.mini._makers import Maker, Row, Source, Text, changed, without
from adapterstilts.mini.said import Phrase, Property, Question, Statement, Whether
from adapterstilts.mini.world import QUALITIES, Fact, Role

_GOOD, _BAD = ("happy", "rich", "clean", "cheap"), ("sad", "poor", "dirty", "expensive")
_FELT = {1: _GOOD, -1: _BAD, 0: tuple(quality for quality in QUALITIES if quality not in _GOOD + _BAD)}


def _feeling(source: Source, label: int, values: Sequence[int]) -> Row:
    """A sentence as good as values[label]: -1, 0 or 1, by the quality of somebody or something in it.

    Who does not do it with a clean cup is as badly off as who does it with a dirty one.
    """
    rng, value = source.rng, values[label]
    fact = source.fact(rng.sample(("place", "time", "recipient"), rng.randint(0, 2)))
    negated, of_agent = rng.random() < 0.35, rng.random() < 0.5
    if negated or not of_agent:
        fact = replace(fact, thing_quality=_quality(source, "thing", -value if negated else value), negated=negated)
        if rng.random() < 0.5:
            fact = replace(fact, agent_quality=_quality(source, "person", 0))
        return Row(((source.told(fact),),), label)
    quality = _quality(source, "person", value)
    if rng.random() < 0.1:
        return Row(((Property(fact.agent, quality),),), label)
    if rng.random() < 0.5:
        fact = replace(fact, thing_quality=_quality(source, "thing", 0))
    return Row(((source.told(replace(fact, agent_quality=quality)),),), label)


def _quality(source: Source, of: str, value: int) -> str:
    return source.rng.choice([quality for quality in _FELT[value] if QUALITIES[quality].of == of])


def _holding(source: Source, label: int) -> Row:
    """A question and a sentence: it answers (0), or it tells another thing or leaves out what is asked for (1)."""
    rng = source.rng
    fact = source.fact(("agent_quality", "thing_quality", "place", "time"))
    asked: Role = rng.choice(("agent", "thing", "place", "time"))
    others = [part for part in ("place", "time") if part != asked]
    kept = without(fact, rng.sample(others, 1))
    told = without(fact, rng.sample(("agent_quality", "thing_quality"), 1))
    if label and asked in ("place", "time") and rng.random() < 0.3:
        told = without(told, [asked])
    elif label:
        mentioned = [part for part in ("action", "place", "time") if part != asked and getattr(kept, part)]
        told = changed(rng, told, mentioned)
    kept = without(kept, ("agent_quality", "thing_quality"))
    return Row(((Question(kept, asked),), (source.told(told),)), label)


def _yes_or_no(source: Source, label: int) -> Row:
    """A question for yes (1) or no (0) about a statement of a passage, and the passage."""
    facts = source.passage(3)
    right = source.rng.choice(facts)
    asked = right if label else changed(source.rng, right, ("action", "thing", "place", "time"))
    asked = without(asked, [source.rng.choice(("place", "time"))]) if label else _kept(source, asked, right)
    return Row(((Whether(asked),), tuple(source.told(fact) for fact in facts)), label)


def _kept(source: Source, other: Fact, right: Fact) -> Fact:
    """Leave out a place or a time, but not the one in which two facts differ."""
    same = [part for part in ("place", "time") if getattr(other, part) == getattr(right, part)]
    return without(other, [source.rng.choice(same)])


def _preferred(source: Source, label: int) -> Row:
    """A passage with a question, the right answer, and one that is false (0) or true but off the point (1)."""
    rng = source.rng
    facts = source.passage(2)
    asked: Role = rng.choice(("agent", "thing", "place", "time"))
    least = [part for part in ("place", "time") if part != asked]
    right, other = (without(fact, rng.sample(least, 1)) for fact in facts)
    wrong = other if label else changed(rng, right, (asked,))
    prompt: Text = (*(source.told(fact) for fact in rng.sample(facts, 2)), Question(right, asked))
    return Row((prompt, (Statement(right),), (Statement(wrong),)), 0)


def _one_of_two(source: Source, label: int) -> Row:
    """A passage about two people, a part of one's statement told again, and both people: one of them is meant."""
    facts = source.passage(2)
    again = without(facts[label], ("agent_quality", "recipient", source.rng.choice(("place", "time"))))
    told = (*(source.told(fact) for fact in source.rng.sample(facts, 2)), Statement(again, "fronted"))
    return Row((told, *((Phrase(without(fact, ("agent_quality",)), "agent"),) for fact in facts)), label)


def _told(source: Source, label: int) -> Row:
    """A statement; names are put around it (`_report.py`)."""
    return Row(((source.told(source.fact(source.some(1, 4))),),), label)


def _near(source: Source, label: int) -> Row:
    """A sentence, and one that differs in one word: for the first pool (0) or the second (1) of `_raw.py`."""
    fact = source.fact(source.some(2, 4))
    other = changed(source.rng, fact, ("action", "agent_quality", "thing_quality", "place", "time"))
    return Row(((source.told(fact),), (source.told(other),)), label)


MAKERS: dict[str, Maker] = {"qnli": _holding, "boolq": _yes_or_no, "winogrande": _one_of_two}
MAKERS |= {"sst2": partial(_feeling, values=(-1, 1)), "afrisenti": partial(_feeling, values=(1, 0, -1))}
MAKERS |= dict.fromkeys(("hh_rlhf", "oasst1", "helpsteer3"), _preferred)
MAKERS |= dict.fromkeys(("panx", "panx_xr", "masakhaner", "masakhaner2"), _told)
MAKERS |= dict.fromkeys(("bucc", "bucc_mteb"), _near)
