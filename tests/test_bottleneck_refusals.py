"""Bottlenecks: what cannot be attached, restored or merged is refused in words, and nothing is read from a pickle."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from adapterstilts.base import find_base, load_encoder
from adapterstilts.errors import UserError
from adapterstilts.methods import methods
from adapterstilts.methods.bottleneck import BottleneckSettings
from adapterstilts.mini.random_base import Shape, random_base

adapters = pytest.importorskip("adapters", reason="the extra adapterstilts[bottleneck] is not installed")

METHOD = methods.get("bottleneck")


@pytest.fixture
def plain(base):
    """Make plain encoders of the tiny base."""
    return lambda: load_encoder(find_base(str(base)))


@pytest.fixture
def folder(plain, base, tmp_path):
    """The folder of a saved bottleneck."""
    encoder = METHOD.attach(plain(), BottleneckSettings(), "at_1")
    METHOD.save(encoder, "at_1", tmp_path / "adapter", find_base(str(base)))
    METHOD.restore(plain(), tmp_path / "adapter", "at_a")  # as it is, it is taken
    return tmp_path / "adapter"


def test_an_impossible_width_or_layer_is_refused(plain):
    with pytest.raises(UserError, match="nothing would be left of the encoder's 64 dimensions"):
        METHOD.attach(plain(), BottleneckSettings(reduction_factor=65), "at_a")
    with pytest.raises(UserError, match="there is no layer 2") as error:
        METHOD.attach(plain(), BottleneckSettings(layers=(0, 2)), "at_a")
    assert error.value.fix == "the encoder has layers 0 to 1"
    with pytest.raises(ValueError, match="greater than 0"):
        BottleneckSettings(reduction_factor=0)


def test_a_base_of_another_size_is_refused(folder, tokenizer_folder, tmp_path):
    wide = random_base(tokenizer_folder, tmp_path / "wide", shape=Shape(layers=2, hidden=128, positions=258))
    with pytest.raises(UserError, match="an encoder of 64 dimensions; this one has 128"):
        METHOD.restore(load_encoder(find_base(str(wide))), folder, "at_a")


def test_lost_truncated_and_pickled_weights_are_refused(folder, plain):
    file = folder / "adapter.safetensors"
    whole, all_tensors = file.read_bytes(), load_file(file)
    save_file(dict(list(all_tensors.items())[1:]), file)
    with pytest.raises(UserError, match="1 of 8 tensors are not in the files"):
        METHOD.restore(plain(), folder, "at_a")
    save_file({**all_tensors, "encoder.layer.7.output.adapters.at_1.adapter_up.bias": torch.ones(1)}, file)
    with pytest.raises(UserError, match=r"tensor encoder\.layer\.7"):
        METHOD.restore(plain(), folder, "at_a")
    save_file({key: value[..., :3].contiguous() for key, value in all_tensors.items()}, file)
    with pytest.raises(UserError, match=r"adapter\.safetensors cannot be loaded"):
        METHOD.restore(plain(), folder, "at_a")
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"adapter\.safetensors cannot be loaded"):
        METHOD.restore(plain(), folder, "at_a")
    file.unlink()
    torch.save(all_tensors, folder / "pytorch_adapter.bin")  # noqa: TID251 - what must not be read
    with pytest.raises(UserError, match=r"adapter\.safetensors is missing"):
        METHOD.restore(plain(), folder, "at_a")


@pytest.mark.parametrize(
    "kind",
    [
        adapters.LoRAConfig(),
        adapters.PrefixTuningConfig(),
        adapters.CompacterConfig(),
        adapters.SeqBnInvConfig(),
        adapters.SeqBnConfig(ln_before=True),
        adapters.SeqBnConfig(non_linearity="nonsense"),
        adapters.SeqBnConfig(leave_out=None),
    ],
    ids=["lora", "prefix", "compacter", "invertible", "own norm", "unknown function", "no list"],
)
def test_another_kind_of_adapter_in_the_folder_is_refused(kind, folder, plain):
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"config": kind.to_dict()}))
    with pytest.raises(UserError, match="another kind of adapter than pfeiffer, houlsby, parallel"):
        METHOD.restore(plain(), folder, "at_a")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"peft_type": "LORA", "r": 8}', None])
def test_a_broken_or_foreign_configuration_is_refused(text, folder, plain):
    file = folder / "adapter_config.json"
    file.unlink() if text is None else file.write_text(text)
    with pytest.raises(UserError, match=r"adapter_config\.json is no configuration of a bottleneck"):
        METHOD.restore(plain(), folder, "at_a")


def test_merging_into_the_base_is_refused(plain):
    encoder = METHOD.attach(plain(), BottleneckSettings(), "at_a")
    with pytest.raises(UserError, match="cannot be merged into the base: it is not linear"):
        METHOD.merge_into_base(encoder)


def test_without_the_library_the_extra_is_named(plain, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "adapters", None)
    for ask in (
        lambda: METHOD.attach(plain(), BottleneckSettings(), "at_a"),
        lambda: METHOD.restore(plain(), folder, "at_a"),
    ):
        with pytest.raises(UserError, match=r"transformers 4\.57") as error:
            ask()
        assert error.value.fix == "pip install 'adapterstilts[bottleneck]'"
