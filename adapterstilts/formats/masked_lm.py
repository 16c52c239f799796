"""Masked language modelling: some tokens are hidden, and the encoder's own LM head guesses them (Devlin et al. 2019).

Which tokens are hidden depends on the row and on a number, the draw: another one at every step of a training
(dynamic masking, Liu et al. 2019, arXiv 1907.11692), always the same one in evaluation, so that losses compare.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterstilts.config.identity import derive_seed
from adapterstilts.formats import Batch, Columns, Encoding, GoldKind, HeadShape, Meaning, Prediction, Row
from adapterstilts.formats.tagging import IGNORED

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor, nn

AS_MASK, AS_RANDOM = 0.8, 0.1  # of the hidden tokens; the rest stay as they are


class MaskedLM:
    """Cross-entropy over the hidden tokens; a text longer than the window becomes several windows.

    A row may bring a `parallel` text, read behind the first one (TLM: Conneau and Lample 2019, arXiv 1901.07291); such
    a pair loses the end of its longer text.
    """

    fields = ("text", "parallel")
    optional = ("parallel",)
    gold_kind: GoldKind = "none"
    label_field = ""
    max_length = 256
    positional = True
    multilingual = True  # trained on every language that is asked for, not on English alone
    from_base = True  # its head comes with the base, where the base's files have one
    version = 1

    def features(self, tokenizer: Any) -> dict[str, pa.DataType]:
        """Return the Arrow columns of the cache; `special` marks tokens that are never hidden."""
        import pyarrow as pa

        from adapterstilts.formats._tokens import token_columns

        of_all = {"mask_id": pa.int32(), "vocabulary": pa.int32(), "hidden": pa.float64()}
        return {**token_columns(tokenizer), "special": pa.list_(pa.int8()), **of_all}

    def encode(self, rows: Columns, encoding: Encoding) -> Columns:
        """Return one example a window of a text, or one a pair of parallel texts."""
        tokenizer, pairs = encoding.tokenizer, "parallel" in rows
        texts = (rows["text"], rows["parallel"]) if pairs else (rows["text"],)
        tokens = tokenizer(
            *texts,
            truncation=True,
            max_length=encoding.max_length,
            return_overflowing_tokens=not pairs,
            return_special_tokens_mask=True,
            verbose=False,
        )
        owners = list(tokens.get("overflow_to_sample_mapping", range(len(rows["row"]))))
        parts = [part for _, group in itertools.groupby(owners) for part, _ in enumerate(group)]
        kept = {name: tokens[name] for name in ("input_ids", "token_type_ids") if name in tokens}
        return {
            **kept,
            "special": tokens["special_tokens_mask"],
            "length": [len(ids) for ids in tokens["input_ids"]],
            "row": [rows["row"][owner] for owner in owners],
            "part": parts,
            "mask_id": [tokenizer.mask_token_id] * len(owners),
            "vocabulary": [len(tokenizer)] * len(owners),
            "hidden": [encoding.hidden] * len(owners),
        }

    def vary(self, examples: Mapping[str, Sequence[Any]], draw: int) -> Columns:
        """Return the examples with tokens hidden, and as `labels` what they were (IGNORED where nothing is hidden)."""
        hidden = [_hide(example, draw) for example in _each(examples)]
        changed: Columns = {"input_ids": [ids for ids, _ in hidden], "labels": [labels for _, labels in hidden]}
        return {name: list(values) for name, values in examples.items()} | changed

    def collate(self, examples: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Return padded tokens and labels, both (windows, length)."""
        from adapterstilts.formats._tokens import pad_lists, pad_tokens

        return {**pad_tokens(examples, pad_id), "labels": pad_lists(examples["labels"], IGNORED)}

    def targets(self, examples: Mapping[str, Sequence[Any]]) -> int:
        """Return the number of hidden tokens."""
        return sum(label != IGNORED for labels in examples["labels"] for label in labels)

    def head(self, shape: HeadShape) -> nn.Module:
        """Return a head with the shapes and names of XLMRobertaLMHead, without the embeddings that it shares."""
        from adapterstilts.formats._heads import MaskedHead

        return MaskedHead(shape)

    def loss_sum(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the summed cross-entropy of logits (hidden tokens, vocabulary)."""
        from torch.nn.functional import cross_entropy

        labels = batch["labels"]
        return cross_entropy(logits.float(), labels[labels != IGNORED], reduction="sum")

    def decode(self, logits: Tensor, batch: Batch) -> list[Any]:
        """Return for each window how many tokens were hidden, how many guessed, and the summed loss."""
        import torch
        from torch.nn.functional import cross_entropy

        hidden = batch["labels"] != IGNORED
        labels, logits = batch["labels"][hidden], logits.float()
        counts = hidden.sum(1).tolist()
        losses = torch.split(cross_entropy(logits, labels, reduction="none"), counts)
        right = torch.split(logits.argmax(-1) == labels, counts)
        return [(n, int(r.sum()), float(loss.sum())) for n, r, loss in zip(counts, right, losses, strict=True)]

    def assemble(self, parts: Sequence[Any], row: Row, meaning: Meaning) -> Prediction:
        """Return (tokens hidden, tokens guessed, summed loss) of the row; the score is the share guessed."""
        hidden, right, loss = (sum(column) for column in zip(*parts, strict=True))
        return Prediction([float(hidden), float(right), float(loss)], right / max(1, hidden))

    def gold(self, row: Row, labels: Sequence[str]) -> str:
        """Return nothing: what is right was hidden in the text itself."""
        return ""


def _each(examples: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(examples, values, strict=True)) for values in zip(*examples.values(), strict=True)]


def _hide(example: Mapping[str, Any], draw: int) -> tuple[list[int], list[int]]:
    """Hide a share of one example's tokens, at least one; return the ids as read, and the labels."""
    import numpy as np

    generator = np.random.default_rng(derive_seed(draw, "hide", example["row"], example["part"]))
    ids = np.asarray(example["input_ids"], dtype=np.int64)
    free = np.flatnonzero(np.asarray(example["special"]) == 0)
    wanted = example["hidden"] * len(free) + generator.random()  # rounded by chance: short texts would weigh too much
    count = max(1, int(wanted))
    chosen = generator.permutation(free)[:count]
    labels = np.full(len(ids), IGNORED)
    labels[chosen] = ids[chosen]
    fate = generator.random(len(chosen))
    read = np.where(fate < AS_MASK, example["mask_id"], ids[chosen])
    other = generator.integers(example["vocabulary"], size=len(chosen))
    ids[chosen] = np.where((fate >= AS_MASK) & (fate < AS_MASK + AS_RANDOM), other, read)
    return ids.tolist(), labels.tolist()


FORMAT = MaskedLM()
