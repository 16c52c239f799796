"""The right one of several choices: every choice is read together with its context, and the best score wins.

So a head is one number a choice, and serves rows of any number of choices alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterstilts.errors import UserError
from adapterstilts.formats import Batch, Columns, Encoding, GoldKind, HeadShape, Meaning, Prediction, Row

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor, nn

_CHOICE_COLUMNS = ("choice_0", "choice_1", "choice_2", "choice_3", "choice_4")
_NESTED = ("input_ids", "token_type_ids")


class MultipleChoice:
    """Cross-entropy over a row's choices; a pair longer than the window loses the end of its longer text.

    The choices come as one column of lists, or as one column each.
    """

    fields = ("context", "question", "choices", *_CHOICE_COLUMNS, "label")
    optional = ("question", "choices", *_CHOICE_COLUMNS)
    gold_kind: GoldKind = "labels"
    label_field = "label"
    max_length = 256
    positional = True
    noisy = ("context", "question")
    texts = ("context", "question", "choices", *_CHOICE_COLUMNS)
    version = 1

    def features(self, tokenizer: Any) -> dict[str, pa.DataType]:
        """Return the Arrow columns of the cache; tokens are lists of lists, one inner list a choice."""
        import pyarrow as pa

        from adapterstilts.formats._tokens import token_columns

        columns = token_columns(tokenizer)
        nested = {name: pa.list_(columns[name]) for name in _NESTED if name in columns}
        return {**columns, **nested, "label": pa.int32()}

    def encode(self, rows: Columns, encoding: Encoding) -> Columns:
        """Tokenise each row's context with each of its choices, the question before the choice.

        Raises UserError for rows with different numbers of choices, or a label that points at none.
        """
        choices = _choices(rows)
        number = _equal_number(choices)
        _must_point_at_choices(rows["label"], number)
        contexts = [context for context in rows["context"] for _ in range(number)]
        endings = [choice for row in choices for choice in row]
        if "question" in rows:
            questions = [question for question in rows["question"] for _ in range(number)]
            endings = [f"{question} {ending}" for question, ending in zip(questions, endings, strict=True)]
        tokens = encoding.tokenizer(contexts, endings, truncation=True, max_length=encoding.max_length)
        columns = {name: _grouped(tokens[name], number) for name in tokens if name != "attention_mask"}
        lengths = [number * max(map(len, ids)) for ids in columns["input_ids"]]
        rest = {"length": lengths, "row": rows["row"], "part": [0] * len(lengths), "label": rows["label"]}
        return {**columns, **rest}

    def collate(self, examples: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Return padded tokens (examples x choices, longest) and labels (examples,): the choices are the quotient."""
        import torch

        from adapterstilts.formats._tokens import pad_tokens

        _equal_number(examples["input_ids"])
        flat = {name: [ids for row in examples[name] for ids in row] for name in _NESTED if name in examples}
        return {**pad_tokens(flat, pad_id), "labels": torch.tensor(examples["label"])}

    def targets(self, examples: Mapping[str, Sequence[Any]]) -> int:
        """Return the number of examples: each has one right choice."""
        return len(examples["label"])

    def head(self, shape: HeadShape) -> nn.Module:
        """Return a head with the shapes and names of XLMRobertaForMultipleChoice's pooler and classifier."""
        from adapterstilts.formats._heads import ChoiceHead

        return ChoiceHead(shape)

    def loss_sum(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the summed cross-entropy of logits (examples x choices, 1) over each example's choices."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(_by_example(logits, batch), batch["labels"], reduction="sum")

    def decode(self, logits: Tensor, batch: Batch) -> list[Any]:
        """Return (choice, probability) for each example."""
        best = _by_example(logits, batch).softmax(-1).max(-1)
        return list(zip(best.indices.tolist(), best.values.tolist(), strict=True))

    def assemble(self, parts: Sequence[Any], row: Row, meaning: Meaning) -> Prediction:
        """Return the label name of the chosen choice; a UserError where there are more choices than names, or fewer."""
        number = len(row["choices"]) if "choices" in row else sum(name in row for name in _CHOICE_COLUMNS)
        if number != len(meaning.labels):
            raise UserError(
                f"a row has {number} choices, and its task has labels for {len(meaning.labels)}",
                where=f"{row['context'][:80]!r}",
                fix=f"the task's labels must be one name a choice; they are: {', '.join(meaning.labels)}",
            )
        [(choice, score)] = parts
        return Prediction(meaning.labels[choice], score)

    def gold(self, row: Row, labels: Sequence[str]) -> str:
        """Return the right choice's label name."""
        return labels[row["label"]]


def _choices(rows: Columns) -> Sequence[Sequence[str]]:
    """Return the texts of each row's choices, whichever way they are stored."""
    if "choices" in rows:
        return rows["choices"]
    return list(zip(*(rows[name] for name in _CHOICE_COLUMNS if name in rows), strict=True))


def _equal_number(choices: Sequence[Sequence[Any]]) -> int:
    """Return how many choices every row has; a UserError where they differ."""
    numbers = [len(row) for row in choices]
    for number in numbers:
        if number != numbers[0]:
            raise UserError(
                f"a row has {number} choices, another has {numbers[0]}",
                fix="all rows of a task need the same number of choices; leave the odd ones out of the data set",
            )
    return numbers[0]


def _must_point_at_choices(labels: Sequence[int], number: int) -> None:
    for label in labels:
        if label >= number:
            raise UserError(
                f"choice {label} (counted from 0) is called right, but the row has {number} choices",
                fix="the task's labels and its columns of choices do not fit; compare them with the data set",
            )


def _grouped(flat: Sequence[Any], number: int) -> list[Sequence[Any]]:
    return [flat[begin : begin + number] for begin in range(0, len(flat), number)]


def _by_example(logits: Tensor, batch: Batch) -> Tensor:
    return logits.float().view(batch["labels"].shape[0], -1)


FORMAT = MultipleChoice()
