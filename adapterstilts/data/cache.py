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
from adapterstilts.data.source import Rows
from adapterstilts.formats import Columns, Encoding, Format, formats
from adapterstilts.store.places import cache_root


@dataclass(frozen=True)
class Encoded:
    """Tokenised examples of one row set: `examples[i]` are Arrow-backed, `lengths` (examples,) in tokens."""

    rows: Rows
    format: Format
    examples: Any
    lengths: npt.NDArray[np.int32]
    pad_id: int

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, indices: npt.NDArray[np.int64]) -> dict[str, list[Any]]:
        """Return the examples at `indices`, as columns of lists: one pass' worth, never a data set."""
        columns: dict[str, list[Any]] = self.examples[indices]
        return columns


def encode_rows(rows: Rows, tokenizer: Any, max_length: int) -> Encoded:
    """Tokenise `rows`, or open what an earlier command left in the cache for the same question."""
    import datasets

    format = formats.get(rows.task.format)
    encoding = Encoding(tokenizer, max_length)
    path = _cache_file(rows, format, encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() and sys.stderr.isatty():
        datasets.enable_progress_bars()
    examples = rows.table.map(
        functools.partial(_encode_batch, rows=rows, format=format, encoding=encoding),
        with_indices=True,
        batched=True,
        remove_columns=rows.table.column_names,
        features=_features(format, tokenizer),
        cache_file_name=str(path),
        new_fingerprint=path.stem,
        desc=f"tokenising {rows.task.name} {rows.language} {rows.split}",
    )
    datasets.disable_progress_bars()
    return Encoded(rows, format, examples, _lengths(examples), tokenizer.pad_token_id)


def _encode_batch(batch: Columns, indices: list[int], *, rows: Rows, format: Format, encoding: Encoding) -> Columns:
    labels = [rows.labels.read(raw) for raw in batch[format.label_field]]
    return format.encode({**batch, format.label_field: labels, "row": indices}, encoding)


def _features(format: Format, tokenizer: Any) -> Any:
    import datasets
    import pyarrow as pa

    return datasets.Features.from_arrow_schema(pa.schema(format.features(tokenizer)))


def _lengths(examples: Any) -> npt.NDArray[np.int32]:
    import pyarrow.compute as pc

    chunks = examples.data.column("input_ids").chunks
    parts = [pc.list_value_length(chunk).to_numpy(zero_copy_only=False) for chunk in chunks]
    return np.concatenate(parts).astype(np.int32) if parts else np.zeros(0, np.int32)


def _cache_file(rows: Rows, format: Format, encoding: Encoding) -> Path:
    key = fingerprint(
        {
            **rows.origin(),
            "format": [rows.task.format, format.version],
            "labels": list(rows.task.labels),
            "tokenizer": tokenizer_digest(encoding.tokenizer),
            "max_length": encoding.max_length,
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
