"""What the reshapings of preference data share: a row is a prompt, the chosen answer and the rejected one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

_AT_ONCE = 1000  # pairs that are Python's at a time; Arrow holds the rest in a fraction of the space


class Pair(NamedTuple):
    """Two answers to one prompt, told apart by somebody's preference."""

    prompt: str
    chosen: str
    rejected: str
    id: str


def conversation(turns: Sequence[str]) -> str:
    """Return the turns of a conversation as one text, first to last; who speaks is told by their order."""
    return "\n\n".join(turn.strip() for turn in turns)


def table_of(pairs: Iterable[Pair]) -> Any:
    """Return a table of pairs, without those of which an answer is empty or both are the same: they teach nothing."""
    import datasets
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in Pair._fields])
    sound = (pair for pair in pairs if pair.chosen and pair.rejected and pair.chosen != pair.rejected)
    batches = []
    while some := list(itertools.islice(sound, _AT_ONCE)):
        columns = dict(zip(Pair._fields, zip(*some, strict=True), strict=True))
        batches.append(pa.RecordBatch.from_pydict(columns, schema=schema))
    return datasets.Dataset(pa.Table.from_batches(batches, schema=schema))
