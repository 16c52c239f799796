"""Exports that the adapters library loads, and DoRAs that become plain LoRAs."""

from __future__ import annotations

import json

import numpy as np
import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, XLMRobertaForSequenceClassification

import adapterstilts
from adapterstilts.cli import call as cli
from adapterstilts.compose.dora import convert_dora
from adapterstilts.compose.peft_folder import read_peft
from adapterstilts.compose.updates import Update
from adapterstilts.errors import UserError
from adapterstilts.evaluation.load import load_run
from adapterstilts.methods import bottleneck
from adapterstilts.model import Runtime

CPU = Runtime(torch.device("cpu"), "fp32", 8192)
IDS = torch.tensor([[0, 5, 6, 7, 8, 2], [0, 8, 9, 2, 1, 1]])
TEXTS = {"input_ids": IDS, "attention_mask": (IDS != 1).long()}
PLACES = ("query", "key", "intermediate", "output")


@pytest.fixture(scope="module")
def runs(base, mirror, tmp_path_factory):
    pytest.importorskip("adapters")
    folder = tmp_path_factory.mktemp("runs")
    settings = {"train.max_steps": 2, "train.eval_every": 2, "train.eval_examples": 4, "precision": "fp32",
                "train.learning_rate": 0.02, "resources.mirror": str(mirror)}  # fmt: skip
    lora = {"method.target_modules": PLACES, "method.rslora": True, "method.alpha": 5, "method.layers": (1,)}
    adapterstilts.train_intermediate("snli", out=folder / "lora", base=str(base), settings={**settings, **lora})
    for variant in ("pfeiffer", "parallel"):
        more = {**settings, "method.variant": variant}
        adapterstilts.train_intermediate(
            "snli", method="bottleneck", out=folder / variant, base=str(base), settings=more
        )
    adapterstilts.stack([folder / "lora", folder / "pfeiffer"], out=folder / "mixed")
    return folder


def states(encoder):
    with torch.no_grad():
        return encoder.eval()(**TEXTS).last_hidden_state


@pytest.mark.parametrize("in_class", [False, True], ids=["encoder", "task class"])
@pytest.mark.parametrize("name", ["lora", "pfeiffer", "parallel"])
def test_adapters_loads_an_export_that_computes_what_the_run_does(name, in_class, runs, base, tmp_path):
    import adapters

    made = adapterstilts.export(runs / name, to="adapters", out=tmp_path / "out")
    kind = XLMRobertaForSequenceClassification if in_class else AutoModel
    model = kind.from_pretrained(base)
    before = states(AutoModel.from_pretrained(base))
    adapters.init(model)
    model.load_adapter(str(made.path), use_safetensors=True, set_active=True)
    wanted = states(load_run(adapterstilts.read_run(runs / name), CPU).model.encoder)
    found = states(model.roberta if in_class else model)
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-6 * float(wanted.abs().max()))
    assert float((before - wanted).abs().max()) > 1e-3
    assert made.record["check"]["loader"] == "adapters"


