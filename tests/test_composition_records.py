"""Compositions on record: what makes two of them one, what is checked on the files, what is said of the members."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from adapterstilts.base import load_encoder
from adapterstilts.compose import merge as merge_module
from adapterstilts.compose import parameters
from adapterstilts.compose import stack as stack_module
from adapterstilts.compose.certificate import check
from adapterstilts.compose.members import open_members
from adapterstilts.compose.merge import merge
from adapterstilts.compose.peft_folder import read_peft
from adapterstilts.compose.stack import stack
from adapterstilts.compose.updates import Update
from adapterstilts.errors import UserError
from adapterstilts.evaluation.load import encoder_files
from adapterstilts.methods._stack import restore_all
from adapterstilts.mini.random_base import Shape, random_base
from adapterstilts.train.command import train_intermediate

TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
LORA = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def train(base, mirror, tmp_path_factory):
    def make(task, method="lora", **given):
        settings = {
            "resources.mirror": str(mirror),
            "precision": "fp32",
            "train.max_steps": 2,
            "train.eval_every": 2,  # one look, at the end: what is merged has really been trained
            "train.learning_rate": 2e-2,
            **given,
        }
        out = tmp_path_factory.mktemp("runs") / task
        return train_intermediate(task, out=out, base=str(base), method=method, settings=settings)

    return make


@pytest.fixture(scope="module")
def snli(train):
    return train("snli", **{"method.r": 3, "data.max_length": 64})


@pytest.fixture(scope="module")
def hellaswag(train):
    return train("hellaswag", **{"method.r": 2, "method.layers": "1", "data.max_length": 64})


@pytest.fixture(scope="module")
def bottlenecks(train):
    pytest.importorskip("adapters", reason="the extra adapterstilts[bottleneck] is not installed")
    return [train("snli", "bottleneck"), train("cosmos_qa", "bottleneck", **{"method.dropout": 0.2})]


@torch.inference_mode()
def states(run) -> torch.Tensor:
    encoder, _ = restore_all(load_encoder(encoder_files(run)), run.modules)
    return encoder.eval()(input_ids=TOKENS).last_hidden_state


def dense(run) -> dict[str, np.ndarray]:
    return {layer: update.left @ update.right for layer, update in read_peft(run.path / "adapter").updates.items()}


def change_a_number(file) -> None:
    tensors = load_file(file)
    next(iter(tensors.values())).view(-1)[0] += 1
    save_file(tensors, file, metadata={"format": "pt"})


@pytest.mark.parametrize(
    "other",
    [{"how": "cat"}, {"weights": [1, 2]}, {"how": "svd", "rank": 1}, {"number": 1}, {"head": 1}],
    ids=["how", "weights", "how and rank", "a member's number", "a member's head"],
)
def test_whatever_decides_the_result_makes_another_composition(other, snli, hellaswag, tmp_path):
    shutil.copytree(snli.path, tmp_path / "member")
    asked = {"how": "linear", "weights": [1, 0.5], "out": tmp_path / "out"}
    members = [tmp_path / "member", hellaswag]
    merge(members, **asked)
    merge(members, **asked)  # done already
    if other.pop("number", None):
        change_a_number(tmp_path / "member/adapter" / LORA)
    if other.pop("head", None):
        (tmp_path / "member/heads/snli.json").unlink()
    with pytest.raises(UserError, match="holds another run"):
        merge(members, **{**asked, **other})


def test_another_rank_makes_another_composition(snli, hellaswag, tmp_path):
    merge([snli, hellaswag], how="svd", rank=2, out=tmp_path / "out")
    with pytest.raises(UserError, match="holds another run"):
        merge([snli, hellaswag], how="svd", rank=1, out=tmp_path / "out")


def test_a_digest_is_of_every_module_of_a_stack(snli, hellaswag, tmp_path):
    stacked = stack([snli, hellaswag], out=tmp_path / "stack").path
    digests = {open_members([stacked])[0].digest()}
    for number in (0, 1):
        change_a_number(stacked / f"adapter/{number}" / LORA)
        digests.add(open_members([stacked])[0].digest())
    assert len(digests) == 3


def test_a_stack_is_a_member_by_the_sum_of_its_modules(snli, hellaswag, train, tmp_path):
    third = train("squad_v1")
    stacked = stack([snli, hellaswag], out=tmp_path / "stack")
    nested = merge([stacked.run, third], how="linear", weights=[2, 1], out=tmp_path / "nested")
    flat = merge([snli, hellaswag, third], how="linear", weights=[2, 2, 1], out=tmp_path / "flat")
    torch.testing.assert_close(states(nested.run), states(flat.run), rtol=1e-4, atol=2e-5)
    budgets = [one.run.record.budget for one in (nested, flat)]
    assert budgets[0].examples_with_parents == budgets[1].examples_with_parents > 0
    again = stack([stacked.run, third], out=tmp_path / "again").run
    assert [module.folder.name for module in again.modules] == ["0", "1", "2"]
    plain = merge([snli, hellaswag, third], how="linear", out=tmp_path / "plain").run
    torch.testing.assert_close(states(again), states(plain), rtol=1e-4, atol=2e-5)


def test_norms_and_losses_in_a_certificate_are_those_of_the_weighted_sum(snli, hellaswag, tmp_path):
    made = merge([snli, hellaswag], how="svd", rank=1, weights=[1, 0.25], out=tmp_path / "out")
    merged, (one, two) = dense(made.run), (dense(snli), dense(hellaswag))
    expected = {layer: one[layer] + 0.25 * two.get(layer, 0) for layer in one}
    norms = {layer: np.linalg.norm(update) for layer, update in expected.items()}
    lost = {layer: np.linalg.norm(merged[layer] - update) for layer, update in expected.items()}
    said = made.certificate["layers"]
    assert {layer: about["norm"] for layer, about in said.items()} == pytest.approx(norms)
    relative = [lost[layer] / norms[layer] for layer in norms]
    assert made.certificate["truncation"]["largest"] == pytest.approx(max(relative), rel=1e-4)
    whole = math.hypot(*lost.values()) / math.hypot(*norms.values())
    assert made.certificate["truncation"]["whole"] == pytest.approx(whole, rel=1e-4)
    assert max(relative) > 1.01 * whole > 0


def test_a_check_shows_its_largest_figure():
    assert check({"one": 1e-9, "two": 3e-7, "three": 0.0}, 1e-6) == {"largest": 3e-7, "allowed": 1e-6}
    assert check({}, 1e-6)["largest"] == 0


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [(2.0, 1.0, "away from the weighted sum"), (2.0, 0.5, "does not hold what was written")],
    ids=["another sum", "the same sum in other factors"],
)
def test_a_merge_that_was_written_wrongly_is_not_kept(left, right, message, snli, hellaswag, tmp_path, monkeypatch):
    real = merge_module.write_peft

    def wrong(folder, updates, base):
        real(folder, {layer: Update(left * one.left, right * one.right) for layer, one in updates.items()}, base)

    monkeypatch.setattr(merge_module, "write_peft", wrong)
    with pytest.raises(UserError, match=message):
        merge([snli, hellaswag], how="linear", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_stack_that_was_copied_wrongly_is_not_kept(snli, hellaswag, tmp_path, monkeypatch):
    real = stack_module.copy_modules

    def wrong(modules, adapter):
        real(modules, adapter)
        change_a_number(adapter / "1" / LORA)

    monkeypatch.setattr(stack_module, "copy_modules", wrong)
    with pytest.raises(UserError, match="the copy of .* differs from it"):
        stack([snli, hellaswag], out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_mean_that_was_written_wrongly_is_not_kept(bottlenecks, tmp_path, monkeypatch):
    real = parameters.save_file
    monkeypatch.setattr(
        parameters, "save_file", lambda tensors, file: real({key: 2 * one for key, one in tensors.items()}, file)
    )
    with pytest.raises(UserError, match="does not hold the mean"):
        merge(bottlenecks, how="mean", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_record_says_what_all_members_share(snli, hellaswag, train, tmp_path):
    made = merge([snli, hellaswag], how="mean", out=tmp_path / "alike").run.record
    assert made.config["data"]["max_length"] == 64
    assert made.config["precision"] == "fp32"
    assert [parent.fingerprint for parent in made.parents] == [one.digest() for one in open_members([snli, hellaswag])]
    assert made.initialisation == ""  # other ranks, so other beginnings
    assert made.base.fingerprint == snli.record.base.fingerprint
    assert made.config["method"]["target_modules"] == ["query", "value"]
    assert made.config["method"]["layers"] == [0, 1]
    assert made.config["method"]["alpha"] == made.config["method"]["r"] == 5  # a scale of 1
    single = merge([hellaswag], how="linear", out=tmp_path / "single").run.record
    assert single.config["method"]["layers"] == [1]
    longer = train("squad_v1", **{"data.max_length": 96})
    made = merge([snli, longer], how="mean", out=tmp_path / "unlike").run.record
    assert made.config["data"]["max_length"] is None


def test_a_mean_of_bottlenecks_has_their_beginning_and_can_be_averaged_again(bottlenecks, train, tmp_path):
    """Their dropouts differ: that is nothing that a mean could feel."""
    made = merge(bottlenecks, how="mean", out=tmp_path / "mean").run
    assert made.record.initialisation == bottlenecks[0].record.initialisation != ""
    third = train("hellaswag", "bottleneck")
    again = merge([made, third], how="mean", out=tmp_path / "again").run
    parts = [parameters._read(one.path / "adapter") for one in (*bottlenecks, third, again)]
    for key, tensor in parts[3].items():
        expected = (parts[0][key] + parts[1][key]) / 4 + parts[2][key] / 2
        np.testing.assert_allclose(tensor, expected, rtol=1e-5, atol=1e-7)


def test_bottlenecks_that_cannot_be_averaged_are_refused(bottlenecks, tmp_path):
    stacked = stack(bottlenecks, out=tmp_path / "stack").run
    with pytest.raises(UserError, match="holds 2 modules; only single bottlenecks have a mean"):
        merge([stacked, bottlenecks[0]], how="mean", out=tmp_path / "out")
    shutil.copytree(bottlenecks[1].path, tmp_path / "nan")
    file = tmp_path / "nan/adapter/adapter.safetensors"
    tensors = load_file(file)
    tensors[sorted(tensors)[0]].view(-1)[0] = math.nan
    save_file(tensors, file)
    with pytest.raises(UserError, match="holds NaN or infinity"):
        merge([bottlenecks[0], tmp_path / "nan"], how="mean", out=tmp_path / "out")
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, file)
    with pytest.raises(UserError, match="holds other tensors than"):
        merge([bottlenecks[0], tmp_path / "nan"], how="mean", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bottlenecks_of_no_known_beginning_are_refused(bottlenecks, tmp_path):
    for number, run in enumerate(bottlenecks):
        shutil.copytree(run.path, tmp_path / str(number))
        record = json.loads((run.path / "run.json").read_text())
        (tmp_path / str(number) / "run.json").write_text(json.dumps({**record, "initialisation": ""}))
    with pytest.raises(UserError, match="began from other first weights"):
        merge([tmp_path / "0", tmp_path / "1"], how="mean", out=tmp_path / "out")


def test_a_stack_says_what_its_modules_are_and_where_they_are_from(snli, hellaswag, bottlenecks, tmp_path):
    members = [snli, hellaswag, bottlenecks[0]]
    made = stack(members, out=tmp_path / "out")
    listed = json.loads((made.path / "adapter/stack.json").read_text())["modules"]
    assert [one["method"] for one in listed] == ["lora", "lora", "bottleneck"]
    assert [one["from"] for one in listed] == [str(member.path.resolve()) for member in members]
    assert [one["weight"] for one in made.certificate["members"]] == [1, 1, 1]
    assert made.run.method == "bottleneck"  # the one on top is what training goes on with


def test_a_merge_names_its_base_and_another_one_is_refused(snli, hellaswag, tokenizer_folder, tmp_path):
    made = merge([snli, hellaswag], how="linear", out=tmp_path / "out")
    config = json.loads((made.path / "adapter/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == snli.record.base.name
    other = random_base(tokenizer_folder, tmp_path / "base", shape=Shape(2, 64, 258), seed=1)
    with pytest.raises(UserError, match="stands on another base than --base"):
        merge([snli, hellaswag], how="linear", base=str(other), out=tmp_path / "other")


def test_the_check_of_a_mean_is_of_the_mean(bottlenecks, tmp_path, monkeypatch):
    """A mean that is computed wrongly, and written as it was computed, is found by looking at the members."""
    real = parameters._mean_tensor
    monkeypatch.setattr(parameters, "_mean_tensor", lambda *given: 1.01 * real(*given))
    with pytest.raises(UserError, match="does not hold the mean"):
        merge(bottlenecks, how="mean", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_member_chosen_as_xtreme_does_marks_the_composition(snli, hellaswag, train, tmp_path):
    record = json.loads((hellaswag.path / "run.json").read_text())
    record["config"]["data"] |= {"select_on": "xtreme", "limit_train": 7}
    shutil.copytree(hellaswag.path, tmp_path / "marked")
    (tmp_path / "marked/run.json").write_text(json.dumps(record))
    data = merge([snli, tmp_path / "marked"], how="mean", out=tmp_path / "out").run.record.config["data"]
    assert (data["select_on"], data["max_length"], data["limit_train"]) == ("xtreme", 64, None)


def test_a_folder_with_hidden_files_and_links_is_stacked_by_its_content(snli, hellaswag, tmp_path):
    plain = tmp_path / "plain"
    shutil.copytree(snli.path / "adapter", plain)
    (plain / ".gitattributes").write_text("* text")
    (plain / LORA).rename(plain / "weights")
    (plain / LORA).symlink_to(plain / "weights")
    made = stack([plain, hellaswag], out=tmp_path / "out")
    shutil.rmtree(plain)
    copy = made.path / "adapter/0"
    assert not any(file.is_symlink() or file.name.startswith(".") for file in copy.iterdir())
    assert (copy / LORA).read_bytes() == (snli.path / "adapter" / LORA).read_bytes()


def test_a_changed_head_makes_another_composition(snli, hellaswag, tmp_path):
    shutil.copytree(snli.path, tmp_path / "snli")
    merge([tmp_path / "snli", hellaswag], how="mean", out=tmp_path / "out")
    change_a_number(tmp_path / "snli/heads/snli.safetensors")
    with pytest.raises(UserError, match="holds another run"):
        merge([tmp_path / "snli", hellaswag], how="mean", out=tmp_path / "out")
