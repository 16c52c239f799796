"""Which texts of a pool in many languages answer a question? All are only encoded: nothing is learned, so no head.

A row is a question or a candidate. Evaluation ranks the candidates of all languages (`evaluation/ranking.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterstilts.formats import Batch, Columns, Encoding, GoldKind

if TYPE_CHECKING:
    import pyarrow as pa

QUESTION, CANDIDATE = "question", "candidate"


class AnswerRetrieval:
    """Questions and candidates, each an example; one longer than the window loses its end.

    `side` is `question` or `candidate`, `questions` the ids of the questions that a candidate answers (of a question:
    nothing); a question has the same id in every language. `context` is the paragraph that a candidate stands in: it is
    read right behind it, as one text, and the window is XTREME-R's for both (third_party/evaluate_retrieval.py).
    """

    fields = ("id", "text", "context", "side", "questions")
    optional = ("context",)
    gold_kind: GoldKind = "none"
    label_field = ""
    max_length = 256
    version = 1

    def features(self, tokenizer: Any) -> dict[str, pa.DataType]:
        """Return the Arrow columns of the cache."""
        from adapterstilts.formats._tokens import token_columns

        return token_columns(tokenizer)

    def encode(self, rows: Columns, encoding: Encoding) -> Columns:
        """Tokenise the texts, their contexts behind them, newlines and blanks at both ends left out."""
        from adapterstilts.formats._tokens import encode_texts

        contexts = rows.get("context", [""] * len(rows["text"]))
        pairs = zip(rows["text"], contexts, strict=True)
        texts = [f"{text}{context}".replace("\n", "").strip() for text, context in pairs]
        return {**encode_texts(encoding, texts), "row": rows["row"], "part": [0] * len(texts)}

    def collate(self, examples: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Return padded tokens (examples, longest)."""
        from adapterstilts.formats._tokens import pad_tokens

        return pad_tokens(examples, pad_id)


FORMAT = AnswerRetrieval()
