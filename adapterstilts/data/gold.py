"""Gold that can be trained on and scored by: placeholder labels are refused, misplaced answers found.

What is left out or repaired is counted aloud.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adapterstilts.console import log_once
from adapterstilts.data.labels import gold_column
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.formats import formats


def with_sound_gold(rows: Rows) -> Rows:
    """Return the rows whose gold can be used; a UserError where the whole split has none."""
    kind = formats.get(rows.task.format).gold_kind
    if kind == "labels":
        return _labelled(rows)
    if kind == "answers":
        return _placed(rows)
    return rows


def _labelled(rows: Rows) -> Rows:
    """Refuse placeholder gold; leave out single rows without gold where the task documents them."""
    gold, owner = gold_column(rows.table, formats.get(rows.task.format).label_field, rows.labels)
    where = f"{rows.task.repo} {rows.task.configs[rows.language]} {rows.split}"
    mend = "choose a split with gold labels, or another copy of the data"
    if len(gold) and (gold < 0).all():
        raise UserError(
            f"task {rows.task.name}: every label is -1, so this split has no gold labels", where=where, fix=mend
        )
    bad = np.unique(owner[gold < 0])
    if len(bad) and rows.task.unlabelled == "refuse":
        raise UserError(
            f"task {rows.task.name}: {len(bad)} of {len(rows)} rows have the label -1 (no gold label)",
            where=where,
            fix=mend,
        )
    if len(gold) > 20 and (gold == gold[0]).all():
        name = rows.task.labels[int(gold[0])]
        raise UserError(
            f"task {rows.task.name}: all {len(gold)} labels are {name!r}, as in files with placeholder labels",
            where=where,
            fix=mend,
        )
    if not len(bad):
        return rows
    log_once(f"data: {_label(rows)}: {len(bad)} rows without a gold label left out")
    keep = np.setdiff1d(np.arange(len(rows)), bad)
    return replace(rows, table=rows.table.select(keep), dropped=len(bad))


def _placed(rows: Rows) -> Rows:
    """Find the answers of train rows in their contexts; a row whose answer is nowhere in its context is left out.

    Dev and test rows are scored by their answers' texts, so they all stay as they are.
    """
    if rows.split != "train" and not any(any(texts) for texts in rows.table["answer_texts"]):
        raise UserError(
            f"task {rows.task.name}: no {rows.split} row has an answer, so this split has no gold answers",
            where=f"{rows.task.repo} {rows.task.configs[rows.language]}",
            fix="choose a split with gold answers, or another copy of the data",
        )
    if rows.split != "train":
        return rows
    starts, moved, lost = _starts(rows)
    if lost == len(rows):
        raise UserError(
            f"task {rows.task.name}: no train row has an answer that stands in its context",
            where=f"{rows.task.repo} {rows.task.configs[rows.language]}",
            fix="the columns are not those of a span task, or the data is damaged",
        )
    if moved or lost:
        log_once(
            f"data: {_label(rows)}: {moved} answers stood elsewhere than their offset says and were moved to the "
            f"nearest place; {lost} rows left out, their answer is nowhere in the context"
        )
    keep = np.array([index for index, start in enumerate(starts) if start is not None], dtype=np.int64)
    table = rows.table.select(keep) if lost else rows.table
    return replace(rows, table=table, dropped=lost, repaired=moved)


def _starts(rows: Rows) -> tuple[list[int | None], int, int]:
    """Return for every row where its first answer stands (-1: it has none, None: nowhere), and both counts."""
    from adapterstilts.formats.span import answer_start

    starts: list[int | None] = []
    moved = 0
    for row in rows.each():
        start = answer_start(row["context"], row["answer_texts"], row["answer_starts"])
        if start == -1 and not rows.task.no_answer:
            start = None
        moved += start is not None and start >= 0 and start != row["answer_starts"][0]
        starts.append(start)
    return starts, moved, sum(start is None for start in starts)


def _label(rows: Rows) -> str:
    return f"{rows.task.name} {rows.language} {rows.split}"
