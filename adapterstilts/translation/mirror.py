"""Translated rows as a mirror: Parquet files in the Hub's layout, a card, and the note that says what is translated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adapterstilts.data.rows import MARK, Rows
from adapterstilts.data.translated import NOTE, Said, read_note
from adapterstilts.formats import Columns
from adapterstilts.store.atomic import new_file, write_json, write_text
from adapterstilts.tasks import Split, Task

FLAGS = "translation_flags"


def write_split(file: Path, rows: Rows, columns: Columns, flags: Sequence[str] | None = None) -> None:
    """Write rows with the columns and types that their task reads; `flags` and the mark of dev rows are columns too."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Features, Value

    names = {**rows.task.columns, MARK: MARK}
    features = {names[name]: feature for name, feature in rows.table.features.items()}
    values = {names[name]: columns[name] for name in rows.table.column_names}
    if flags is not None:
        features[FLAGS], values[FLAGS] = Value("string"), list(flags)
    nested = Features(_nested_features(features))
    with new_file(file) as temporary:
        pq.write_table(pa.Table.from_pydict(_nested(values), schema=nested.arrow_schema), temporary)


def write_note(repository: Path, task: Task, said: dict[str, dict[str, Any]]) -> None:
    """Add a task's languages to what is said of a repository, and list its configurations anew in its card."""
    write_text(repository / "README.md", _card(repository))
    known = read_note(repository)
    known[task.name] = dict(sorted((known.get(task.name, {}) | said).items()))
    note: dict[str, Said] = {"translated": dict(sorted(known.items()))}
    write_json(repository / NOTE, note)


def file_of(repository: Path, config: str, task: Task, split: Split) -> Path:
    """Return where the rows of one split lie: all of a joined one (`a+b`) under its first name (`split_name`)."""
    return repository / config / f"{task.split(split).partition('+')[0]}-00000-of-00001.parquet"


def _nested_features(features: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for column, feature in features.items():
        outer, _, inner = column.partition(".")
        nested[outer] = {**nested.get(outer, {}), inner: feature} if inner else feature
    return nested


def _nested(values: Columns) -> Columns:
    """Put the columns `a.b` and `a.c` together to one column `a` of dicts."""
    nested: Columns = {}
    for column, many in values.items():
        outer, _, inner = column.partition(".")
        if inner:
            owners = nested.get(outer, [{}] * len(many))
            nested[outer] = [{**owner, inner: value} for owner, value in zip(owners, many, strict=True)]
        else:
            nested[outer] = many
    return nested


def _card(repository: Path) -> str:
    lines = ["---", "configs:"]
    for folder in sorted(path for path in repository.iterdir() if path.is_dir()):
        lines += [f"- config_name: {folder.name}", "  data_files:"]
        for split in sorted(path.name.split("-")[0] for path in folder.glob("*.parquet")):
            lines += [f"  - split: {split}", f"    path: {folder.name}/{split}-*"]
    notice = f"English rows and machine translations of them, by adapterstilts; {NOTE} says which and by what."
    return "\n".join([*lines, "---", "", f"# {repository.name}", "", notice, ""])
