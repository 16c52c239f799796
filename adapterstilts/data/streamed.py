"""The first texts of a large data set on the Hub: streamed once, then read from our own cache.

A language of Wikipedia is up to tens of gigabytes, of which a training reads a small part.
`docs/decisions/0013-streamed.md` says which.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
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


def take(excerpt: Excerpt, revision: str, stream: Callable[[], Any]) -> Any:
    """Return an excerpt as a table: as it is kept, else from what `stream` opens, and kept from then on.

    `stream` returns an iterable data set of the whole split; it is asked only where nothing is kept. A data set with
    fewer rows is taken whole. Nothing half written is ever read. Raises what reading the stream raises.
    """
    import datasets

    file = inside(excerpt.folder, f"{revision}.arrow")
    if not file.exists():
        with locked(excerpt.folder, wait=True):
            if not file.exists():  # another process was quicker
                remove_leftovers(excerpt.folder)
                with new_file(file) as temporary:
                    _write(_tables(stream(), excerpt.count), temporary)
    return datasets.Dataset.from_file(str(file))


def _tables(stream: Any, count: int) -> Iterator[Any]:
    """Yield `count` rows of a stream in batches; what a file lacks of its share is taken from those after it."""
    left, files = count, stream.num_shards
    for number in range(files):
        share = -(-left // (files - number))  # the even part of what is left, rounded up
        rows = stream.shard(files, number).take(share).with_format("arrow")
        for table in rows.iter(batch_size=_BATCH) if share else ():
            left -= len(table)
            yield table


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
