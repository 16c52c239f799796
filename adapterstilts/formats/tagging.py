"""One label a word, read off the word's first sub-word (as XTREME and jiant do).

A sentence longer than the window becomes several windows, each with its own words: every word is predicted
exactly once, whatever the length. A single word longer than the window keeps the sub-words that fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterstilts.formats import Batch, Columns, Encoding, GoldKind, HeadShape, Meaning, Prediction, Row

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor, nn

IGNORED = -100  # cross_entropy's own mark for "no target here"


class Tagging:
    """Cross-entropy over the first sub-words of words."""

    fields = ("tokens", "tags")
    optional = ()
    gold_kind: GoldKind = "labels"
    label_field = "tags"
    max_length = 256
    positional = False
    noisy = ("tokens",)
    labels_words = True
    version = 2

    def features(self, tokenizer: Any) -> dict[str, pa.DataType]:
        """Return the Arrow columns of the cache."""
        import pyarrow as pa

        from adapterstilts.formats._tokens import token_columns

        return {**token_columns(tokenizer), "tags": pa.list_(pa.int32())}

    def encode(self, rows: Columns, encoding: Encoding) -> Columns:
        """Return one example a window; `tags` holds a label at first sub-words and IGNORED elsewhere."""
        tokenizer = encoding.tokenizer
        room = encoding.max_length - 2
        segments = "token_type_ids" in tokenizer.model_input_names
        columns: Columns = {"input_ids": [], "length": [], "row": [], "part": [], "tags": []}
        if segments:
            columns["token_type_ids"] = []
        sentences = _pieces(tokenizer, rows["tokens"])
        for row, pieces, tags in zip(rows["row"], sentences, rows["tags"], strict=True):
            for part, (ids, window_tags) in enumerate(_windows(pieces, tags, room)):
                columns["input_ids"].append([tokenizer.cls_token_id, *ids, tokenizer.sep_token_id])
                columns["length"].append(len(ids) + 2)
                columns["tags"].append([IGNORED, *window_tags, IGNORED])
                columns["row"].append(row)
                columns["part"].append(part)
                if segments:
                    columns["token_type_ids"].append([0] * (len(ids) + 2))
        return columns

    def collate(self, examples: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Return padded tokens and labels, both (windows, length)."""
        from adapterstilts.formats._tokens import pad_lists, pad_tokens

        return {**pad_tokens(examples, pad_id), "labels": pad_lists(examples["tags"], IGNORED)}

    def targets(self, examples: Mapping[str, Sequence[Any]]) -> int:
        """Return the number of words."""
        return sum(tag != IGNORED for tags in examples["tags"] for tag in tags)

    def head(self, shape: HeadShape) -> nn.Module:
        """Return a head with the shapes and names of XLMRobertaForTokenClassification's."""
        from adapterstilts.formats._heads import EveryTokenHead

        return EveryTokenHead(shape)

    def loss_sum(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the cross-entropy of logits (windows, length, labels), summed over words."""
        from torch.nn.functional import cross_entropy

        flat = logits.float().flatten(0, 1)
        return cross_entropy(flat, batch["labels"].flatten(), ignore_index=IGNORED, reduction="sum")

    def decode(self, logits: Tensor, batch: Batch) -> list[Any]:
        """Return, for each window, the words' label ids and their probabilities."""
        best = logits.float().softmax(-1).max(-1)
        firsts = batch["labels"] != IGNORED
        return [
            (ids[first].tolist(), scores[first].tolist())
            for ids, scores, first in zip(best.indices, best.values, firsts, strict=True)
        ]

    def assemble(self, parts: Sequence[Any], row: Row, meaning: Meaning) -> Prediction:
        """Join the windows of a sentence to one list of label names; the score is the words' mean."""
        names = [meaning.labels[label] for ids, _ in parts for label in ids]
        scores = [score for _, window in parts for score in window]
        return Prediction(names, sum(scores) / max(1, len(scores)))

    def gold(self, row: Row, labels: Sequence[str]) -> list[str]:
        """Return the gold labels' names."""
        return [labels[tag] for tag in row["tags"]]


def _pieces(tokenizer: Any, sentences: Sequence[Sequence[str]]) -> Iterator[list[list[int]]]:
    """Yield the sub-word ids of each word; a word without any (say, a lone U+200B) is one unknown."""
    tokens = tokenizer(sentences, is_split_into_words=True, add_special_tokens=False, verbose=False)
    for index, words in enumerate(sentences):
        pieces: list[list[int]] = [[] for _ in words]
        for token, word in zip(tokens["input_ids"][index], tokens.word_ids(index), strict=True):
            pieces[word].append(token)
        yield [ids or [tokenizer.unk_token_id] for ids in pieces]


def _windows(pieces: Sequence[list[int]], tags: Sequence[int], room: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield windows of whole words, at most `room` sub-words each, as (ids, tags)."""
    ids: list[int] = []
    marks: list[int] = []
    for piece, tag in zip(pieces, tags, strict=True):
        piece = piece[:room]
        if ids and len(ids) + len(piece) > room:
            yield ids, marks
            ids, marks = [], []
        ids += piece
        marks += [tag] + [IGNORED] * (len(piece) - 1)
    yield ids, marks


FORMAT = Tagging()
