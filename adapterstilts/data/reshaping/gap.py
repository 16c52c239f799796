"""Sentences with a gap and two options for it, as in WinoGrande: each option with what comes after the gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapterstilts.errors import UserError
from adapterstilts.tasks import Task

_GAP = "_"


def _reshape(task: Task, language: str, table: Any) -> Any:
    """Return the table with the columns `before`, `with_option1` and `with_option2`, cut from `sentence`.

    Raises UserError for a sentence without exactly one gap.
    """
    return table.map(
        lambda row: _cut(task, row),
        remove_columns=["sentence", "option1", "option2"],
        keep_in_memory=True,  # so that no file outlives a change of this code
    )


def _cut(task: Task, row: Mapping[str, Any]) -> dict[str, str]:
    parts: Sequence[str] = row["sentence"].split(_GAP)
    if len(parts) != 2:
        raise UserError(
            f"task {task.name}: a sentence has {len(parts) - 1} gaps ({_GAP}) where one belongs",
            where=repr(row["sentence"][:200]),
            fix="the data set has changed or is another one; fetch it again",
        )
    before, after = parts
    return {
        "before": before.rstrip(),
        "with_option1": f"{row['option1']}{after}",
        "with_option2": f"{row['option2']}{after}",
    }


RESHAPE = _reshape
