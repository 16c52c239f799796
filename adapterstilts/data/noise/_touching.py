"""Touch a share of a text's units, in several ways that are dealt out in turn, none of them twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Text:
    """A text while it is being touched: its units, the group that each is in, and what stands in their places now.

    `free` are the places that may still be touched, `budget` says how many of them will be.
    """

    units: Sequence[str]
    groups: Sequence[int]
    free: set[int]
    budget: int
    rng: random.Random
    slots: list[list[str]] = field(init=False)
    letters: list[int] = field(init=False)
    left: Counter[int] = field(init=False)

    def __post_init__(self) -> None:
        self.slots = [[unit] for unit in self.units]
        self.letters = sorted(self.free)
        self.left = Counter(self.groups[place] for place in self.letters)


Way = Callable[[Text, int], int]


def swap(text: Text, place: int) -> int:
    """Let a unit and its right neighbour in the same group change places: both are touched."""
    other, units = place + 1, text.units
    fits = other in text.free and text.groups[other] == text.groups[place] and units[other] != units[place]
    if not fits or text.budget < 2:
        return 0
    text.slots[place], text.slots[other] = text.slots[other], text.slots[place]
    text.free.discard(other)
    return 2


def delete(text: Text, place: int) -> int:
    """Leave a unit out, unless it is the last of its group."""
    group = text.groups[place]
    if text.left[group] < 2:
        return 0
    text.left[group] -= 1
    text.slots[place] = []
    return 1


def repeat(text: Text, place: int) -> int:
    """Write a unit twice."""
    text.slots[place] = [text.units[place]] * 2
    return 1


def substitute(text: Text, place: int) -> int:
    """Write another unit of the same text instead."""
    others = [text.units[other] for other in text.letters if text.units[other] != text.units[place]]
    if not others:
        return 0
    text.slots[place] = [text.rng.choice(others)]
    return 1


def touch(text: Text, ways: Sequence[Way]) -> list[list[str]]:
    """Spend the budget, every way as often as the next where that can be done; return what stands in each place."""
    order, turns = sorted(text.free), list(ways)
    text.rng.shuffle(order)
    text.rng.shuffle(turns)
    while text.budget:
        way = next(way for way in turns if _done(text, order, way))
        turns.remove(way)
        turns.append(way)
    return text.slots


def _done(text: Text, order: list[int], way: Way) -> bool:
    """Go one way at the first free place where that can be done; return whether there was one."""
    for place in order:
        if place in text.free and (spent := way(text, place)):
            text.free.discard(place)
            text.budget -= spent
            return True
    return False


def how_many(rate: float, number: int, rng: random.Random) -> int:
    """Return the share `rate` of `number` units, rounded by chance, so that over many texts the share is `rate`."""
    exact = rate * number
    whole = int(exact + 1e-9)
    return whole + (rng.random() < exact - whole - 1e-9)
