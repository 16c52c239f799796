"""Text without gold, as rows of a task: what a format reads is in the file, what it would learn is filled in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapterstilts.data.files import Content, read_content, readers
from adapterstilts.data.files._fields import typed
from adapterstilts.data.files._lines import numbered_lines
from adapterstilts.data.labels import NO_LABEL, LabelReader
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError, nearest
from adapterstilts.formats import formats, learnable
from adapterstilts.tasks import Task

_LANGUAGE = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CONLL: Mapping[str, Mapping[str, str]] = {"conll": {"tokens": "0"}, "conllu": {"tokens": "form", "id": "sent_id"}}


@dataclass(frozen=True)
class Unlabelled:
    """Rows without gold, and what each is called in the answers: its id, or the line that it begins in."""

    rows: Rows
    names: list[dict[str, Any]]


def read_unlabelled(task: Task, path: Path, language: str | None) -> Unlabelled:
    """Return the rows of a file: JSONL, CSV, TSV, CoNLL, CoNLL-U, Parquet, or .txt with one text a line.

    The columns are called as the task's are, or as the format's fields; gold is neither needed nor read. Blank lines
    are no rows. `language` may be any code; None stands for English. Raises UserError: a task that labels no text, a
    missing column, a row that cannot be read, a language code of another shape.
    """
    format = learnable(task)
    if task.format == "masked_lm":
        raise UserError(f"task {task.name} predicts hidden words, not labels of text", fix="choose another task")
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise UserError(f"{language!r} is no language code", fix="use two or three small letters: sw, yor")
    content = _content(task, path)
    columns = _columns(task, content, path)
    fields, flaws = typed(columns, content)
    if flaws:
        more = f" (and {len(flaws) - 1} more rows)" if len(flaws) > 1 else ""
        raise UserError(f"{path}, {content.unit} {flaws[0].line}: {flaws[0].text}{more}", fix="mend the file")
    names = [{"id": one} for one in fields.pop("id", [])] or [{content.unit: line} for line in content.lines]
    return Unlabelled(_rows(task, language or "en", path, _with_gold(format.label_field, fields)), names)


def _rows(task: Task, language: str, path: Path, fields: Mapping[str, list[Any]]) -> Rows:
    import datasets

    own = replace(task, configs={language: language}, columns={name: name for name in fields}, rows={})
    revision = f"file:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    nothing = LabelReader({NO_LABEL: 0})
    table = datasets.Dataset.from_dict(dict(fields))
    return Rows(own, language, "test", table, nothing, revision, None, selection="without gold")


def _content(task: Task, path: Path) -> Content:
    kind = path.suffix.removeprefix(".").lower()
    if kind == "txt":
        return _plain_text(task, path)
    if kind not in readers.names():
        endings = ", ".join(f".{name}" for name in (*readers.names(), "txt"))
        raise UserError(f"{path}: its ending does not say how to read it", fix=f"end its name in one of: {endings}")
    return read_content(path, _CONLL.get(kind, {}))


def _plain_text(task: Task, path: Path) -> Content:
    """Return the lines of a text file, where the task reads one text a row."""
    needed = _inputs(task, optional=False)
    if len(needed) != 1 or "text_b" in task.columns:
        names = ", ".join(_inputs(task, optional=True))
        raise UserError(
            f"a row of task {task.name} is more than one text a line: {names}",
            fix="give a JSONL, CSV or TSV file with these columns",
        )
    filled = [(number, line.strip()) for number, line in numbered_lines(path) if line.strip()]
    if not filled:
        raise UserError(f"{path} holds no text", fix="choose another file")
    return Content({needed[0]: [line for _, line in filled]}, [number for number, _ in filled])


def _inputs(task: Task, *, optional: bool) -> list[str]:
    """Return the fields that a format reads without its gold; of the optional ones those that the task has."""
    format = formats.get(task.format)
    gold = {format.label_field, "answer_texts", "answer_starts", "id"}
    wanted = {*format.fields} - gold
    return [
        name for name in format.fields
        if name in wanted and (name not in format.optional or (optional and name in task.columns))
    ]  # fmt: skip


def _columns(task: Task, content: Content, path: Path) -> dict[str, str]:
    """Return the file's column of every field that the task reads; a UserError names all that are missing."""
    kind = _CONLL.get(path.suffix.removeprefix(".").lower(), {})
    columns: dict[str, str] = {}
    missing = []
    for field in (*_inputs(task, optional=True), "id"):
        names = [name for name in (task.columns.get(field), kind.get(field), field) if name]
        found = next((name for name in names if name in content.columns), None)
        if found:
            columns[field] = found
        elif field != "id":
            missing.append(f"{' or '.join(dict.fromkeys(map(repr, names)))}: {nearest(names[0], content.columns)}")
    if missing:
        raise UserError(
            f"{path} lacks what task {task.name} reads",
            where="\n  ".join(missing),
            fix=f"name its columns as the task does: adapterstilts tasks show {task.name}",
        )
    return columns


def _with_gold(label_field: str, fields: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the fields with something in the place of gold: encodings have room for it, answers ignore it."""
    count = len(next(iter(fields.values())))
    gold: dict[str, Sequence[Any]] = {}
    if "tokens" in fields:
        gold = {label_field: [[NO_LABEL] * len(tokens) for tokens in fields["tokens"]]}
    elif label_field:
        gold = {label_field: [NO_LABEL] * count}
    elif "context" in fields:
        gold = {"answer_texts": [[]] * count, "answer_starts": [[]] * count}
    return {**fields, **{name: list(values) for name, values in gold.items()}}
