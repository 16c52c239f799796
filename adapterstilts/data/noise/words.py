"""Slips of attention: words left out, swapped with their neighbour, or written twice. A word stands between blanks."""

from __future__ import annotations

import random
from collections.abc import Sequence

from adapterstilts.data.noise import Kind
from adapterstilts.data.noise._touching import Text, delete, how_many, repeat, swap, touch


def _touch(words: Sequence[str], rate: float, rng: random.Random) -> list[str]:
    count = how_many(rate, len(words), rng)
    text = Text(words, [0] * len(words), set(range(len(words))), count, rng)
    return [word for slot in touch(text, (delete, swap, repeat)) for word in slot]


NOISE = Kind(
    summary="words left out, swapped with their neighbour, repeated",
    split=str.split,
    glue=" ",
    keeps_words=False,
    touch=_touch,
)
