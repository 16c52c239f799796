"""One label for a text or a pair of texts, read off the first token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterstilts.formats import Batch, Columns, Encoding, GoldKind, HeadShape, Meaning, Prediction, Row

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor, nn


class Classification:
    """Cross-entropy over labels; a pair longer than the window loses the end of its longer text."""

    fields = ("text_a", "text_b", "label")
    optional = ("text_b",)
    gold_kind: GoldKind = "labels"
    label_field = "label"
    max_length = 256
    positional = False
    noisy = ("text_a", "text_b")
    texts = ("text_a", "text_b")
    version = 2

    def features(self, tokenizer: Any) -> dict[str, pa.DataType]:
        """Return the Arrow columns of the cache."""
        import pyarrow as pa

        from adapterstilts.formats._tokens import token_columns

        return {**token_columns(tokenizer), "label": pa.int32()}

    def encode(self, rows: Columns, encoding: Encoding) -> Columns:
        """Tokenise texts (and their partners, where the task has them) into one example a row."""
        from adapterstilts.formats._tokens import encode_texts

        texts = (rows["text_a"], rows["text_b"]) if "text_b" in rows else (rows["text_a"],)
        rest = {"row": rows["row"], "part": [0] * len(rows["row"]), "label": rows["label"]}
        return {**encode_texts(encoding, *texts), **rest}

    def collate(self, examples: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Return padded tokens (examples, length) and labels (examples,)."""
        import torch

        from adapterstilts.formats._tokens import pad_tokens

        return {**pad_tokens(examples, pad_id), "labels": torch.tensor(examples["label"])}

    def targets(self, examples: Mapping[str, Sequence[Any]]) -> int:
        """Return the number of examples: each has one label."""
        return len(examples["label"])

    def head(self, shape: HeadShape) -> nn.Module:
        """Return a head with the shapes and names of XLMRobertaClassificationHead."""
        from adapterstilts.formats._heads import FirstTokenHead

        return FirstTokenHead(shape)

    def loss_sum(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the summed cross-entropy of logits (examples, labels)."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(logits.float(), batch["labels"], reduction="sum")

    def decode(self, logits: Tensor, batch: Batch) -> list[Any]:
        """Return (label id, probability) for each example."""
        best = logits.float().softmax(-1).max(-1)
        return list(zip(best.indices.tolist(), best.values.tolist(), strict=True))

    def assemble(self, parts: Sequence[Any], row: Row, meaning: Meaning) -> Prediction:
        """Return the label name of the row's only part."""
        [(label, score)] = parts
        return Prediction(meaning.labels[label], score)

    def gold(self, row: Row, labels: Sequence[str]) -> str:
        """Return the gold label's name."""
        return labels[row["label"]]


FORMAT = Classification()
