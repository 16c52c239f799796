"""Methods: files that the libraries read themselves, merges that compute the same, modules where they belong."""

from __future__ import annotations

import json
import re
import shutil

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, XLMRobertaForSequenceClassification

from adapterstilts.base import find_base, load_encoder
from adapterstilts.errors import UserError
from adapterstilts.methods import methods
from adapterstilts.methods.lora import LoraSettings, target_pattern
from adapterstilts.train.command import train_intermediate

TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])


@pytest.fixture(scope="module", params=[False, True], ids=["lora", "rslora"])
def lora_run(request, base, mirror, tmp_path_factory):
    settings = {
        "resources.mirror": str(mirror),
        "precision": "fp32",
        "train.max_steps": 4,
        "train.eval_every": 4,  # one look, at the end: what is saved has really been trained
        "train.learning_rate": 1e-2,
        "method.target_modules": "all",
        "method.r": 4,
        "method.rslora": request.param,
    }
    return train_intermediate("snli", out=tmp_path_factory.mktemp("lora") / "run", base=str(base), settings=settings)


def method_called(name):
    """Return a method, or skip where the library behind it is not installed."""
    if name == "bottleneck":
        pytest.importorskip("adapters", reason="the extra adapterstilts[bottleneck] is not installed")
    return methods.get(name)


@torch.inference_mode()
def states(encoder) -> torch.Tensor:
    return encoder.eval()(input_ids=TOKENS, attention_mask=MASK).last_hidden_state


@pytest.fixture
def plain(base):
    """Make plain encoders of the tiny base."""
    return lambda: load_encoder(find_base(str(base)))


@pytest.fixture
def restored(lora_run, plain):
    """The tiny base with the run's updates on it."""
    return methods.get("lora").restore(plain(), lora_run.path / "adapter", "at_x")


@pytest.fixture
def ours(restored):
    return states(restored)


def test_peft_loads_our_adapter_on_automodel(lora_run, base, plain, ours):
    theirs = peft.PeftModel.from_pretrained(AutoModel.from_pretrained(base), lora_run.path / "adapter")
    assert torch.equal(states(theirs), ours)
    assert not torch.allclose(states(plain()), ours, atol=1e-3)


def test_peft_loads_our_adapter_inside_a_task_class(lora_run, base, ours):
    whole = XLMRobertaForSequenceClassification.from_pretrained(base)
    theirs = peft.PeftModel.from_pretrained(whole.roberta, lora_run.path / "adapter")
    assert torch.equal(states(theirs), ours)


def test_merged_into_the_base_it_computes_the_same(restored, ours):
    merged = methods.get("lora").merge_into_base(restored)
    assert not any("lora" in name for name, _ in merged.named_modules())
    torch.testing.assert_close(states(merged), ours, rtol=1e-4, atol=1e-5)


def test_the_update_is_scale_times_b_a(lora_run, plain, restored):
    """By hand, from the files: alpha / r, or alpha / sqrt(r) for rsLoRA."""
    files = load_file(lora_run.path / "adapter/adapter_model.safetensors")
    config = json.loads((lora_run.path / "adapter/adapter_config.json").read_text())
    assert config["use_rslora"] == lora_run.record.config["method"]["rslora"]
    scale = 16 / 2 if config["use_rslora"] else 16 / 4
    name = "encoder.layer.1.attention.output.dense"
    a, b = (files[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")
    merged = methods.get("lora").merge_into_base(restored)
    before = dict(plain().named_parameters())[f"{name}.weight"]
    after = dict(merged.named_parameters())[f"{name}.weight"]
    torch.testing.assert_close((after - before).detach(), scale * b @ a, rtol=1e-3, atol=1e-6)


def test_the_adapter_is_safetensors_with_every_tensor_and_no_form_letter(lora_run):
    folder = lora_run.path / "adapter"
    assert sorted(path.name for path in folder.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert len(load_file(folder / "adapter_model.safetensors")) == 2 * 2 * 6  # A and B, layers, modules


def test_an_adapter_with_a_lost_or_changed_tensor_is_refused(lora_run, tmp_path, plain):
    shutil.copytree(lora_run.path / "adapter", tmp_path / "adapter")
    file = tmp_path / "adapter/adapter_model.safetensors"
    tensors = load_file(file)
    key = next(iter(tensors))
    save_file({name: tensor for name, tensor in tensors.items() if name != key}, file)
    with pytest.raises(UserError, match="1 of 24 tensors are not in the files"):
        methods.get("lora").restore(plain(), tmp_path / "adapter", "at_x")
    file.unlink()
    with pytest.raises(UserError, match="is missing"):
        methods.get("lora").restore(plain(), tmp_path / "adapter", "at_x")


def test_the_pattern_tells_the_two_output_layers_apart(plain):
    names = [name for name, module in plain().named_modules()]

    def matched(*places, layers=None):
        pattern = target_pattern(places, layers, 2)
        return [name for name in names if re.fullmatch(pattern, name)]

    assert matched("output") == [f"encoder.layer.{i}.output.dense" for i in (0, 1)]
    assert matched("attention_output") == [f"encoder.layer.{i}.attention.output.dense" for i in (0, 1)]
    assert matched("query", layers=(1,)) == ["encoder.layer.1.attention.self.query"]
    assert len(matched("all")) == 12
    with pytest.raises(UserError, match="there is no layer 2"):
        target_pattern(("query",), (2,), 2)


@pytest.mark.parametrize("name", methods.names())
def test_a_fresh_module_has_no_effect_and_only_its_own_tensors_are_trained(name, plain):
    """A bottleneck's first values are small, not zero: it begins near no effect."""
    method = method_called(name)
    before = states(plain())
    encoder = method.attach(plain(), method.schema.model_validate({"name": name}), "at_x")
    torch.testing.assert_close(states(encoder), before, rtol=0, atol=0.1 if name == "bottleneck" else 0)
    trained = {id(p) for p in encoder.parameters() if p.requires_grad}
    assert trained == {id(p) for p in method.parameters(encoder, "at_x").values()}
    assert method.frozen_base == (len(trained) < len(list(encoder.parameters())))


def test_the_number_of_trained_parameters_follows_the_formula(plain):
    method = methods.get("lora")
    settings = LoraSettings(r=3, target_modules=("query", "intermediate"), layers=(0,))
    encoder = method.attach(plain(), settings, "at_x")
    assert sum(p.numel() for p in method.parameters(encoder, "at_x").values()) == 3 * (64 + 64) + 3 * (64 + 256)
