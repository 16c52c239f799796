"""Tokenised examples, once: an Arrow file keyed by task, rows, tokenizer, format and window.

Only lengths are held in memory (four bytes an example); tokens are read from the file batch by batch.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adapterstilts.config.identity import fingerprint
from adapterstilts.config.schema import DataSettings
from adapterstilts.console import log_once
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.formats import Columns, Encoding, Format, formats
from adapterstilts.store.places import cache_root
from adapterstilts.tasks import Task


@dataclass(frozen=True)
class Encoded:
    """Tokenised examples of one row set: `examples[i]` are Arrow-backed, `lengths` (examples,) in tokens.

    A length is what the example takes in a pass: of several choices, each as long as the longest.
    """

    rows: Rows
    format: Format
    examples: Any
    lengths: npt.NDArray[np.int32]
    pad_id: int

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, indices: npt.NDArray[np.int64], draw: int = 0) -> dict[str, list[Any]]:
        """Return the examples at `indices`, as columns of lists: one pass' worth, never a data set.

        `draw`: which of their looks, for formats whose examples look different each time they are read.
        """
        columns: dict[str, list[Any]] = self.examples[indices]
        vary = getattr(self.format, "vary", None)
        return vary(columns, draw) if vary else columns


def encoding_for(task: Task, tokenizer: Any, settings: DataSettings, positions: int) -> Encoding:
    """Return how a task's rows are tokenised for an encoder of `positions` tokens.

    A window that was asked for must fit (else UserError); the format's own is cut to what fits, and said.
    """
    wanted, usual = settings.max_length, formats.get(task.format).max_length
    if wanted and wanted > positions:
        raise UserError(
            f"data.max_length = {wanted}: the base has {positions} positions",
            fix=f"use --set data.max_length={positions}",
        )
    if not wanted and usual > positions:
        log_once(f"data: windows of {positions} tokens: the base has no room for the {usual} usual for {task.name}")
    window = wanted or min(usual, positions)
    return Encoding(tokenizer, window, settings.doc_stride, settings.max_query_length, settings.hidden)


def encode_rows(rows: Rows, encoding: Encoding) -> Encoded:
    """Tokenise `rows`, or open what an earlier command left in the cache for the same question."""
    import datasets

    format = formats.get(rows.task.format)
    path = _cache_file(rows, format, encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() and sys.stderr.isatty():
        datasets.enable_progress_bars()
    examples = rows.table.map(
        functools.partial(_encode_batch, rows=rows, format=format, encoding=encoding),
        with_indices=True,
        batched=True,
        remove_columns=rows.table.column_names,
        features=_features(format, encoding.tokenizer),
        cache_file_name=str(path),
        new_fingerprint=path.stem,
        desc=f"tokenising {rows.task.name} {rows.language} {rows.split}",
    )
    datasets.disable_progress_bars()
    return Encoded(rows, format, examples, _lengths(examples), encoding.tokenizer.pad_token_id)


def _encode_batch(batch: Columns, indices: list[int], *, rows: Rows, format: Format, encoding: Encoding) -> Columns:
    return format.encode({**rows.read(batch), "row": indices}, encoding)


def _features(format: Format, tokenizer: Any) -> Any:
    import datasets
    import pyarrow as pa

    return datasets.Features.from_arrow_schema(pa.schema(format.features(tokenizer)))


def _lengths(examples: Any) -> npt.NDArray[np.int32]:
    chunks = examples.data.column("length").chunks
    parts = [chunk.to_numpy(zero_copy_only=False) for chunk in chunks]
    return np.concatenate(parts).astype(np.int32) if parts else np.zeros(0, np.int32)


def _cache_file(rows: Rows, format: Format, encoding: Encoding) -> Path:
    key = fingerprint(
        {
            **rows.origin(),
            "format": [rows.task.format, format.version],
            "labels": list(rows.task.labels),
            "tokenizer": tokenizer_digest(encoding.tokenizer),
            "windows": [encoding.max_length, encoding.doc_stride, encoding.max_query_length, encoding.hidden],
            "wording": {name: dict(words) for name, words in rows.task.wording.items()},
        }
    )
    return cache_root() / "tokenised" / f"{key}.arrow"


def tokenizer_digest(tokenizer: Any) -> str:
    """Return a digest of a fast tokenizer's whole definition, without its passing padding settings."""
    known: str | None = getattr(tokenizer, "_adapterstilts_digest", None)
    if known is None:
        backend = tokenizer.backend_tokenizer
        backend.no_padding()
        backend.no_truncation()
        known = hashlib.sha256(backend.to_str().encode()).hexdigest()[:16]
        tokenizer._adapterstilts_digest = known
    return known
