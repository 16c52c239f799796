"""A person's own text: files of one language, in the place of a task's rows.

Blank lines separate texts; in a file without any, each line is a text of its own.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from adapterstilts.data.labels import LabelReader
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.tasks import Task

_LANGUAGE = re.compile("[a-z]{2,3}")  # the shape of ISO 639-1 and 639-3


def text_rows(task: Task, language: str, names: Sequence[str]) -> tuple[Rows, Rows]:
    """Return the train and the held-out texts of UTF-8 files, as rows of `task` in `language` (any ISO 639 code).

    Texts are held out as the task declares it. The revision is a digest of the files' names and contents, in the
    order given; where they lie does not enter it. Raises UserError: a file that is missing, empty, named twice or
    not UTF-8, a language code of another shape, fewer texts than it takes to hold one out.
    """
    import datasets

    if not _LANGUAGE.fullmatch(language):
        raise UserError(
            f"{language!r} is no language code", where=", ".join(names), fix="use two or three small letters: sw, yor"
        )
    contents = _read(names)
    texts = [text for file, content in contents.items() for text in _texts(file, content)]
    least = int(0.5 / task.held_out) + 1  # the fewest of which the share rounds to one
    if len(texts) < least:
        raise UserError(
            f"{language}: {len(texts)} texts are too few to hold {100 * task.held_out:g} % of them out",
            where=", ".join(names),
            fix=f"give at least {least}; blank lines separate texts, and a file without any has one text a line",
        )
    own = replace(task, repo=", ".join(file.name for file in contents), configs={language: language}, rows={})
    table = datasets.Dataset.from_dict({"text": texts})
    train = Rows(own, language, "train", table, LabelReader({}), _revision(contents), None)
    return train.hold_out(task.held_out), replace(train, split="dev").hold_out(task.held_out)


def _read(names: Sequence[str]) -> dict[Path, bytes]:
    contents: dict[Path, bytes] = {}
    for file in map(Path, names):
        if file in contents:
            raise UserError(f"the file {file} is named twice", fix="name each file once")
        try:
            contents[file] = file.read_bytes()
        except OSError as error:
            raise UserError(f"cannot read the file {file}: {error.strerror}", fix="check its name") from None
    return contents


def decoded(file: Path, content: bytes) -> str:
    """Return UTF-8 bytes as text, without a byte order mark; a UserError names the line of a byte that is none."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{file} is not UTF-8: byte {error.start} (0x{content[error.start]:02x}), in line {line}",
            fix=f"convert it, for example from Latin-1: iconv -f latin1 -t utf-8 {file}",
        ) from None


def _texts(file: Path, content: bytes) -> list[str]:
    """Return the texts of one file; the lines of a paragraph stay as they are."""
    whole = decoded(file, content)
    lines = re.split(r"\r\n|\r|\n", whole.strip())
    if lines == [""]:
        raise UserError(f"{file} holds no text", fix="leave it out, or choose another file")
    if all(line.strip() for line in lines):
        return [line.strip() for line in lines]
    return ["\n".join(group) for filled, group in itertools.groupby(lines, lambda line: bool(line.strip())) if filled]


def _revision(contents: Mapping[Path, bytes]) -> str:
    total = hashlib.sha256()
    for file, content in contents.items():
        total.update(file.name.encode() + hashlib.sha256(content).digest())
    return f"text:{total.hexdigest()[:16]}"
