"""Which sentences of two large pools translate each other? All are only encoded: nothing is learned, so no head.

A row is a sentence of either pool. Evaluation compares the encoder's states of all of them (`evaluation/mining.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterstilts.formats import Batch, Columns, Encoding, GoldKind

if TYPE_CHECKING:
    import pyarrow as pa

SOURCE, TARGET = "source", "target"


class Mining:
    """Sentences, each an example; one longer than the window loses its end.

    `side` is `source` or `target`, `partners` the ids of the target sentences that translate a source sentence (of a
    target sentence: nothing). `held_out` marks the rows that choose the threshold, where a task has no dev split.
    """

    fields = ("id", "text", "side", "partners", "held_out")
    optional = ("held_out",)
    gold_kind: GoldKind = "none"
    label_field = ""
    max_length = 512
    version = 1

    def features(self, tokenizer: Any) -> dict[str, pa.DataType]:
        """Return the Arrow columns of the cache."""
        from adapterstilts.formats._tokens import token_columns

        return token_columns(tokenizer)

    def encode(self, rows: Columns, encoding: Encoding) -> Columns:
        """Tokenise the sentences, blanks and newlines at both ends left out."""
        from adapterstilts.formats._tokens import encode_texts

        texts = [text.strip() for text in rows["text"]]
        return {**encode_texts(encoding, texts), "row": rows["row"], "part": [0] * len(texts)}

    def collate(self, examples: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Return padded tokens (examples, longest)."""
        from adapterstilts.formats._tokens import pad_tokens

        return pad_tokens(examples, pad_id)


FORMAT = Mining()
