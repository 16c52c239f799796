"""What a run starts from: the modules that go on, those that are frozen, the combinations that are refused."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from adapterstilts.base import find_base, load_encoder
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.load import encoder_files
from adapterstilts.methods import methods
from adapterstilts.methods._stack import restore_all
from adapterstilts.mini.random_base import Shape, random_base
from adapterstilts.train.command import train_intermediate, train_target


@pytest.fixture(scope="module")
def settings(mirror):
    return {
        "resources.mirror": str(mirror),
        "precision": "fp32",
        "train.max_steps": 3,
        "train.eval_every": 3,  # one look, at the end: what is saved has really been trained
        "train.learning_rate": 1e-2,
    }


@pytest.fixture(scope="module")
def lora(base, settings, tmp_path_factory):
    out = tmp_path_factory.mktemp("start") / "lora"
    return train_intermediate("snli", out=out, base=str(base), settings=settings)


@pytest.fixture(scope="module")
def full(base, settings, tmp_path_factory):
    out = tmp_path_factory.mktemp("start") / "full"
    return train_intermediate("snli", out=out, base=str(base), method="full", settings=settings)


def _resources(settings):
    return {"resources.mirror": settings["resources.mirror"]}


def still(settings):
    """Settings with a learning rate so small that the start shows in what is saved."""
    return {**settings, "train.learning_rate": 1e-30}


def encoder_of(run):
    return restore_all(load_encoder(encoder_files(run)), run.modules)[0]


def test_the_same_method_trains_the_module_on(lora, settings, tmp_path, capsys):
    run = train_target("udpos", out=tmp_path / "run", start=lora.path, settings=still(settings))
    before = load_file(lora.path / "adapter/adapter_model.safetensors")
    after = load_file(run.path / "adapter/adapter_model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[key], after[key], atol=1e-12) for key in before)
    assert run.heads == ["udpos"]
    assert run.record.parents[0].fingerprint == lora.record.fingerprint
    assert run.record.base == lora.record.base
    assert "trained on, and fresh heads" in capsys.readouterr().err


def test_training_on_changes_the_module(lora, settings, tmp_path):
    run = train_target("udpos", out=tmp_path / "run", start=lora.path, settings=settings)
    before = load_file(lora.path / "adapter/adapter_model.safetensors")
    after = load_file(run.path / "adapter/adapter_model.safetensors")
    assert all(not torch.equal(before[key], after[key]) for key in before)


def test_full_on_a_lora_starts_from_the_merged_base(lora, settings, tmp_path, base):
    run = train_target("udpos", out=tmp_path / "run", start=lora.path, method="full", settings=still(settings))
    merged = methods.get("lora").merge_into_base(encoder_of(lora))
    saved = dict(encoder_of(run).named_parameters())
    for name, tensor in merged.named_parameters():
        assert torch.allclose(saved[name], tensor, atol=1e-12), name
    plain = dict(load_encoder(find_base(str(base))).named_parameters())
    assert not torch.equal(saved["encoder.layer.0.attention.self.query.weight"],
                           plain["encoder.layer.0.attention.self.query.weight"])  # fmt: skip


def test_a_lora_on_top_of_a_full_run_has_that_run_as_its_base(full, settings, tmp_path):
    run = train_target("udpos", out=tmp_path / "run", start=full.path, on_top=True, settings=settings)
    assert run.record.base.name == str(full.path / "encoder")
    assert run.record.base.fingerprint == find_base(str(full.path / "encoder")).fingerprint
    assert run.method == "lora"
    assert evaluate(run, "udpos", settings=_resources(settings))[0].metrics["languages"]


def test_full_goes_on_from_full(full, settings, tmp_path):
    run = train_target("udpos", out=tmp_path / "run", start=full.path, method="full", settings=still(settings))
    before, after = dict(encoder_of(full).named_parameters()), dict(encoder_of(run).named_parameters())
    assert all(torch.allclose(before[name], after[name], atol=1e-12) for name in before)
    assert run.record.budget.examples_with_parents == 2 * run.record.budget.examples


def test_combinations_without_a_meaning_are_refused(lora, full, settings, tmp_path):
    def refused(message, **arguments):
        with pytest.raises(UserError, match=message):
            train_target("udpos", out=tmp_path / "run", settings=settings, **arguments)
        assert not (tmp_path / "run").exists()

    refused("--on-top needs a run", on_top=True)
    refused("was trained by full, and --method is lora", start=full.path)
    refused("nothing stays frozen below it", start=lora.path, on_top=True, method="full")
    refused("there is no folder", start=tmp_path / "nowhere")


def test_a_module_that_is_trained_on_keeps_its_shape(lora, settings, tmp_path):
    with pytest.raises(UserError, match=r"method\.r: 8 -> 16"):
        train_target("udpos", out=tmp_path / "run", start=lora.path, settings={**settings, "method.r": 16})


def test_an_adapter_on_another_base_is_refused_and_both_are_named(lora, settings, tmp_path, tokenizer_folder):
    other = random_base(tokenizer_folder, tmp_path / "other", shape=Shape(2, 64, 258), seed=1)
    with pytest.raises(UserError) as caught:
        train_target("udpos", out=tmp_path / "run", start=lora.path, base=str(other), settings=settings)
    assert lora.record.base.fingerprint in str(caught.value)
    assert find_base(str(other)).fingerprint in str(caught.value)
    with pytest.raises(UserError, match="was trained on another base"):
        evaluate(lora, "snli", settings={**_resources(settings), "base": str(other)})


def test_a_moved_base_is_the_same_base(lora, settings, tmp_path, base):
    shutil.copytree(base, tmp_path / "moved")
    found = evaluate(lora, "snli", settings={**_resources(settings), "base": str(tmp_path / "moved")})
    assert found[0].metrics["languages"]["en"]["n"] > 0


def test_bases_that_are_none_are_refused(tmp_path, base):
    with pytest.raises(UserError, match="not a folder with a config"):
        find_base(str(tmp_path))
    with pytest.raises(UserError, match="cannot get the base 'some/model' from the Hub"):
        find_base("some/model")
    shutil.copytree(base, tmp_path / "gpt")
    config = json.loads((tmp_path / "gpt/config.json").read_text())
    (tmp_path / "gpt/config.json").write_text(json.dumps({**config, "model_type": "gpt2"}))
    with pytest.raises(UserError, match="of the family 'gpt2'"):
        find_base(str(tmp_path / "gpt"))
    (tmp_path / "gpt/model.safetensors").unlink()
    with pytest.raises(UserError, match="no safetensors weights"):
        find_base(str(tmp_path / "gpt"))


def test_a_base_that_lacks_weights_is_refused(tmp_path, base):
    shutil.copytree(base, tmp_path / "part")
    tensors = load_file(tmp_path / "part/model.safetensors")
    tensors.pop("encoder.layer.1.output.dense.weight")
    save_file(tensors, tmp_path / "part/model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks 1 weights .* encoder\.layer\.1\.output\.dense\.weight"):
        find_base(str(tmp_path / "part"))
