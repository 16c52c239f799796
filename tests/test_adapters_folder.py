"""LoRAs that the adapters library has saved, read as updates; and what is no plain LoRA, refused by what it is."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, XLMRobertaForSequenceClassification

from adapterstilts.base import find_base, load_encoder
from adapterstilts.compose.adapters_folder import WEIGHTS, read_adapters, write_adapters
from adapterstilts.compose.members import open_members
from adapterstilts.compose.merge import merge
from adapterstilts.compose.peft_folder import read_peft
from adapterstilts.compose.stack import stack
from adapterstilts.compose.updates import Update, concatenate, distance
from adapterstilts.errors import UserError
from adapterstilts.methods._stack import restore_all

adapters = pytest.importorskip("adapters")

TOKENS = {
    "input_ids": torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]]),
    "attention_mask": torch.tensor([[1] * 5, [1] * 4 + [0]]),
}
SHAPES = {
    "query and value": {},
    "all, scaled": {
        "r": 4,
        "alpha": 12,
        "attn_matrices": ["q", "k", "v"],
        "intermediate_lora": True,
        "output_lora": True,
    },
    "one layer": {"r": 3, "alpha": 2, "leave_out": [0], "init_weights": "bert", "dropout": 0.3},
    "an output that XLM-R has not": {"attn_matrices": ["q", "o"]},
}


def save(base, folder, config, in_class=False):
    """Let adapters write a LoRA with random tensors; return the live model, which computes with it."""
    model = XLMRobertaForSequenceClassification.from_pretrained(base) if in_class else AutoModel.from_pretrained(base)
    adapters.init(model)
    torch.manual_seed(0)
    model.add_adapter("mine", config=config, set_active=True)
    for name, parameter in model.named_parameters():
        if ".loras." in name:
            torch.nn.init.normal_(parameter, std=0.3)
    folder.mkdir(parents=True)
    model.save_adapter(str(folder), "mine", with_head=False, use_safetensors=True)
    return model.eval()


def states(encoder):
    with torch.no_grad():
        return encoder(**TOKENS).last_hidden_state


@pytest.mark.parametrize("in_class", [False, True], ids=["bare", "in a class"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_folder_of_adapters_is_read_as_what_the_live_model_computes(shape, in_class, base, tmp_path):
    live = save(base, tmp_path / "lora", adapters.LoRAConfig(**SHAPES[shape]), in_class)
    [member] = open_members([tmp_path / "lora"])
    [adapter] = member.adapters()
    plain = load_encoder(find_base(str(base)))
    before = states(plain)
    for name, update in adapter.updates.items():
        weight = plain.get_submodule(name).weight
        weight.data = (weight.double() + torch.from_numpy(update.left @ update.right)).float()
    wanted = states(live.roberta if in_class else live)
    torch.testing.assert_close(states(plain), wanted, rtol=0, atol=1e-6 * float(wanted.abs().max()))
    assert float((before - wanted).abs().max()) > 1e-2


def test_a_member_from_adapters_is_merged_and_stacked_like_any_other(base, tmp_path):
    live = save(base, tmp_path / "lora", adapters.LoRAConfig(**SHAPES["all, scaled"]))
    made = merge([tmp_path / "lora"], how="linear", out=tmp_path / "merged", base=str(base), weights=[1.0])
    stacked = stack([tmp_path / "lora"], out=tmp_path / "stacked", base=str(base))
    assert made.certificate["members"][0]["settings"]["alpha"] == 12
    assert stacked.certificate["checks"]["written anew"]["largest"] < 1e-6
    for run in (made.run, stacked.run):
        encoder, _ = restore_all(load_encoder(find_base(str(base))), run.modules)
        torch.testing.assert_close(states(encoder), states(live), rtol=0, atol=1e-5)


def test_what_was_written_for_adapters_is_read_back_with_gaps_as_zeros(tmp_path):
    names = ("encoder.layer.0.attention.self.query", "encoder.layer.2.output.dense")
    draw = np.random.default_rng(0)
    updates = {
        n: Update(draw.normal(size=(6, r)), draw.normal(size=(r, 6))) for n, r in zip(names, (2, 3), strict=True)
    }
    write_adapters(tmp_path / "lora", updates, "mine", {"model_name": "somebody/base"})
    found = read_adapters(tmp_path / "lora")
    zero = {name: update for name, update in found.updates.items() if name not in names}
    assert (found.base_name, found.rank, len(zero)) == ("somebody/base", 3, 2)
    assert not any(update.left.any() or update.right.any() for update in zero.values())
    assert all(distance(found.updates[name], updates[name]).relative < 1e-6 for name in names)
    assert json.loads((tmp_path / "lora/adapter_config.json").read_text())["config"]["leave_out"] == [1]


REFUSED = {
    "IA3": (lambda: adapters.IA3Config(), "is an IA3"),
    "gates": (lambda: adapters.LoRAConfig(use_gating=True), "has gates"),
    "VeRA": (lambda: adapters.VeraConfig(), "is a VeRA"),
    "DoRA": (lambda: adapters.DoRAConfig(), "is a DoRA"),
    "a bottleneck": (lambda: adapters.SeqBnConfig(), "is no LoRA but a bottleneck"),
    "a union": (lambda: adapters.ConfigUnion(adapters.LoRAConfig(), adapters.SeqBnConfig()), "is no LoRA but 'union'"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_adapters_saves_beside_plain_loras_is_refused_by_what_it_is(kind, base, tmp_path):
    config, reason = REFUSED[kind]
    save(base, tmp_path / "lora", config())
    with pytest.raises(UserError, match=reason):
        merge([tmp_path / "lora"], how="mean", out=tmp_path / "out", base=str(base))
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def plain(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "lora"
    save(base, folder, adapters.LoRAConfig(r=2))
    return folder


def change(name, **values):
    def spoil(folder):
        file = folder / "adapter_config.json"
        config = json.loads(file.read_text())
        (config["config"] if name else config).update(values)
        file.write_text(json.dumps(config))

    return spoil


def tensors(edit):
    def spoil(folder):
        held = load_file(folder / WEIGHTS)
        edit(held)
        save_file(held, folder / WEIGHTS)

    return spoil


KEY = "encoder.layer.0.attention.self.query.loras.mine.lora_A"
SPOILT = {
    "pickles alone": (
        lambda folder: (folder / WEIGHTS).rename(folder / "pytorch_adapter.bin"),
        "pickled",
    ),
    "another rank": (change(True, r=4), "the settings say 4"),
    "a setting of later": (change(True, sparsity=0.5), "sparsity that is not known"),
    "a rank of text": (change(True, r="8"), "a rank cannot be '8'"),
    "NaN": (tensors(lambda held: held[KEY].__setitem__((0, 0), torch.nan)), "NaN"),
    "one factor": (tensors(lambda held: held.pop(KEY)), "not the other factor"),
    "an output LoRA": (
        tensors(
            lambda held: held.update({"encoder.layer.0.attention.output.dense.loras.mine.lora_A": held[KEY].clone()})
        ),
        "is no LoRA of an encoder's",
    ),
    "a path": (tensors(lambda held: held.update({"../../x.loras.mine.lora_A": held[KEY].clone()})), "is no LoRA"),
    "two adapters": (tensors(lambda held: held.update({KEY.replace("mine", "other"): held[KEY].clone()})), "twice"),
    "a cut file": (lambda folder: (folder / WEIGHTS).write_bytes(b"12345678"), "cannot be read"),
    "nothing": (tensors(lambda held: held.clear()), "holds no tensor"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_folder_is_refused_with_the_reason(what, plain, tmp_path):
    spoil, reason = SPOILT[what]
    shutil.copytree(plain, tmp_path / "lora")
    spoil(tmp_path / "lora")
    with pytest.raises(UserError, match=reason):
        read_adapters(tmp_path / "lora")


def test_a_stack_puts_a_lora_from_inside_a_task_class_into_a_form_that_loads(base, tmp_path):
    import peft

    torch.manual_seed(0)
    model = peft.get_peft_model(
        XLMRobertaForSequenceClassification.from_pretrained(base),
        peft.LoraConfig(target_modules=["query"], init_lora_weights=False),
    )
    model.save_pretrained(tmp_path / "lora")
    stacked = stack([tmp_path / "lora"], out=tmp_path / "stacked", base=str(base))
    encoder, _ = restore_all(load_encoder(find_base(str(base))), stacked.run.modules)
    torch.testing.assert_close(states(encoder), states(model.eval().base_model.model.roberta), rtol=0, atol=1e-5)
    assert read_peft(stacked.run.modules[0].folder).bare


def test_a_sum_over_both_libraries_is_the_sum_of_their_updates(base, plain, tmp_path):
    one = merge([plain], how="linear", weights=[2.0], out=tmp_path / "one", base=str(base))
    both = merge([plain, one.run], how="cat", out=tmp_path / "both", base=str(base))
    update = read_adapters(plain).updates
    expected = concatenate([update], [3.0])
    found = read_peft(both.path / "adapter").updates
    assert all(distance(found[name], expected[name]).relative < 1e-6 for name in expected)
