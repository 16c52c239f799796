"""What the generated rows say: for each task, texts whose label follows from comparing them.

Denials and recipients alone give some labels of inferences away, as in real data. Questions about a passage and its
right choices repeat the words of one of its statements, no two of which share their agent, thing or place.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from adapterstilts.mini.grammar import LEXICON, QUESTIONS, Fact, Said, draw, opposite

_DETAILS = ("who_is", "what_is", "place", "when")
KINDS = {"span": ("0", "1", "2"), "retrieval": ("",)}  # in place of labels: which statement is asked about; nothing

Maker = Callable[[random.Random, str], tuple[Said, ...]]


def _inference(rng: random.Random, label: str) -> tuple[Said, ...]:
    """Draw a premise, and a hypothesis that says less (entailment), something new, or the opposite."""
    details = rng.sample(_DETAILS, rng.choice((2, 3))) + ["recipient"] * (rng.random() < 0.15)
    premise = draw(rng, ("who", "doing", "what", *details))
    kept = rng.sample(details, rng.randrange(len(details)))
    less = {part: premise[part] for part in ("who", "doing", "what", *kept)}
    if label == "entailment" and rng.random() < 0.3:
        less = {part: number for part, number in less.items() if part not in ("who", "who_is")}
    elif label == "neutral":
        less |= draw(rng, [rng.choice([part for part in (*_DETAILS, "recipient") if part not in details])])
    elif label == "contradiction":
        other = opposite(rng, less, ["doing", *(part for part in kept if part in _DETAILS[:3])])
        less = rng.choice((other, less | {"denied": 1}))
    return (premise, "plain"), (less, rng.choice(("plain", "plain", "passive")))


def _paraphrase(rng: random.Random, label: str) -> tuple[Said, ...]:
    """Draw two sentences of nearly the same words: the same fact in another order, or another fact."""
    parts = ("who", "doing", "what", *_DETAILS[: rng.choice((3, 4))])
    fact = other = draw(rng, parts)
    if label == "0" and fact["who_is"] != fact["what_is"] and rng.random() < 0.3:
        other = fact | {"who_is": fact["what_is"], "what_is": fact["who_is"]}
    elif label == "0":
        other = opposite(rng, fact, parts[:6])
    return (fact, "plain"), (other, rng.choice(("fronted", "passive")))


def _question(rng: random.Random, label: str) -> tuple[Said, ...]:
    """Draw two questions in different words, about the same fact or not."""
    parts = ("doing", "what", *rng.sample(("what_is", "place", "when", "recipient"), 2))
    fact = draw(rng, parts)
    other = fact if label == "duplicate" else opposite(rng, fact, parts)
    first, second = rng.sample(list(QUESTIONS), 2)
    return (fact, first), (other, second)


def _statement(rng: random.Random, _: str) -> tuple[Said, ...]:
    agent = ("who", "who_is") if rng.random() < 0.8 else ()
    fact = draw(rng, (*agent, "doing", "what", "place", *rng.sample((*_DETAILS, "recipient"), 2)))
    return ((fact, rng.choice(("plain", "fronted", "passive"))),)


def _passage(rng: random.Random, statements: int) -> list[Fact]:
    """Draw facts whose agents, things and places neither agree nor exclude each other."""
    facts = [draw(rng, ("who_is", "doing", "when")) for _ in range(statements)]
    for part in ("who", "what", "place"):
        for fact, pair in zip(facts, rng.sample(range(len(LEXICON[part]) // 2), statements), strict=True):
            fact[part] = 2 * pair + rng.randrange(2)
    return facts


def _told(rng: random.Random, facts: Sequence[Fact]) -> tuple[Said, ...]:
    return tuple((fact, rng.choice(("plain", "fronted"))) for fact in facts)


def _asked(rng: random.Random, label: str) -> tuple[Said, ...]:
    """Draw a passage and a question about the statement of number `label`; `none`: about what nobody does."""
    facts = _passage(rng, len(KINDS["span"]))
    about = opposite(rng, rng.choice(facts), ("doing",)) if label == "none" else facts[int(label)]
    return *_told(rng, facts), (about, rng.choice(("person", "where", "thing")))


def _continuation(rng: random.Random, label: str) -> tuple[Said, ...]:
    """Draw a passage and four endings: one says a part of it again, three put another word into that."""
    facts = _passage(rng, 2)
    parts = ("who", "doing", "what", "place")
    right = {part: facts[0][part] for part in parts}
    wrong = [opposite(rng, right, (part,)) for part in rng.sample(parts, 3)]
    return *_told(rng, rng.sample(facts, 2)), *_told(rng, _placed(right, wrong, int(label)))


def _who(rng: random.Random, label: str) -> tuple[Said, ...]:
    """Draw a passage of four statements, a question who does what one of them says, and all their agents."""
    facts = _passage(rng, 4)
    choices = _placed(facts[0], facts[1:], int(label))
    return *_told(rng, rng.sample(facts, 4)), (facts[0], "person"), *((fact, "agent") for fact in choices)


def _where(rng: random.Random, label: str) -> tuple[Said, ...]:
    """Draw a statement, a question where that is, and five places."""
    [fact] = _passage(rng, 1)
    others = [place for place in range(len(LEXICON["place"])) if place != fact["place"]]
    choices = _placed(fact, [fact | {"place": place} for place in rng.sample(others, 4)], "ABCDE".index(label))
    return *_told(rng, [fact]), (fact, "where"), *((choice, "place") for choice in choices)


def _cause(rng: random.Random, label: str) -> tuple[Said, ...]:
    """Draw what somebody does, and two things to which the contrary is done: the same thing and another."""
    [fact] = _passage(rng, 1)
    right = opposite(rng, fact, ("doing",))
    choices = _placed(right, [opposite(rng, right, ("what",))], int(label))
    return *_told(rng, [fact]), *((choice, "done") for choice in choices)


def _placed(right: Fact, wrong: Sequence[Fact], place: int) -> list[Fact]:
    return [*wrong[:place], right, *wrong[place:]]


MAKERS: dict[str, Maker] = dict.fromkeys(("snli", "mnli", "xnli"), _inference)
MAKERS |= {"qqp": _question, "pawsx": _paraphrase, "udpos": _statement}
MAKERS |= dict.fromkeys(("squad_v1", "squad_v2", "xquad", "tydiqa"), _asked)
MAKERS |= {"hellaswag": _continuation, "cosmos_qa": _who, "commonsense_qa": _where, "xcopa": _cause}
MAKERS |= {"tatoeba": _statement}
