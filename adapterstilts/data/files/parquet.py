"""Parquet. Numbers that stand for label names (a ClassLabel of the datasets library) are read as those names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapterstilts.data.files import Content
from adapterstilts.errors import UserError


def _read(path: Path, columns: Mapping[str, str]) -> Content:
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path} is not Parquet: {str(error).splitlines()[0]}", fix="check the file") from None
    features = datasets.Features.from_arrow_schema(table.schema)
    names = {name: getattr(getattr(feature, "feature", feature), "names", None) for name, feature in features.items()}
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    found = {name: _named(table[name].to_pylist(), names.get(name)) for name in table.column_names}
    return Content(found, list(range(1, len(table) + 1)), "row")


def _named(values: list[Any], names: Sequence[str] | None) -> list[Any]:
    """Return label names in the place of their numbers, also of those inside lists; -1 is no label."""
    if names is None:
        return values
    return [
        _named(one, names) if isinstance(one, list) else names[one] if one is not None and one >= 0 else None
        for one in values
    ]


READER = _read