def test_without_the_library_the_tensors_are_compared_and_it_is_said(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(bottleneck, "installed", lambda: False)
    lora = adapterstilts.export(runs / "lora", to="adapters", out=tmp_path / "lora").record["check"]
    assert (lora["compared"], lora["loader"]) == ("tensors", "safetensors")
    assert "its tensors lie within" in (tmp_path / "lora/README.md").read_text()
    assert 0 <= lora["largest"] < lora["allowed"] == 1e-6


def test_what_was_exported_for_adapters_comes_back_as_the_same_update(runs, base, tmp_path):
    adapterstilts.export(runs / "lora", to="adapters", out=tmp_path / "there")
    back = adapterstilts.export(tmp_path / "there", to="peft", base=str(base), out=tmp_path / "back").path
    found, own = read_peft(back).updates, read_peft(runs / "lora/adapter").updates
    for name, update in own.items():
        np.testing.assert_allclose(found[name].left @ found[name].right, update.left @ update.right, atol=1e-8)


def test_a_plain_folder_is_held_against_what_its_own_library_computes(runs, base, tmp_path, monkeypatch):
    wanted = states(load_run(adapterstilts.read_run(runs / "lora"), CPU).model.encoder)
    adapterstilts.export(runs / "lora", to="adapters", out=tmp_path / "theirs")
    for folder in (runs / "lora/adapter", tmp_path / "theirs"):
        with monkeypatch.context() as patch, pytest.raises(UserError, match="answers otherwise"):
            patch.setattr("adapterstilts.exchange.source.summed", lambda adapters: doubled(adapters[0].updates))
            adapterstilts.export(folder, to="transformers", base=str(base), out=tmp_path / "wrong")
        out = adapterstilts.export(folder, to="transformers", base=str(base), out=tmp_path / folder.name / "out").path
        found = states(AutoModel.from_pretrained(out, add_pooling_layer=False))
        torch.testing.assert_close(found, wanted, rtol=0, atol=2e-6 * float(wanted.abs().max()))
    assert not (tmp_path / "wrong").exists()


def doubled(updates):
    return {name: Update(2 * update.left, update.right) for name, update in updates.items()}


REFUSED = {
    ("mixed", "adapters"): "2 modules",
    ("pfeiffer", "transformers"): "no part of the encoder's weights",
    ("mixed", "transformers"): "no part of the encoder's weights",
    ("pfeiffer", "peft"): "a bottleneck, which peft does not know",
}


@pytest.mark.parametrize(("name", "to"), REFUSED)
def test_a_bottleneck_is_refused_where_it_has_no_form(name, to, runs, tmp_path):
    with pytest.raises(UserError, match=REFUSED[name, to]):
        adapterstilts.export(runs / name, to=to, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def dora(base, tmp_path_factory):
    """A DoRA with random factors and magnitudes that are not the weights' own norms."""
    folder = tmp_path_factory.mktemp("dora")
    torch.manual_seed(0)
    encoder = AutoModel.from_pretrained(base, add_pooling_layer=False)
    config = peft.LoraConfig(r=3, lora_alpha=5, use_dora=True, target_modules=["query", "output.dense"])
    model = peft.get_peft_model(encoder, config)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            noise = torch.randn_like(parameter)
            parameter.data = parameter * (1 + 0.1 * noise) if "magnitude" in name else 0.1 * noise
    model.save_pretrained(folder / "dora")
    return folder / "dora", states(model)


def test_a_dora_at_full_rank_is_the_dora_itself(dora, base, tmp_path):
    folder, wanted = dora
    made = adapterstilts.export(folder, to="peft", rank=64, base=str(base), out=tmp_path / "out")
    model = peft.PeftModel.from_pretrained(AutoModel.from_pretrained(base, add_pooling_layer=False), made.path)
    torch.testing.assert_close(states(model), wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))
    assert made.record["conversion"]["truncation"]["largest"] < 1e-12
    assert made.record["conversion"]["states_away"] < 1e-5


@pytest.mark.parametrize("rank", [None, 5])
def test_a_dora_at_a_lower_rank_says_what_it_lost_layer_by_layer(rank, dora, base, tmp_path):
    folder, _ = dora
    made = adapterstilts.export(folder, to="peft", rank=rank, base=str(base), out=tmp_path / "out")
    stated = made.record["conversion"]["layers"]
    encoder = AutoModel.from_pretrained(base, add_pooling_layer=False)
    live = peft.PeftModel.from_pretrained(encoder, folder)
    before = {name: encoder.get_submodule(name).base_layer.weight.detach().double() for name in stated}
    merged = live.merge_and_unload()
    found = read_peft(made.path).updates
    for name, layer in stated.items():
        full = (merged.get_submodule(name).weight.double() - before[name]).detach().numpy()
        lost = np.linalg.norm(full - found[name].left @ found[name].right)
        assert layer["norm"] == pytest.approx(np.linalg.norm(full), rel=1e-5)
        assert layer["truncation"] == pytest.approx(lost / np.linalg.norm(full), rel=1e-4)
        best = np.linalg.svd(full, compute_uv=False)[rank or 12 :]
        assert lost == pytest.approx(np.linalg.norm(best), rel=1e-4)
    assert (made.record["conversion"]["rank"], read_peft(made.path).rank) == (rank or 12, rank or 12)


def test_a_dora_is_refused_elsewhere_by_the_command_that_converts_it(dora, base, tmp_path, capfd):
    folder, _ = dora
    for words in ("merge {} --how mean", "stack {}", "export {} --to transformers"):
        assert cli([*words.format(folder).split(), "--base", str(base), "--out", str(tmp_path / "out")]) == 2
        assert f"adapterstilts export {folder} --to peft --rank R --base B --out DIR" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_dora_of_another_shape_without_magnitudes_or_of_no_rank_is_refused(dora, tmp_path):
    folder, _ = dora
    with pytest.raises(UserError, match="changes a weight of"):
        convert_dora(folder, lambda name: np.ones((3, 3)), None)
    with pytest.raises(UserError, match="cannot have rank 0"):
        convert_dora(folder, lambda name: np.ones((3, 3)), 0)
    other = tmp_path / "dora"
    other.mkdir()
    (other / "adapter_config.json").write_text((folder / "adapter_config.json").read_text())
    held = load_file(folder / "adapter_model.safetensors")
    tensors = {key: tensor for key, tensor in held.items() if "magnitude" not in key}
    save_file(tensors, other / "adapter_model.safetensors")
    with pytest.raises(UserError, match="has no magnitude"):
        convert_dora(other, lambda name: np.ones((64, 64)), None)


def test_lora_bias_is_refused_with_its_reason(dora, tmp_path):
    folder, _ = dora
    config = json.loads((folder / "adapter_config.json").read_text())
    (tmp_path / "bias").mkdir()
    (tmp_path / "bias/adapter_config.json").write_text(json.dumps({**config, "use_dora": False, "lora_bias": True}))
    with pytest.raises(UserError, match="biases beside its updates"):
        read_peft(tmp_path / "bias")
