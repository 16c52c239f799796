"""What is read of somebody's folder: every way in which it may be no sum of updates is refused with a reason."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from adapterstilts.compose.peft_folder import read_peft
from adapterstilts.errors import UserError

QUERY, OUTPUT = "encoder.layer.0.attention.self.query", "encoder.layer.1.output.dense"
KEY = f"base_model.model.{QUERY}.lora_A.weight"


@pytest.fixture(scope="module")
def sound(base, tmp_path_factory) -> Path:
    """A folder as peft leaves it."""
    folder = tmp_path_factory.mktemp("sound") / "adapter"
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=["query", "value"])
    peft.get_peft_model(AutoModel.from_pretrained(base, add_pooling_layer=False), config).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(sound, tmp_path) -> Path:
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(sound, tmp_path / "copy"))


def spoil_settings(folder: Path, **changes) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def spoil_tensors(folder: Path, change) -> None:
    tensors = load_file(folder / "adapter_model.safetensors")
    change(tensors)
    save_file(tensors, folder / "adapter_model.safetensors")


SETTINGS = [
    ({"peft_type": "IA3"}, "no LoRA but 'IA3'"),
    ({"peft_type": None}, "no LoRA"),
    ({"use_dora": True}, "DoRA"),
    ({"lora_bias": True}, "biases"),
    ({"bias": "lora_only"}, "biases"),
    ({"modules_to_save": ["classifier"]}, "(?s)head.*modules_to_save"),
    ({"fan_in_fan_out": True}, "transposed"),
    ({"trainable_token_indices": [1, 2]}, "tokens"),
    ({"layer_replication": [[0, 2], [1, 2]]}, "repeats layers"),
    ({"target_parameters": ["weight"]}, "no Linear"),
    ({"alora_invocation_tokens": [5]}, "alora_invocation_tokens that is not known"),
    ({"a_future_variant": {"on": True}}, "a_future_variant that is not known"),
    ({"init_lora_weights": "pissa_niter_4"}, "(?s)base's own weights.*path_initial_model"),
    ({"r": 0}, "a rank cannot be 0"),
    ({"r": True}, "a rank cannot be True"),
    ({"r": 5}, "has rank 4, but the settings say rank 5"),
    ({"lora_alpha": None}, "an alpha cannot be None"),
    ({"lora_alpha": math.nan}, "an alpha cannot be nan"),
    ({"lora_alpha": 10**400}, "an alpha cannot be 1000"),
    ({"use_rslora": "yes"}, "use_rslora cannot be 'yes'"),
    ({"target_modules": [1]}, "target_modules cannot be"),
    (
        {"alpha_pattern": {"query": 3, "self.query": 4, "value": 5}},
        r"query has rank 4, but the settings say alpha 3.0 and 4",
    ),
    ({"rank_pattern": {"(": 4}}, "a pattern in rank_pattern cannot be"),
    ({"rank_pattern": ["query"]}, "rank_pattern cannot be"),
    ({"alpha_pattern": {"query": "8"}}, "an alpha cannot be '8'"),
    ({"base_model_name_or_path": ["x"]}, "base_model_name_or_path cannot be"),
]


@pytest.mark.parametrize(("changes", "what"), SETTINGS, ids=[what for _, what in SETTINGS])
def test_settings_that_mean_more_than_a_sum_are_refused(changes, what, folder):
    spoil_settings(folder, **changes)
    with pytest.raises(UserError, match=what) as refusal:
        read_peft(folder)
    assert str(folder) in str(refusal.value)
    assert refusal.value.fix


def put(key, shape=(4, 64)):
    return lambda tensors: tensors.update({f"base_model.model.{key}": torch.ones(shape)})


def poison(value):
    return lambda tensors: tensors[KEY].__setitem__((1, 2), value)


TENSORS = [
    (put("classifier.dense.weight"), "head"),
    (put("classifier.modules_to_save.dense.bias"), "head"),
    (put(f"{QUERY}.lora_magnitude_vector.weight"), "DoRA"),
    (put(f"{QUERY}.lora_B.bias"), "bias"),
    (put(f"{QUERY}.bias"), "bias"),
    (put("embeddings.word_embeddings.lora_embedding_A"), "embedding"),
    (put("embeddings.word_embeddings.token_adapter.trainable_tokens_delta"), "embedding"),
    (put("pooler.dense.lora_A.weight"), "no LoRA of an encoder"),
    (put("decoder.layer.0.attention.self.query.lora_A.weight"), "no LoRA of an encoder"),
    (put("encoder.layer.0.crossattention.self.query.lora_A.weight"), "no LoRA of an encoder"),
    (put("encoder.layer.0.attention.self.query.lora_A.default.weight"), "no LoRA of an encoder"),
    (put("encoder.layer.../../attention.self.query.lora_A.weight"), "no LoRA of an encoder"),
    (put("../../encoder.layer.0.attention.self.query.lora_A.weight"), "no LoRA of an encoder"),
    (put("encoder.layer.00.attention.self.query.lora_A.weight"), "no LoRA of an encoder"),
    (put("encoder.layer.٣.attention.self.query.lora_A.weight"), "no LoRA of an encoder"),
    (put(f"{QUERY}.lora_A.weight\n"), "no LoRA of an encoder"),
    (put(f"{OUTPUT}.lora_A.weight"), "lora_A and not the other factor"),
    (put(f"{QUERY}.lora_B.weight", (64, 3)), "make no update"),
    (put(f"{QUERY}.lora_A.weight", (4,)), "make no update"),
    (put(f"{QUERY}.lora_A.weight", (4, 0)), "make no update"),
    (poison(math.nan), f"{KEY}' holds NaN"),
    (poison(-math.inf), f"{KEY}' holds NaN"),
    (lambda tensors: tensors.update({KEY: tensors[KEY].int()}), "no floating-point"),
    (lambda tensors: tensors.clear(), "holds no tensor"),
    (lambda tensors: tensors.update({k.replace("model.en", "model.roberta.en"): v.clone() for k, v in tensors.items()}),
     "twice"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "what"), TENSORS, ids=range(len(TENSORS)))
def test_tensors_that_are_no_update_of_an_encoder_are_refused(change, what, folder):
    spoil_tensors(folder, change)
    with pytest.raises(UserError, match=what) as refusal:
        read_peft(folder)
    assert str(folder) in str(refusal.value)
    assert refusal.value.fix


def cut(name, size):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


def move_out(name):
    def change(folder):
        (folder / name).rename(folder.parent / name)
        (folder / name).symlink_to(Path("..") / name)

    return change


def only_pickle(folder):
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


FILES = [
    (shutil.rmtree, "no folder"),
    (cut("adapter_model.safetensors", -5), "(?s)cannot be read.*damaged"),
    (cut("adapter_model.safetensors", 6), "(?s)cannot be read.*damaged"),
    (cut("adapter_model.safetensors", 0), "(?s)cannot be read.*damaged"),
    (cut("adapter_config.json", 40), "cannot be read"),
    (only_pickle, "(?s)pickled.*safetensors"),
    (lambda folder: (folder / "adapter_model.safetensors").unlink(), "no file adapter_model"),
    (lambda folder: (folder / "adapter_config.json").unlink(), "no file adapter_config"),
    (lambda folder: (folder / "adapter_config.json").write_text("[1]"), "no JSON object"),
    (lambda folder: (folder / "adapter_config.json").write_text("[" * 100_000), "cannot be read"),
    (lambda folder: (folder / "adapter_config.json").write_bytes(b"\xff\xfe{}"), "cannot be read"),
    (move_out("adapter_model.safetensors"), "leaves its folder"),
    (move_out("adapter_config.json"), "leaves its folder"),
]


@pytest.mark.parametrize(("change", "what"), FILES, ids=[what for _, what in FILES])
def test_damaged_foreign_and_linked_files_are_refused(change, what, folder):
    change(folder)
    with pytest.raises(UserError, match=what) as refusal:
        read_peft(folder)
    assert str(folder) in str(refusal.value)
    assert refusal.value.fix


def test_a_link_to_the_folder_and_a_link_inside_it_are_followed(folder, tmp_path):
    (folder / "adapter_model.safetensors").rename(folder / "weights")
    (folder / "adapter_model.safetensors").symlink_to("weights")
    (tmp_path / "link").symlink_to(folder)
    assert read_peft(tmp_path / "link").rank == 4


def test_a_folder_of_the_hubs_cache_is_read_through_its_links(folder, tmp_path):
    repository = tmp_path / "models--some--lora"
    snapshot, blobs = repository / "snapshots/abc", repository / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for file in folder.iterdir():
        shutil.copy(file, blobs / f"hash-of-{file.name}")
        (snapshot / file.name).symlink_to(Path("../../blobs") / f"hash-of-{file.name}")
    assert read_peft(snapshot).rank == 4


def test_the_base_is_only_a_name(folder, tmp_path):
    trap = tmp_path / "base"
    os.mkfifo(trap)  # whoever opened it would wait for ever
    for name in (str(trap), "../../etc/passwd", "https://example.org/x"):
        spoil_settings(folder, base_model_name_or_path=name)
        assert read_peft(folder).base_name == name


def test_folders_are_read_and_merged_without_torch(folder):
    code = (
        "import sys; from pathlib import Path; from adapterstilts.compose.merges import MergeSettings, merges\n"
        "from adapterstilts.compose.combine import combine, ingredients\n"
        "from adapterstilts.compose.peft_folder import read_peft\n"
        f"u = read_peft(Path({str(folder)!r})).updates\n"
        "combine(merges.get('svd'), ingredients([u, u], [1, 1]), MergeSettings(), 2)\n"
        "print(sorted({'torch', 'peft', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
