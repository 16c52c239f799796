"""Which document says what a query says? Both are only encoded: nothing is learned, so there is no head.

Row i's document answers row i's query. Evaluation compares the encoder's states of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterstilts.formats import Batch, Columns, Encoding, GoldKind

if TYPE_CHECKING:
    import pyarrow as pa

QUERY, DOCUMENT = 0, 1  # the parts of a row


class Retrieval:
    """Queries and documents, each an example of its own; a text longer than the window loses its end."""

    fields = ("query", "document")
    optional = ()
    gold_kind: GoldKind = "none"
    label_field = ""
    max_length = 512
    noisy = ("query",)
    version = 1

    def features(self, tokenizer: Any) -> dict[str, pa.DataType]:
        """Return the Arrow columns of the cache."""
        from adapterstilts.formats._tokens import token_columns

        return token_columns(tokenizer)

    def encode(self, rows: Columns, encoding: Encoding) -> Columns:
        """Tokenise a row's query (part 0) and document (part 1), blanks and newlines at both ends left out."""
        from adapterstilts.formats._tokens import encode_texts

        pairs = zip(rows["query"], rows["document"], strict=True)
        texts = [text.strip() for pair in pairs for text in pair]
        owners = [row for row in rows["row"] for _ in (QUERY, DOCUMENT)]
        return {**encode_texts(encoding, texts), "row": owners, "part": [QUERY, DOCUMENT] * len(rows["row"])}

    def collate(self, examples: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Return padded tokens (examples, longest)."""
        from adapterstilts.formats._tokens import pad_tokens

        return pad_tokens(examples, pad_id)


FORMAT = Retrieval()
