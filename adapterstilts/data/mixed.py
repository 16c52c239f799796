"""Pairs in two languages: a row's first text in its own, its second in another one, by rows that are translations.

Every row's partner is drawn with a seed, so that each of the other languages gives as many second texts as the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adapterstilts.config.identity import derive_seed
from adapterstilts.data.labels import gold_column
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.formats import formats
from adapterstilts.tasks import Task

PARTNER = "language_b"  # the column that says which language a row's second text is in
_PAIR = {"text_a", "text_b"}


def must_have_pairs(task: Task) -> None:
    """Raise UserError for a task whose rows are not pairs of texts."""
    if not set(task.columns) >= _PAIR:
        raise UserError(
            f"task {task.name} has no pairs of texts to mix", fix="--pairs mixed is for tasks such as xnli and pawsx"
        )


def mixed_pairs(many: Sequence[Rows]) -> list[Rows]:
    """Return the rows of each language with second texts of all the others.

    Raises UserError: one language alone; rows that are not each other's translations, as far as their number and
    their gold show.
    """
    known = {rows.language: rows for rows in many}
    if len(known) < 2:
        raise UserError(
            f"mixed pairs need two languages, and here is only {', '.join(known)}", fix="give more --languages"
        )
    for rows in many[1:]:
        _must_be_parallel(many[0], rows)
    return [_mixed(rows, [known[other] for other in sorted(known) if other != rows.language]) for rows in many]


def _must_be_parallel(one: Rows, other: Rows) -> None:
    names = f"{one.task.name} {one.split}: the rows of {one.language!r} and {other.language!r} are not the same items"
    fix = "leave one of the languages out (--languages), or fetch the data again"
    if len(one) != len(other):
        raise UserError(names, where=f"{len(one)} and {len(other)} rows", fix=fix)
    differ = np.flatnonzero(_gold(one) != _gold(other))
    if len(differ):
        raise UserError(
            names, where=f"{len(differ)} rows have other gold, the first is row {differ[0]} (from 0)", fix=fix
        )


def _gold(rows: Rows) -> Any:
    return gold_column(rows.table, formats.get(rows.task.format).label_field, rows.labels)[0]


def _mixed(rows: Rows, others: Sequence[Rows]) -> Rows:
    rng = np.random.default_rng(derive_seed(0, "mixed pairs", rows.task.name, rows.split, rows.language))
    drawn = rng.permutation(np.arange(len(rows)) % len(others))
    texts, spoken = [""] * len(rows), [""] * len(rows)
    for number, other in enumerate(others):
        places = np.flatnonzero(drawn == number)
        for place, text in zip(places, other.table.select(places)["text_b"], strict=True):
            texts[place], spoken[place] = text, other.language
    table = rows.table.flatten_indices().remove_columns("text_b")
    table = table.add_column("text_b", texts).add_column(PARTNER, spoken)
    counts = np.bincount(drawn, minlength=len(others)).tolist()
    partners = {
        other.language: {"rows": count, "revision": other.revision, "selection": other.selection}
        for other, count in zip(others, counts, strict=True)
    }
    return replace(rows, table=table, changed={**rows.changed, "text_b": partners})
