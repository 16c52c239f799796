"""Which class of transformers a head belongs to, and where its tensors lie there.

Heads have the shapes of transformers' own, so that all it takes is another name for each tensor. A BERT reads its
first token through the pooler of its encoder, where XLM-R and RoBERTa have a layer in the head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from adapterstilts.base import LM_HEADS
from adapterstilts.errors import UserError
from adapterstilts.evaluation.heads import SavedHead

if TYPE_CHECKING:
    from torch import Tensor


class TaskClass(NamedTuple):
    """A family of task classes: the end of its name, peft's type of task ("" where peft has none), the Hub's task."""

    ending: str
    peft_type: str
    pipeline: str


_CLASSES = {
    "classification": TaskClass("SequenceClassification", "SEQ_CLS", "text-classification"),
    "preference": TaskClass("SequenceClassification", "SEQ_CLS", "text-classification"),
    "tagging": TaskClass("TokenClassification", "TOKEN_CLS", "token-classification"),
    "span": TaskClass("QuestionAnswering", "QUESTION_ANS", "question-answering"),
    "multiple_choice": TaskClass("MultipleChoice", "", "multiple-choice"),
    "masked_lm": TaskClass("MaskedLM", "", "fill-mask"),
}
_ENCODERS = {"xlm-roberta": "roberta", "roberta": "roberta", "bert": "bert"}  # what a task class calls its encoder
_FIRST_TOKEN = {
    "roberta": {"": "classifier."},
    "bert": {"dense.": "bert.pooler.dense.", "out_proj.": "classifier."},
}


def task_class(head: SavedHead) -> TaskClass:
    """Return the class that a head belongs to; a UserError for a format that transformers has none for."""
    if head.record.format not in _CLASSES:
        raise UserError(
            f"transformers has no class for a head of the format {head.record.format}",
            fix=f"formats that have one: {', '.join(_CLASSES)}",
        )
    return _CLASSES[head.record.format]


def auto_class(head: SavedHead | None) -> Any:
    """Return transformers' AutoModelFor... class for a head, AutoModel for none."""
    import transformers

    return getattr(transformers, f"AutoModelFor{task_class(head).ending}" if head else "AutoModel")


def class_name(head: SavedHead | None, config: Any) -> str:
    """Return the name of the class itself, such as XLMRobertaForTokenClassification."""
    return str(auto_class(head)._model_mapping[type(config)].__name__)


def prefix(config: Any) -> str:
    """Return what the encoder's tensors begin with inside a task class."""
    return f"{_ENCODERS[config.model_type]}."


def head_tensors(head: SavedHead, config: Any) -> dict[str, Tensor]:
    """Return a head's tensors under their names in the task class."""
    own = _ENCODERS[config.model_type]
    rules: dict[str, str] = {}
    if head.record.format in ("classification", "preference"):
        rules = _FIRST_TOKEN[own]
    elif head.record.format == "multiple_choice":
        rules = {"pooler.": f"{own}.pooler."}
    elif head.record.format == "masked_lm":
        start = "cls.predictions." if own == "bert" else "lm_head."
        rules = {ours: f"{start}{theirs}" for theirs, ours in LM_HEADS[start].items()}
    return {_renamed(name, rules): tensor.contiguous() for name, tensor in head.weights().items()}


def labels_of(head: SavedHead) -> dict[str, Any]:
    """Return the settings of a task class that follow from a head: how many outputs, and what they are called."""
    names = list(head.record.labels)
    if head.record.format in ("classification", "tagging"):
        return {"id2label": dict(enumerate(names)), "label2id": {name: n for n, name in enumerate(names)}}
    return {"num_labels": {"span": 2, "preference": 1}.get(head.record.format, 2)}


def _renamed(name: str, rules: dict[str, str]) -> str:
    for start, new in rules.items():
        if name.startswith(start):
            return new + name.removeprefix(start)
    return name
