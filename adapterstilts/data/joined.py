"""One task of several others' rows, as ANLI+ is of ANLI, MNLI and SNLI: under one head, with labels of one order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapterstilts.data.labels import NO_LABEL, LabelReader, gold_column
from adapterstilts.data.rows import Rows
from adapterstilts.formats import formats
from adapterstilts.tasks import Split, Task


def joined(task: Task, language: str, split: Split, parts: Sequence[Rows]) -> Rows:
    """Return the rows of `parts`, one part after the other, as rows of `task`.

    Every part's labels are turned into the task's order by name, whatever their own. Only fields that all parts have
    are kept; an id is led by its part's name.
    """
    import datasets

    table = datasets.concatenate_datasets([_plain(task, rows) for rows in parts])
    declared = [rows.declared for rows in parts]
    return Rows(
        task, language, split, table,
        LabelReader({place: place for place in range(NO_LABEL, len(task.labels))}),
        "+".join(rows.revision for rows in parts),
        sum(one for one in declared if one is not None) if None not in declared else None,
        dropped=sum(rows.dropped for rows in parts),
        repaired=sum(rows.repaired for rows in parts),
        selection="+".join(rows.selection for rows in parts) if {r.selection for r in parts} != {"all"} else "all",
    )  # fmt: skip


def _plain(task: Task, rows: Rows) -> Any:
    """Return a part's table with the task's fields, labels as numbers in the task's order."""
    import datasets

    field = formats.get(task.format).label_field
    ids, _ = gold_column(rows.table, field, rows.labels)
    own = rows.task.labels
    numbers = [task.labels.index(own[label]) if label >= 0 else NO_LABEL for label in ids.tolist()]
    kept = [name for name in task.columns if name not in (field, "id")]
    names = [f"{rows.task.name}-{name}" for name in rows.ids()]
    table = rows.table.select_columns(kept).flatten_indices()
    return table.add_column(field, numbers, feature=datasets.Value("int64")).add_column("id", names)
