"""Which of two answers people prefer: each is read by itself and gets one number, and the higher number wins.

The loss is Bradley and Terry's, -log sigmoid(score of the chosen answer - score of the rejected one), as in Christiano
et al. 2017 (arXiv 1706.03741, section 2.2.3) and in the reward model of Ouyang et al. 2022 (arXiv 2203.02155, section
3.5). Only differences of scores mean anything: the loss does not say where their zero is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterstilts.formats import Batch, Columns, Encoding, GoldKind, HeadShape, Meaning, Prediction, Row

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor, nn

CHOSEN, REJECTED = "chosen", "rejected"
_NESTED = ("input_ids", "token_type_ids")


class Preference:
    """The negative log-likelihood of the preferences; the texts are an answer each, behind its prompt if there is one.

    A row says by its columns which answer was chosen, so its gold is always `chosen` and there is no label to read.
    That gives nothing away: no answer is read beside the other, so a score cannot know which column it is from. Equal
    scores prefer neither and count as wrong: an encoder that scores all texts alike has an accuracy of 0, not of 100.
    """

    fields = ("prompt", CHOSEN, REJECTED)
    optional = ("prompt",)
    gold_kind: GoldKind = "none"
    label_field = ""
    texts = ("prompt", CHOSEN, REJECTED)
    max_length = 512
    positional = True
    version = 1

    def features(self, tokenizer: Any) -> dict[str, pa.DataType]:
        """Return the Arrow columns of the cache; tokens are lists of two lists, of the chosen and the rejected text."""
        import pyarrow as pa

        from adapterstilts.formats._tokens import token_columns

        columns = token_columns(tokenizer)
        return columns | {name: pa.list_(columns[name]) for name in _NESTED if name in columns}

    def encode(self, rows: Columns, encoding: Encoding) -> Columns:
        """Tokenise each row's two answers behind its prompt, of which both see the same part (`_fitted`)."""
        tokenizer, with_prompt = encoding.tokenizer, "prompt" in rows
        specials = tokenizer.num_special_tokens_to_add(pair=with_prompt)
        prompts = _ids(tokenizer, rows["prompt"]) if with_prompt else [[] for _ in rows["row"]]
        both = zip(_ids(tokenizer, rows[CHOSEN]), _ids(tokenizer, rows[REJECTED]), strict=True)
        columns: Columns = {name: [] for name in _NESTED if name in tokenizer.model_input_names}
        for whole, (chosen, rejected) in zip(prompts, both, strict=True):
            prompt, *answers = _fitted(whole, (chosen, rejected), encoding.max_length - specials)
            begin = [tokenizer.cls_token_id, *prompt, *[tokenizer.sep_token_id] * (specials - 2)]
            texts = [[*begin, *answer, tokenizer.sep_token_id] for answer in answers]
            columns["input_ids"].append(texts)
            if "token_type_ids" in columns:  # BERT's; it has one separator between two segments
                second = int(with_prompt)
                segments = [[0] * len(begin) + [second] * (len(text) - len(begin)) for text in texts]
                columns["token_type_ids"].append(segments)
        lengths = [2 * max(map(len, texts)) for texts in columns["input_ids"]]
        return {**columns, "length": lengths, "row": rows["row"], "part": [0] * len(lengths)}

    def collate(self, examples: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Return padded tokens (examples x 2, longest): each example's chosen text, then its rejected one."""
        from adapterstilts.formats._tokens import pad_tokens

        flat = {name: [ids for row in examples[name] for ids in row] for name in _NESTED if name in examples}
        return pad_tokens(flat, pad_id)

    def targets(self, examples: Mapping[str, Sequence[Any]]) -> int:
        """Return the number of pairs."""
        return len(examples["input_ids"])

    def head(self, shape: HeadShape) -> nn.Module:
        """Return a head with the shapes and names of XLMRobertaClassificationHead for one label."""
        from adapterstilts.formats._heads import ScoreHead

        return ScoreHead(shape)

    def loss_sum(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return -log sigmoid(chosen - rejected), summed over the pairs of logits (examples x 2, 1)."""
        from torch.nn.functional import logsigmoid

        return -logsigmoid(_margins(logits)).sum()

    def decode(self, logits: Tensor, batch: Batch) -> list[Any]:
        """Return for each pair by how much the chosen answer's score is higher."""
        margins: list[float] = _margins(logits).tolist()
        return margins

    def assemble(self, parts: Sequence[Any], row: Row, meaning: Meaning) -> Prediction:
        """Return which answer has the higher score, and the probability of that preference; a tie is `rejected`."""
        [margin] = parts
        return Prediction(CHOSEN if margin > 0 else REJECTED, 1 / (1 + math.exp(-abs(margin))))

    def gold(self, row: Row, labels: Sequence[str]) -> str:
        """Return `chosen`: the columns say what is right."""
        return CHOSEN


def _ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def _fitted(prompt: list[int], answers: Sequence[list[int]], room: int) -> list[list[int]]:
    """Return the prompt and its answers, cut to `room` tokens: half for either, and what one leaves the other takes.

    The prompt keeps its end, where the latest question stands, and both answers see the same part of it; an answer
    keeps its beginning, where it differs from the other soonest. Cut by the end instead, a long dialogue would lose
    what is asked, and its two answers would be judged by how far each reaches.
    """
    longest = max(map(len, answers))
    kept = min(len(prompt), max(room // 2, room - longest))
    return [prompt[len(prompt) - kept :], *(answer[: room - kept] for answer in answers)]


def _margins(logits: Tensor) -> Tensor:
    scores = logits.float().view(-1, 2)
    return scores[:, 0] - scores[:, 1]


FORMAT = Preference()
