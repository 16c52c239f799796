"""Formats: how rows become numbers, and numbers predictions. One file a format.

A row travels encode -> (cache) -> collate -> encoder -> head -> loss, or -> decode -> assemble. One row may
become several encoded examples (a text longer than the window), which `row` and `part` hold together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, cast

from adapterstilts.errors import UserError
from adapterstilts.registry import Catalog
from adapterstilts.tasks import Task

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor, nn

Columns = dict[str, list[Any]]
Row = Mapping[str, Any]
Batch = dict[str, "Tensor"]
GoldKind = Literal["labels", "answers", "none"]


@dataclass(frozen=True)
class Encoding:
    """What `encode` needs to know, in tokens: the window, the distance of windows, a question's most.

    `hidden`: of masked LM, the share of tokens that are hidden.
    """

    tokenizer: Any
    max_length: int
    doc_stride: int = 128
    max_query_length: int = 64
    hidden: float = 0.15


class HeadShape(NamedTuple):
    """What a head is built from: widths, dropout, the spread of its first weights, the size of the vocabulary."""

    hidden_size: int
    labels: int
    dropout: float
    initializer_range: float
    vocabulary: int = 0


class Meaning(NamedTuple):
    """What a head's outputs mean: label names in order, and whether a question may have no answer."""

    labels: Sequence[str]
    no_answer: bool = False


class Prediction(NamedTuple):
    """What is predicted for one row, in label names or text, and how sure the model is (0 to 1)."""

    value: Any
    score: float


class Format(Protocol):
    """One kind of task: how its rows become numbers.

    `fields` may be declared by a task's columns, those of `optional` need not be. `gold` says what the right
    answers are: `labels` in `label_field`, `answers` (texts with their places), or `none` (given by the rows'
    order). `max_length` is the usual window in tokens. `encode` gets a batch of rows (columns of lists;
    labels are ids in the task's order) and gives columns of encoded examples: `input_ids`, `length` (the
    tokens that the example takes in a pass), `row`, `part` and what `collate` needs to make a batch.

    A format may have more: `noisy`, the fields whose texts noise may touch without changing the gold, and
    `labels_words`, where each word has a gold label of its own. `texts` are the fields that a translator may write in
    another language without changing the gold; a format without any is not translated.
    """

    fields: tuple[str, ...]
    optional: tuple[str, ...]
    gold_kind: GoldKind
    label_field: str
    max_length: int
    version: int

    def features(self, tokenizer: Any) -> dict[str, pa.DataType]: ...
    def encode(self, rows: Columns, encoding: Encoding) -> Columns: ...
    def collate(self, examples: Mapping[str, Sequence[Any]], pad_id: int) -> Batch: ...


class Learnable(Format, Protocol):
    """A format with a head: how numbers become losses and predictions.

    `positional`: labels are positions among a row's own choices, so any head of the format serves them.
    `targets` counts the terms of the loss in encoded examples without running the model, so that a step over
    several passes is normalised as one. `decode` keeps of the logits what `assemble` needs to predict a row
    from its parts.
    """

    positional: bool

    def targets(self, examples: Mapping[str, Sequence[Any]]) -> int: ...
    def head(self, shape: HeadShape) -> nn.Module: ...
    def loss_sum(self, logits: Tensor, batch: Batch) -> Tensor: ...
    def decode(self, logits: Tensor, batch: Batch) -> list[Any]: ...
    def assemble(self, parts: Sequence[Any], row: Row, meaning: Meaning) -> Prediction: ...
    def gold(self, row: Row, labels: Sequence[str]) -> Any: ...


formats: Catalog[Format] = Catalog("adapterstilts.formats", "FORMAT", "format")


def is_text(task: Task) -> bool:
    """Return whether a task is plain text whose hidden tokens are guessed, by a head that comes with the base."""
    return bool(getattr(formats.get(task.format), "from_base", False))


def learnable(task: Task) -> Learnable:
    """Return the task's format if it has a head; a UserError tells how such a task is used where it has none."""
    format = formats.get(task.format)
    if not hasattr(format, "head"):
        raise UserError(
            f"task {task.name} has nothing to learn: it is answered by the encoder's states alone",
            fix=f"run: adapterstilts evaluate RUN --task {task.name} --layer sweep",
        )
    return cast(Learnable, format)
