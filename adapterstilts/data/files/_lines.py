"""The lines of a text file of one's own: UTF-8, with or without a byte order mark, ends of lines of any system."""

from __future__ import annotations

import re
from pathlib import Path

from adapterstilts.data.text_files import decoded
from adapterstilts.errors import UserError


def text_of(path: Path) -> str:
    """Return a file's text, ends of lines as they are; a UserError where it cannot be read or is not UTF-8."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the file {path}: {error.strerror}", fix="check its name") from None
    return decoded(path, content)


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Return all lines with their numbers, from 1, without their ends.

    Only line feeds and carriage returns end a line: texts may hold U+2028 and the like.
    """
    return list(enumerate(re.split(r"\r\n|\r|\n", text_of(path)), start=1))
