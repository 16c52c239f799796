"""Labels by name, never by position: the data's own numbering is mapped onto the task's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from adapterstilts.errors import UserError, nearest
from adapterstilts.tasks import Task

NO_LABEL = -1


@dataclass(frozen=True)
class LabelReader:
    """Raw labels of a data set (numbers or strings) to ids in the task's order; -1 stays -1."""

    ids: Mapping[Any, int]

    def read(self, raw: Any) -> Any:
        """Return the id of one raw label, or the ids of a list of them."""
        if isinstance(raw, Sequence) and not isinstance(raw, str):
            return [self.read(item) for item in raw]
        return self.ids[raw]


def with_own_labels(task: Task, feature: Any) -> Task:
    """Return the task with the label names that its rows bring, where it leaves them open; else as it is.

    Raises UserError where a label column with `feature` brings none.
    """
    if not task.open_labels or feature is None:
        return task
    inner = getattr(feature, "feature", feature)
    if not getattr(inner, "names", None):
        raise UserError(
            f"task {task.name}: its labels are those of the rows, but the label column of {task.repo} has no names",
            where=f"it holds {inner!r}",
            fix="store the labels as a ClassLabel",
        )
    return replace(task, labels=tuple(inner.names))


def read_labels(task: Task, feature: Any, positional: bool) -> LabelReader:
    """Return the reader for a label column with `feature`; a UserError where the names differ.

    A ClassLabel column brings its names. A string column is matched name by name. A bare integer column is
    a place among the row's own choices where labels are `positional`, stands for the names that the task has
    `numbered`, and is refused elsewhere: numbers without names could be anybody's order. `feature` None: the
    task has no labels.
    """
    if feature is None:
        return LabelReader({})
    ids = _ids(task)
    inner = getattr(feature, "feature", feature)
    names = getattr(inner, "names", None)
    if names is not None:
        _same_names(task, names)
        return LabelReader({raw: ids[name] for raw, name in enumerate(names)} | {NO_LABEL: NO_LABEL})
    if getattr(inner, "dtype", "") in {"string", "large_string"}:
        return LabelReader(ids | {"": NO_LABEL})
    if getattr(inner, "dtype", "").startswith(("int", "uint")) and (positional or task.numbered):
        places = [ids[name] for name in task.numbered] or range(len(task.labels))
        return LabelReader(dict(enumerate(places)) | {NO_LABEL: NO_LABEL})
    raise UserError(
        f"task {task.name}: the label column of {task.repo} holds {inner!r} without label names",
        fix=f"store it as names or as a ClassLabel of {', '.join(task.labels)}",
    )


def _ids(task: Task) -> dict[str, int]:
    """Return the id of every label name; one that counts as another has that one's, unless it is a label itself."""
    ids = {name: index for index, name in enumerate(task.labels)}
    return {name: ids[other] for name, other in task.counted_as.items()} | ids


def _same_names(task: Task, names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in _ids(task)]
    absent = [name for name in task.labels if name not in names]
    if unknown or absent:
        hint = f"; {unknown[0]!r}: {nearest(unknown[0], task.labels)}" if unknown else ""
        raise UserError(
            f"task {task.name}: the label names of {task.repo} are not the task's{hint}",
            where=f"there: {', '.join(names)}\n  task:  {', '.join(task.labels)}",
            fix=f"the data set has changed or is another one; compare it with: adapterstilts tasks show {task.name}",
        )


def gold_column(table: Any, field: str, reader: LabelReader) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return all label ids of a table as one array, and beside it the row that each belongs to.

    A UserError names the first value that is no label of the task.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.with_format("arrow")[:][field]
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        owner = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
        column = pc.list_flatten(column)
    else:
        owner = np.arange(len(column))
    codes = column.dictionary_encode()
    for value in codes.dictionary.to_pylist():
        if value not in reader.ids:
            raise UserError(f"unknown label {value!r} in the data", fix=nearest(str(value), map(str, reader.ids)))
    ids = np.array([reader.ids[value] for value in codes.dictionary.to_pylist()], dtype=np.int64)
    indices = codes.indices.to_numpy(zero_copy_only=False)
    return (ids[indices] if len(ids) else np.zeros(0, np.int64)), owner.astype(np.int64)
