"""All text of a mirror: what a vocabulary is learned from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def texts_of(mirror: Path) -> Iterator[str]:
    """Yield every text in the training rows of a mirror; lists, such as a sentence's tokens, are joined by blanks."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for file in sorted(mirror.rglob("train-*.parquet")):
        for column in pq.read_table(file).flatten().columns:
            if pa.types.is_string(column.type):
                yield from column.drop_null().to_pylist()
            elif pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
                yield from (" ".join(tokens) for tokens in column.to_pylist())
