"""Slips of the finger: letters swapped, left out, written twice, or another letter of the same text instead.

Only letters are touched, with all marks on them; another number would be another question. No letter leaves its
word and no word vanishes.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from adapterstilts.data.noise import Kind
from adapterstilts.data.noise._clusters import clusters, is_letter
from adapterstilts.data.noise._touching import Text, delete, how_many, repeat, substitute, swap, touch

_BLANKS = re.compile(r"(\s+)")


def _touch(words: Sequence[str], rate: float, rng: random.Random) -> list[str]:
    pairs = [(number, cluster) for number, word in enumerate(words) for cluster in clusters(word)]
    groups, units = [number for number, _ in pairs], [cluster for _, cluster in pairs]
    letters = {place for place, cluster in enumerate(units) if is_letter(cluster)}
    text = Text(units, groups, letters, how_many(rate, len(letters), rng), rng)
    found = [""] * len(words)
    for group, slot in zip(groups, touch(text, (swap, delete, repeat, substitute)), strict=True):
        found[group] += "".join(slot)
    return found


NOISE = Kind(
    summary="letters swapped with their neighbour, left out, repeated, replaced by another of the text",
    split=_BLANKS.split,
    glue="",
    keeps_words=True,
    touch=_touch,
)
