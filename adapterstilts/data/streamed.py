"""The first texts of a large data set on the Hub: streamed once, then read from our own cache.

A language of Wikipedia is up to tens of gigabytes, of which a training reads a small part.
`docs/decisions/0013-streamed.md` says which.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from adapterstilts.config.identity import fingerprint
from adapterstilts.data.rows import MARK, Rows
from adapterstilts.errors import UserError
from adapterstilts.store.atomic import new_file, remove_leftovers
from adapterstilts.store.places import cache_root, inside, locked

_SCHEME = 1  # grows when other rows would be taken
_BATCH = 1000


@dataclass(frozen=True)
class Excerpt:
    """The first `count` rows of a split on the Hub, in equal shares of its files."""

    repo: str
    config: str
    split: str
    count: int

    @property
    def folder(self) -> Path:
        """Where it is kept, a file a revision."""
        return cache_root() / "streamed" / fingerprint({**asdict(self), "scheme": _SCHEME})


def kept_revision(excerpt: Excerpt) -> str | None:
    """Return the commit of the excerpt that was taken last; None where none is kept."""
    files = sorted(excerpt.folder.glob("[!.]*.arrow"), key=lambda file: file.stat().st_mtime_ns)
    return files[-1].stem if files else None


def take(excerpt: Excerpt, revision: str, find: Callable[[], Sequence[str]]) -> Any:
    """Return an excerpt as a table: as it is kept, else from the Parquet files that `find` names, and keep it.

    `find` returns the places of all files of the split, in order (`hf://...`); it is asked only where nothing is kept.
    A split with fewer rows is taken whole. Nothing half written is ever read. Raises what finding and reading raise.
    """
    import datasets

    file = inside(excerpt.folder, f"{revision}.arrow")
    if not file.exists():
        with locked(excerpt.folder, wait=True):
            if not file.exists():  # another process was quicker
                remove_leftovers(excerpt.folder)
                with new_file(file) as temporary:
                    _write(_tables(find(), excerpt.count), temporary)
    return datasets.Dataset.from_file(str(file))


def _tables(files: Sequence[str], count: int) -> Iterator[Any]:
    """Yield `count` rows in equal shares of the files; what one lacks of its share is taken from those after it."""
    left = count
    for number, file in enumerate(files):
        share = -(-left // (len(files) - number))  # the even part of what is left, rounded up
        for table in _first_rows(file, share) if share else ():
            left -= len(table)
            yield table


def _first_rows(file: str, count: int) -> Iterator[Any]:
    """Yield the first rows of a Parquet file, fetching the row groups that they are in and no other.

    Raises ConnectionError for whatever keeps the file from being read.
    """
    import pyarrow.parquet as pq
    from huggingface_hub import HfFileSystem

    try:
        with HfFileSystem().open(file, "rb") as handle:
            parquet = pq.ParquetFile(handle, pre_buffer=False)
            for group in range(parquet.num_row_groups):
                if count > 0:
                    table = parquet.read_row_group(group, use_threads=False).slice(0, count)
                    count -= len(table)
                    yield table
    except Exception as error:  # httpx, requests and hub errors share no base class
        raise ConnectionError(f"{type(error).__name__}: {error}") from error


def _write(tables: Iterator[Any], path: Path) -> None:
    import pyarrow as pa

    first = next(tables, None)
    if first is None:
        raise UserError("the Hub has no rows there", fix="choose another language or split")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, first.schema) as writer:
        for table in itertools.chain([first], tables):
            writer.write_table(table.cast(first.schema))


def as_taken(rows: Rows, count: int | None) -> Rows:
    """Return rows of the Hub with what says which they are; those that serve as dev are marked by their ids.

    So an article is held out, or not, however many are taken: what one run was trained on, no other is judged by.
    """
    if count is not None:
        rows = replace(rows, selection=f"first {count} in equal shares of its files")
    if not rows.task.held_out or rows.split not in ("train", "dev"):
        return rows
    shares = [_place(rows.task.name, name) for batch in rows.table.iter(batch_size=_BATCH) for name in batch["id"]]
    limit = max(rows.task.held_out, min(shares))  # at least one is held out
    return replace(rows, table=rows.table.add_column(MARK, [share <= limit for share in shares]))


def _place(task: str, name: object) -> float:
    """Return where an id stands between 0 and 1, as if drawn."""
    return int.from_bytes(hashlib.sha256(f"{task} {name}".encode()).digest()[:8], "big") / 2**64
