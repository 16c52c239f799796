"""Extractive question answering: the answer is a piece of the context, read off its first and last token.

A context longer than the window becomes several windows that overlap. Places are kept in characters of the
context, so every prediction is an exact piece of it, in any script.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from adapterstilts.formats import Batch, Columns, Encoding, GoldKind, HeadShape, Meaning, Prediction, Row

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    from torch import Tensor, nn

N_BEST = 20  # spans kept of a window and of a row, and most answer tokens: the settings of XTREME's run_squad
MOST_ANSWER_TOKENS = 30
ELSEWHERE = -1  # the offset of a token that is not of the context


class Window(NamedTuple):
    """What a model sees of one row at once; `offsets` (length, 2) are characters of the context or ELSEWHERE."""

    tokens: dict[str, list[int]]
    offsets: npt.NDArray[np.int32]


class Span:
    """Cross-entropies over the tokens of a window, for the answer's first and for its last.

    Where a window does not hold the whole answer both are the first token, which so comes to mean "no answer".
    """

    fields = ("id", "context", "question", "answer_texts", "answer_starts")
    optional = ("id",)
    gold_kind: GoldKind = "answers"
    label_field = ""
    max_length = 384
    positional = True
    noisy = ("question",)
    texts = ("context", "question")  # answers are looked for in what the context becomes
    version = 1

    def features(self, tokenizer: Any) -> dict[str, pa.DataType]:
        """Return the Arrow columns of the cache; `offsets` are two numbers a token, one after the other."""
        import pyarrow as pa

        from adapterstilts.formats._tokens import token_columns

        places = {"start": pa.int32(), "end": pa.int32(), "offsets": pa.list_(pa.int32())}
        return {**token_columns(tokenizer), **places}

    def encode(self, rows: Columns, encoding: Encoding) -> Columns:
        """Return one example a window; a window begins `doc_stride` tokens of the context after the last one."""
        columns: Columns = {name: [] for name in self.features(encoding.tokenizer)}
        for index, windows in enumerate(_windows(rows["question"], rows["context"], encoding)):
            gold = _characters(rows["context"][index], rows["answer_texts"][index], rows["answer_starts"][index])
            for part, window in enumerate(windows):
                start, end = _place(gold, window.offsets)
                counters = {"length": len(window.offsets), "row": rows["row"][index], "part": part}
                places = {"start": start, "end": end, "offsets": window.offsets.ravel().tolist()}
                for name, value in {**window.tokens, **counters, **places}.items():
                    columns[name].append(value)
        return columns

    def collate(self, examples: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Return padded tokens, `starts` and `ends` (windows,), and `offsets` (windows, length, 2)."""
        import torch

        from adapterstilts.formats._tokens import pad_lists, pad_tokens

        offsets = pad_lists(examples["offsets"], ELSEWHERE).reshape(len(examples["start"]), -1, 2)
        places = {"starts": torch.tensor(examples["start"]), "ends": torch.tensor(examples["end"])}
        return {**pad_tokens(examples, pad_id), **places, "offsets": offsets}

    def targets(self, examples: Mapping[str, Sequence[Any]]) -> int:
        """Return the number of windows."""
        return len(examples["start"])

    def head(self, shape: HeadShape) -> nn.Module:
        """Return a head with the shapes and names of XLMRobertaForQuestionAnswering's."""
        from adapterstilts.formats._heads import StartEndHead

        return StartEndHead(shape)

    def loss_sum(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the mean of the start's and the end's cross-entropy, summed over windows; padding has no part.

        `logits` (windows, length, 2): how much each token looks like the answer's first and its last.
        """
        from torch.nn.functional import cross_entropy

        logits = logits.float()
        if "attention_mask" in batch:
            logits = logits.masked_fill(batch["attention_mask"][..., None] == 0, -math.inf)
        starts, ends = logits.unbind(-1)
        first = cross_entropy(starts, batch["starts"], reduction="sum")
        return (first + cross_entropy(ends, batch["ends"], reduction="sum")) / 2

    def decode(self, logits: Tensor, batch: Batch) -> list[Any]:
        """Return for each window its score of "no answer" and its best spans, as (score, begin, end) in characters.

        A span joins one of the N_BEST best first tokens to one of the N_BEST best last ones, as run_squad does,
        and has MOST_ANSWER_TOKENS at most.
        """
        logits, offsets = logits.float(), batch["offsets"]
        nulls = logits[:, 0].sum(-1).tolist()
        starts, ends = logits.masked_fill(offsets[..., :1] == ELSEWHERE, -math.inf).unbind(-1)
        many = min(N_BEST, starts.shape[1])
        first, last = starts.topk(many), ends.topk(many)
        further = last.indices[:, None, :] - first.indices[:, :, None]
        scores = first.values[:, :, None] + last.values[:, None, :]
        scores = scores.masked_fill((further < 0) | (further >= MOST_ANSWER_TOKENS), -math.inf)
        best = scores.flatten(1).topk(min(N_BEST, many * many))
        begins = offsets[..., 0].gather(1, first.indices.gather(1, best.indices // many))
        stops = offsets[..., 1].gather(1, last.indices.gather(1, best.indices % many))
        windows = zip(best.values.tolist(), begins.tolist(), stops.tolist(), strict=True)
        spans = [[span for span in zip(*window, strict=True) if span[0] > -math.inf] for window in windows]
        return list(zip(nulls, spans, strict=True))

    def assemble(self, parts: Sequence[Any], row: Row, meaning: Meaning) -> Prediction:
        """Return the text of the best span over all windows of the row, '' for "no answer" where rows may have none.

        "No answer" scores as low as in the window that believes it least (run_squad). The prediction's score is
        its probability among the N_BEST different texts; 0 where no window has a span to offer.
        """
        texts = _texts(row["context"], (span for _, spans in parts for span in spans))
        if meaning.no_answer:
            texts[""] = min(null for null, _ in parts)
        if not texts:
            return Prediction("", 0.0)
        choice = max(texts, key=lambda text: texts[text])
        return Prediction(choice, 1 / sum(math.exp(score - texts[choice]) for score in texts.values()))

    def gold(self, row: Row, labels: Sequence[str]) -> list[str]:
        """Return the texts of the right answers, none where the question has no answer."""
        return list(row["answer_texts"])


def answer_start(context: str, texts: Sequence[str], starts: Sequence[int]) -> int | None:
    """Return the character at which the first answer stands in `context`; -1 where there is no answer.

    The given start may be off (blanks stripped from a context shift it): the nearest place with exactly the
    answer's text counts, the earlier of two. None: the text is nowhere in the context, or empty.
    """
    if not texts:
        return -1
    text, given = texts[0], max(0, starts[0])
    found = (context.rfind(text, 0, given + len(text)), context.find(text, given))
    places = [place for place in found if text and place >= 0]
    return min(places, key=lambda place: abs(place - given), default=None)


def _characters(context: str, texts: Sequence[str], starts: Sequence[int]) -> tuple[int, int] | None:
    """Return where the first answer begins and ends; None where there is nothing to point at."""
    start = answer_start(context, texts, starts)
    return None if start is None or start < 0 else (start, start + len(texts[0]))


def _windows(questions: Sequence[str], contexts: Sequence[str], encoding: Encoding) -> list[list[Window]]:
    """Return the windows of each row, in order.

    Tokenizers ask by how much windows overlap, which depends on the room that a question leaves: rows whose
    windows overlap alike are tokenised together. No overlap where the stride is the whole room or more.
    """
    questions, rooms = _fitted(questions, encoding)
    alike: dict[int, list[int]] = defaultdict(list)
    for index, room in enumerate(rooms):
        alike[max(0, room - encoding.doc_stride)].append(index)
    windows: list[list[Window]] = [[] for _ in questions]
    for overlap, rows in alike.items():
        tokens = encoding.tokenizer(
            [questions[row] for row in rows],
            [contexts[row] for row in rows],
            truncation="only_second",
            max_length=encoding.max_length,
            stride=overlap,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        for number, sample in enumerate(tokens["overflow_to_sample_mapping"]):
            windows[rows[sample]].append(_window(tokens, number))
    return windows


def _fitted(questions: Sequence[str], encoding: Encoding) -> tuple[list[str], list[int]]:
    """Return the questions, cut to the tokens they may take, and the room in tokens that each leaves.

    A window too short for the longest question and as much context is shared in equal parts.
    """
    tokenize = encoding.tokenizer
    room = encoding.max_length - tokenize.num_special_tokens_to_add(pair=True)
    most = min(encoding.max_query_length, room // 2)
    texts = [question.lstrip() for question in questions]
    tokens = tokenize(texts, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    cut = [
        text if len(offsets) <= most else text[: offsets[most - 1][1]]
        for text, offsets in zip(texts, tokens["offset_mapping"], strict=True)
    ]
    return cut, [room - len(ids) for ids in tokenize(cut, add_special_tokens=False)["input_ids"]]


def _window(tokens: Any, number: int) -> Window:
    import numpy as np

    of_context = np.array([sequence == 1 for sequence in tokens.sequence_ids(number)])
    offsets = np.array(tokens["offset_mapping"][number], dtype=np.int32)
    offsets[~of_context] = ELSEWHERE
    used = {name: tokens[name][number] for name in ("input_ids", "token_type_ids") if name in tokens}
    return Window(used, offsets)


def _place(gold: tuple[int, int] | None, offsets: npt.NDArray[np.int32]) -> tuple[int, int]:
    """Return the first and the last token of the characters `gold`; (0, 0) where not all of them are in the window.

    Several tokens may cover one character (½ is read as 1/2, a lone "▁" covers its neighbour): those that add
    least to the answer are taken, and of equal ones all. Characters that no token covers are passed over.
    """
    import numpy as np

    if gold is None:
        return 0, 0
    (begin, end), (begins, ends) = gold, offsets.T
    wide = np.flatnonzero(begins < ends)
    inside = wide[(begins[wide] < end) & (ends[wide] > begin)]
    if not len(inside) or begin < begins[wide].min() or end > ends[wide].max():
        return 0, 0
    begin, end = max(begin, begins[inside].min()), min(end, ends[inside].max())
    over_first = inside[(begins[inside] <= begin) & (ends[inside] > begin)]
    over_last = inside[(begins[inside] < end) & (ends[inside] >= end)][::-1]
    first = over_first[begins[over_first].argmax()]
    return int(first), int(max(first, over_last[ends[over_last].argmin()]))


def _texts(context: str, spans: Iterable[tuple[float, int, int]]) -> dict[str, float]:
    """Return the N_BEST best different texts with their scores, best first; of equal spans the earliest, shortest."""
    texts: dict[str, float] = {}
    for score, begin, end in sorted(spans, key=lambda span: (-span[0], *span[1:])):
        text = context[begin:end].strip()
        if text and len(texts) < N_BEST:
            texts.setdefault(text, score)
    return texts


FORMAT = Span()
