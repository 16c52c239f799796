"""Formats: how rows become numbers, and numbers predictions. One file a format.

A row travels encode -> (cache) -> collate -> encoder -> head -> loss, or -> decode -> assemble. One row may
become several encoded examples (a text longer than the window), which `row` and `part` hold together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from adapterstilts.registry import Catalog

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor, nn

Columns = dict[str, list[Any]]
Batch = dict[str, "Tensor"]


@dataclass(frozen=True)
class Encoding:
    """What `encode` needs to know: the tokenizer, the window, the number of the first row at hand."""

    tokenizer: Any
    max_length: int


class HeadShape(NamedTuple):
    """What a head is built from: widths, dropout and the spread of its first weights."""

    hidden_size: int
    labels: int
    dropout: float
    initializer_range: float


class Prediction(NamedTuple):
    """What is predicted for one row, in label names, and how sure the model is (0 to 1)."""

    value: Any
    score: float


class Format(Protocol):
    """One kind of task.

    `label_field` is the field that holds label ids. `encode` gets a batch of rows (columns of lists; labels
    are ids in the task's order) and gives columns of encoded examples: `input_ids`, `row`, `part` and
    what `collate` needs. `collate` pads them to a batch. `targets` counts the terms of the loss in encoded
    examples without running the model, so that a step over several passes is normalised as one.
    """

    fields: tuple[str, ...]
    label_field: str
    version: int

    def features(self, tokenizer: Any) -> dict[str, pa.DataType]: ...
    def encode(self, rows: Columns, encoding: Encoding) -> Columns: ...
    def collate(self, examples: Mapping[str, Sequence[Any]], pad_id: int) -> Batch: ...
    def targets(self, examples: Mapping[str, Sequence[Any]]) -> int: ...
    def head(self, shape: HeadShape) -> nn.Module: ...
    def loss_sum(self, logits: Tensor, batch: Batch) -> Tensor: ...
    def decode(self, logits: Tensor, batch: Batch) -> list[Any]: ...
    def assemble(self, parts: Sequence[Any], labels: Sequence[str]) -> Prediction: ...
    def gold(self, value: Any, labels: Sequence[str]) -> Any: ...


formats: Catalog[Format] = Catalog("adapterstilts.formats", "FORMAT", "format")
