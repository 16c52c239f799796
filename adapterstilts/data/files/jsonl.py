"""JSON lines: one object a line; an object inside an object is read as `outer.inner`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapterstilts.data.files import Content
from adapterstilts.data.files._lines import numbered_lines
from adapterstilts.errors import UserError


def _read(path: Path, columns: Mapping[str, str]) -> Content:
    rows, lines = [], []
    for number, line in numbered_lines(path):
        if line.strip():
            rows.append(_flat(_object(path, number, line)))
            lines.append(number)
    names = dict.fromkeys(name for row in rows for name in row)
    return Content({name: [row.get(name) for row in rows] for name in names}, lines)


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}, line {number}: not JSON: {error.msg} (character {error.colno})",
            where=line[:120],
            fix="write one object a line, {...}, not one list of them",
        ) from None
    if not isinstance(value, dict):
        raise UserError(
            f"{path}, line {number}: no object of names and values",
            where=line[:120],
            fix="write one object a line, {...}, not one list of them",
        )
    return value


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


READER = _read
