"""Tables as text: a first line with the names of the columns, then one row after the other."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapterstilts.data.files import Content
from adapterstilts.data.files._lines import text_of
from adapterstilts.errors import UserError


def read_delimited(path: Path, **dialect: Any) -> Content:
    """Return the table in a file; `dialect` are csv's own words. A UserError names the line of an odd row."""
    rows = list(_rows(path, dialect))
    if not rows:
        return Content({}, [])
    (first, names), body = rows[0], rows[1:]
    names = [name.strip() for name in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{path}, line {first}: two columns are called {twice[0]!r}", fix="rename one")
    for line, values in body:
        if len(values) != len(names):
            raise UserError(
                f"{path}, line {line}: {len(values)} values, and line {first} names {len(names)} columns",
                where=f"columns: {', '.join(names)}",
                fix="mend the line; a value with the separator in it goes into quotes (CSV), or use JSONL",
            )
    columns = {name: [values[place] for _, values in body] for place, name in enumerate(names)}
    return Content(columns, [line for line, _ in body])


def _rows(path: Path, dialect: dict[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """Yield every row that is not blank with the number of the line that it begins in."""
    csv.field_size_limit(sys.maxsize)  # the module's own limit is shorter than many a passage
    reader = csv.reader(io.StringIO(text_of(path), newline=""), strict=True, **dialect)
    while True:
        begin = reader.line_num + 1
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise UserError(
                f"{path}, line {begin}: {error}", fix='close every quote, and double those inside a value: ""'
            ) from None
        if values is None:
            return
        if any(value.strip() for value in values):
            yield begin, values
