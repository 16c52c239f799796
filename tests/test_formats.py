"""Formats: heads like transformers', no word lost, padding that changes nothing."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    AutoConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaForTokenClassification,
)

from adapterstilts.base import find_base, load_encoder
from adapterstilts.formats import Encoding, HeadShape, Meaning, formats, learnable
from adapterstilts.formats.tagging import IGNORED
from adapterstilts.model import TransferModel
from adapterstilts.tasks import tasks


def shapes(module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def test_heads_are_plain_copies_of_transformers_heads(base):
    config = AutoConfig.from_pretrained(base, num_labels=3)
    shape = HeadShape(config.hidden_size, 3, 0.1, config.initializer_range)
    ours = formats.get("classification").head(shape)
    theirs = XLMRobertaForSequenceClassification(config).classifier
    assert shapes(ours) == shapes(theirs)
    theirs.load_state_dict(ours.state_dict())
    states = torch.randn(2, 5, config.hidden_size)
    assert torch.equal(ours.eval()(states), theirs.eval()(states))
    tagging = formats.get("tagging").head(shape)
    assert shapes(tagging.classifier) == shapes(XLMRobertaForTokenClassification(config).classifier)


def encode_sentence(tokenizer, words: list[str], max_length: int) -> dict[str, list]:
    rows = {"row": [7], "tokens": [words], "tags": [list(range(len(words)))]}
    return formats.get("tagging").encode(rows, Encoding(tokenizer, max_length))


@pytest.mark.parametrize("max_length", [8, 16, 64])
def test_every_word_has_its_label_once_however_small_the_window(tokenizer, max_length):
    words = [f"word{i}" * (1 + i % 3) for i in range(30)]
    columns = encode_sentence(tokenizer, words, max_length)
    labels = [tag for tags in columns["tags"] for tag in tags if tag != IGNORED]
    assert labels == list(range(30))
    assert max(map(len, columns["input_ids"])) <= max_length
    assert columns["part"] == list(range(len(columns["part"])))
    assert set(columns["row"]) == {7}


def test_a_word_longer_than_the_window_survives(tokenizer):
    columns = encode_sentence(tokenizer, ["a", "x7q" * 100, "b"], max_length=16)
    labels = [tag for tags in columns["tags"] for tag in tags if tag != IGNORED]
    assert labels == [0, 1, 2]
    assert max(map(len, columns["input_ids"])) <= 16


def test_a_word_without_sub_words_is_one_unknown(tokenizer):
    columns = encode_sentence(tokenizer, ["a", "", "b"], max_length=16)
    assert [tag for tag in columns["tags"][0] if tag != IGNORED] == [0, 1, 2]
    assert tokenizer.unk_token_id in columns["input_ids"][0]


def test_windows_of_a_sentence_are_joined_in_order():
    prediction = formats.get("tagging").assemble([([0, 1], [0.5, 1.0]), ([2], [0.6])], {}, Meaning(["A", "B", "C"]))
    assert prediction.value == ["A", "B", "C"]
    assert prediction.score == pytest.approx(0.7)


def test_a_pair_is_laid_out_as_xlmr_wants_it(tokenizer):
    rows = {"row": [0], "text_a": ["a"], "text_b": ["b"], "label": [1]}
    ids = formats.get("classification").encode(rows, Encoding(tokenizer, 32))["input_ids"][0]
    assert ids[0] == tokenizer.cls_token_id
    assert ids.count(tokenizer.sep_token_id) == 3
    assert ids[-1] == tokenizer.sep_token_id


@pytest.mark.parametrize("task_name", ["snli", "udpos"])
def test_padding_never_changes_a_prediction(base, tokenizer, task_name):
    """A short example alone, and beside a long one: the same decisions, the same probabilities."""
    task = tasks.get(task_name)
    format = formats.get(task.format)
    model = TransferModel(load_encoder(find_base(str(base))))
    model.add_head(task_name, learnable(task), len(task.labels), seed=1)
    model.eval()
    short, long = "the cat sees", "the dog sees the cat in the garden " * 6
    rows = (
        {"row": [0, 1], "text_a": [short, long], "text_b": ["a", "b"], "label": [0, 1]}
        if task_name == "snli"
        else {"row": [0, 1], "tokens": [short.split(), long.split()], "tags": [[0] * 3, [0] * 48]}
    )
    columns = format.encode(rows, Encoding(tokenizer, 128))
    alone = {name: values[:1] for name, values in columns.items()}
    with torch.inference_mode():
        together_batch = format.collate(columns, tokenizer.pad_token_id)
        alone_batch = format.collate(alone, tokenizer.pad_token_id)
        together = format.decode(model(task_name, together_batch), together_batch)[0]
        by_itself = format.decode(model(task_name, alone_batch), alone_batch)[0]
    assert "attention_mask" in together_batch
    assert "attention_mask" not in alone_batch
    assert together[0] == by_itself[0]
    assert together[1] == pytest.approx(by_itself[1], abs=1e-6)
