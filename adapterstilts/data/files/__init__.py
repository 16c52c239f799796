"""A person's own files as rows: one file here a kind of file, told by the ending of its name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.errors import UserError, nearest
from adapterstilts.registry import Catalog
from adapterstilts.tasks import Split, Task


@dataclass(frozen=True)
class Content:
    """What a file holds: all its columns, by name, and the number of the line that each row begins in, from 1.

    `unit` says what is counted: lines, or rows where a file has no lines.
    """

    columns: Mapping[str, list[Any]]
    lines: list[int]
    unit: str = "line"


# A file and the task's columns, by field: files without names for their columns (CoNLL) have them read as places,
# counted from 0, or from the end where they are negative. A UserError names the line that is wrong.
Reader = Callable[[Path, Mapping[str, str]], Content]

readers: Catalog[Reader] = Catalog("adapterstilts.data.files", "READER", "kind of file")


def kind_of(path: Path) -> str:
    """Return the kind of a file by the ending of its name; a UserError lists the kinds there are."""
    kind = path.suffix.removeprefix(".").lower()
    if kind not in readers.names():
        raise UserError(
            f"{path.name}: its ending does not say how to read it",
            fix=f"end its name in one of: {', '.join(f'.{name}' for name in readers.names())}",
        )
    return kind


def read_content(path: Path, columns: Mapping[str, str]) -> Content:
    """Return what a file holds; a UserError where it is not there, is damaged or has no rows."""
    kind = kind_of(path)
    if not path.is_file():
        others = [file.name for file in path.parent.glob("*") if file.is_file()]
        raise UserError(f"there is no file {path}", fix=nearest(path.name, others))
    content = readers.get(kind)(path, columns)
    if not content.lines:
        raise UserError(f"{path} holds no rows", fix="leave it out, or choose another file")
    return content


def read_files(task: Task, language: str, split: Split) -> tuple[Any, str]:
    """Return the table in a task's own file of one language and split, and a digest of it as its revision.

    The columns are under the names that the task gives them. Raises UserError for what `typed` finds wrong.
    """
    import datasets

    from adapterstilts.data.files._fields import typed

    path = Path(task.files[language][split])
    content = read_content(path, task.columns)
    columns, flaws = typed(task.columns, content)
    if flaws:
        raise UserError(f"{path}, {content.unit} {flaws[0].line}: {flaws[0].text}", fix="mend the file")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return datasets.Dataset.from_dict({task.columns[field]: values for field, values in columns.items()}), (
        f"file:{digest}"
    )
