"""Two lists of sentences and the pairs among them, one row a language, as in mteb/BUCC: a row a sentence instead.

A tenth of the gold pairs, with their sentences, and a tenth of all others are marked as held out: a pool of its own
that chooses the threshold, about as large beside the rest as BUCC's sample is beside its training files.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from adapterstilts.config.identity import derive_seed
from adapterstilts.errors import UserError
from adapterstilts.tasks import Task

_HELD_OUT = 0.1

Pairs = npt.NDArray[np.int64]


def _reshape(task: Task, language: str, table: Any) -> Any:
    """Return id, text, side, partners and held_out from the lists `sentence1` and `sentence2` and the pairs in `gold`.

    A pair is two places in the lists, from 1. Which rows are held out depends on the task and the language alone.
    """
    import datasets

    sides = [[text for texts in table[name] for text in texts] for name in ("sentence1", "sentence2")]
    gold = np.array([pair for pairs in table["gold"] for pair in pairs], dtype=np.int64).reshape(-1, 2) - 1
    where = f"{task.repo} {task.config(language)}: {len(sides[0])} and {len(sides[1])} sentences, {len(gold)} pairs"
    if len(table) != 1 or (gold < 0).any() or (gold >= [len(side) for side in sides]).any():
        raise UserError(
            f"task {task.name}: gold pairs that are no places in the two lists of sentences",
            where=f"{where}, {len(table)} rows",
            fix="the data set has changed or is another one",
        )
    if len(gold) < 2:
        raise UserError(
            f"task {task.name}: too few gold pairs to hold one out", where=where, fix="choose another language"
        )
    names = [[f"{code}-{place:09}" for place in range(1, len(side) + 1)]
             for code, side in zip(task.config(language).split("-"), sides, strict=True)]  # fmt: skip
    partners: list[list[str]] = [[] for _ in range(len(sides[0]) + len(sides[1]))]
    for one, other in gold.tolist():
        partners[one].append(names[1][other])
    held_out = _held_out(gold, [len(side) for side in sides], derive_seed(0, "held_out", task.name, language))
    columns = {
        "id": names[0] + names[1], "text": sides[0] + sides[1],
        "side": ["source"] * len(sides[0]) + ["target"] * len(sides[1]), "partners": partners, "held_out": held_out,
    }  # fmt: skip
    return datasets.Dataset.from_dict(columns)


def _held_out(gold: Pairs, sizes: list[int], seed: int) -> list[bool]:
    """Return which sentences are held out, first side first; two that translate each other are parted by nobody."""
    generator = np.random.default_rng(seed)
    held = [generator.permutation(size) < _HELD_OUT * size for size in sizes]
    for side in (0, 1):
        held[side][gold[:, side]] = False
    chosen = np.zeros(len(gold), dtype=bool)
    chosen[generator.permutation(len(gold))[: max(1, round(_HELD_OUT * len(gold)))]] = True
    while True:
        for side in (0, 1):
            held[side][gold[chosen, side]] = True
        touched = held[0][gold[:, 0]] | held[1][gold[:, 1]]
        if (touched == chosen).all():
            return [bool(one) for one in np.concatenate(held)]
        chosen = touched


RESHAPE = _reshape
