"""Heads inside the task classes of all three families: the same logits from the same tensors under other names."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, RobertaConfig, XLMRobertaConfig

from adapterstilts.errors import UserError
from adapterstilts.evaluation.heads import HeadRecord, SavedHead
from adapterstilts.exchange.classes import auto_class, class_name, head_tensors, labels_of, prefix, task_class
from adapterstilts.formats import formats
from adapterstilts.formats.tagging import IGNORED
from adapterstilts.model import TransferModel

FAMILIES = {"xlm-roberta": XLMRobertaConfig, "roberta": RobertaConfig, "bert": BertConfig}
FORMATS = ("classification", "preference", "tagging", "span", "multiple_choice", "masked_lm")
IDS = torch.tensor([[0, 5, 6, 7, 8, 2], [0, 8, 9, 2, 1, 1]])
REAL = IDS != 1
BATCH = {"input_ids": IDS, "attention_mask": REAL.long()}


def small(family):
    return FAMILIES[family](
        vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=20, pad_token_id=1, initializer_range=0.5, layer_norm_eps=1e-5,
    )  # fmt: skip


def saved(format, weights):
    labels = ["a", "b", "c"] if format in ("classification", "tagging") else []
    record = HeadRecord(task="t", task_version=1, format=format, labels=labels)
    return SavedHead(None, record, weights)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_task_class_with_our_tensors_gives_our_logits(family, format):
    config = small(family)
    torch.manual_seed(0)
    from transformers import AutoModel

    model = TransferModel(AutoModel.from_config(config, add_pooling_layer=False))
    model.add_head("t", formats.get(format), 3, seed=0)
    for parameter in model.heads.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    head = saved(format, model.heads["t"].state_dict())
    for key, value in labels_of(head).items():
        setattr(config, key, value)
    kind = auto_class(head).from_config(config)
    tensors = {f"{prefix(config)}{name}": tensor for name, tensor in model.encoder.state_dict().items()}
    missing, unexpected = kind.load_state_dict(tensors | head_tensors(head, config), strict=False)
    kind.tie_weights()
    assert unexpected == []
    assert all("decoder" in name for name in missing)  # tied to the word embeddings
    assert type(kind).__name__ == class_name(head, config)
    batch = {name: tensor[None] for name, tensor in BATCH.items()} if format == "multiple_choice" else BATCH
    with torch.no_grad():
        found = kind.eval()(**batch)
        wanted = model.eval()("t", {**BATCH, "labels": torch.where(REAL, IDS, IGNORED)})
    answer = torch.stack([found.start_logits, found.end_logits], -1) if format == "span" else found.logits
    if format in ("multiple_choice", "masked_lm"):
        answer = answer.view(-1, 1) if format == "multiple_choice" else answer[REAL]
    torch.testing.assert_close(answer, wanted, rtol=0, atol=1e-6 * float(wanted.abs().max()))


def test_a_format_without_a_class_is_refused():
    with pytest.raises(UserError, match="no class for a head of the format retrieval"):
        task_class(saved("retrieval", {}))
