"""Noise on the texts that a model reads: so much of so many characters or words, the same at every call.

Gold is never touched, nor are the texts that gold points into: a format's `noisy` names the fields that are (of a
format without, none may be). Which places are touched, and how, hangs on the row's id, its language and the field.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adapterstilts.config.identity import derive_seed
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.formats import formats
from adapterstilts.registry import Catalog
from adapterstilts.tasks import Task

_VERSION = 1  # grows when the same words would come out otherwise
_WRITTEN = re.compile(r"\d*\.?\d+(e-?\d+)?")


@dataclass(frozen=True)
class Kind:
    """One kind of noise. `touch` gets the pieces that `split` cuts a text into, the share to touch, and chance.

    What it gives back is joined by `glue`. `keeps_words`: it gives back one piece a piece, so that labels of words
    stay with theirs; else it moves words, which only languages with blanks between them have.
    """

    summary: str
    split: Callable[[str], list[str]]
    glue: str
    keeps_words: bool
    touch: Callable[[Sequence[str], float, random.Random], list[str]]


noises: Catalog[Kind] = Catalog("adapterstilts.data.noise", "NOISE", "kind of noise")

WITHOUT_BLANKS = frozenset({"bo", "dz", "ja", "km", "lo", "my", "th", "zh"})


@dataclass(frozen=True)
class Noise:
    """How much of what: `rate` is the share (0 to 1) of a text's characters or words that are touched."""

    kind: str
    rate: float

    def __str__(self) -> str:
        return f"{self.kind}:{self.rate:g}"

    def record(self) -> dict[str, Any]:
        """Return what tells this noise from another."""
        return {"kind": self.kind, "rate": self.rate, "version": _VERSION}


def read_noise(text: str) -> Noise:
    """Read KIND:RATE; a UserError for an unknown kind, or a rate that is no share."""
    kind, _, rate = text.partition(":")
    noises.get(kind)
    if not _WRITTEN.fullmatch(rate) or float(rate) > 1:
        raise UserError(f"the noise {text!r} has no rate from 0 to 1", fix=f"write, say, {kind}:0.1")
    return Noise(kind, float(rate))


def must_take(task: Task, noise: Noise) -> None:
    """Raise UserError, with the reason, for a task whose gold such noise would change."""
    format: Any = formats.get(task.format)
    if not _fields(task):
        raise UserError(f"task {task.name} has no text that noise could touch and leave the gold as it is")
    if getattr(format, "labels_words", False) and not noises.get(noise.kind).keeps_words:
        raise UserError(
            f"task {task.name}: {noise.kind} noise would move the words that its labels belong to",
            fix=f"use --noise chars:{noise.rate:g}, which stays inside words",
        )


def noised(rows: Rows, noise: Noise) -> Rows:
    """Return the rows with noise on what is read; the others' texts, gold and ids are as they were.

    Raises UserError where `noise` moves words and the language writes none apart.
    """
    kind, ids = noises.get(noise.kind), rows.ids()
    if not kind.keeps_words and rows.language in WITHOUT_BLANKS:
        raise UserError(
            f"{noise.kind} noise: no blanks stand between the words of {rows.language!r}",
            fix=f"leave it out (--languages), or use --noise chars:{noise.rate:g}",
        )
    table = rows.table.flatten_indices()
    for field in _fields(rows.task):
        texts = [
            _touched(text, kind, noise.rate, random.Random(derive_seed(0, noise.kind, rows.language, name, field)))
            for name, text in zip(ids, table[field], strict=True)
        ]
        feature = table.features[field]
        table = table.remove_columns(field).add_column(field, texts, feature=feature)
    return replace(rows, table=table, changed={**rows.changed, "noise": noise.record()})


def _touched(text: Any, kind: Kind, rate: float, rng: random.Random) -> Any:
    """Return a text, or a list of words, with a share of it touched."""
    if not isinstance(text, str):
        return kind.touch(text, rate, rng)
    pieces = kind.split(text)
    found = kind.touch(pieces, rate, rng)
    return text if found == pieces else kind.glue.join(found)


def _fields(task: Task) -> list[str]:
    """Return the fields that may be touched; a field of codes holds none of the data's own words."""
    format: Any = formats.get(task.format)
    return [name for name in getattr(format, "noisy", ()) if name in task.columns and name not in task.wording]
