"""Layer weights over frozen LoRAs: what is trained, what it computes, what it leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from adapterstilts import fuse
from adapterstilts.base import find_base, load_encoder
from adapterstilts.compose.average import average
from adapterstilts.compose.merge import merge
from adapterstilts.compose.peft_folder import read_peft
from adapterstilts.compose.stack import stack
from adapterstilts.compose.updates import distance
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.heads import read_head
from adapterstilts.evaluation.load import load_run
from adapterstilts.methods._fusions.layer_weights import METHOD, LayerWeightsSettings
from adapterstilts.model import Runtime
from adapterstilts.store.run import read_run
from adapterstilts.train import checkpoint, loop
from adapterstilts.train.command import train_intermediate, train_target
from adapterstilts.train.fused import find_fused

TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
RUNTIME = Runtime(torch.device("cpu"), "fp32", 8192)


@pytest.fixture(scope="module")
def settings(mirror):
    return {"resources.mirror": str(mirror), "precision": "fp32", "train.max_steps": 6, "train.eval_every": 3,
            "train.save_every": 2, "train.batch_size": 16, "data.max_length": 64}  # fmt: skip


@pytest.fixture(scope="module")
def members(base, settings, tmp_path_factory):
    """Three LoRAs of other ranks, scales and places, each strong enough to be seen."""
    root = tmp_path_factory.mktemp("members")
    shapes = {
        "snli": {"method.r": 4},
        "squad_v1": {"method.r": 2, "method.alpha": 3, "method.target_modules": "all"},
        "hellaswag": {"method.r": 3, "method.rslora": True, "method.layers": "1"},
    }
    strong = {**settings, "train.learning_rate": 2e-2, "train.max_steps": 3}
    return [
        train_intermediate(task, out=root / task, base=str(base), settings={**strong, **shape})
        for task, shape in shapes.items()
    ]


@pytest.fixture
def quick(settings):
    return {**settings, "train.learning_rate": 2e-2}


def encoder_of(members, **settings):
    """Return an encoder with the members and the numbers that weigh them, and the numbers' tensors."""
    start = find_fused("layer_weights", members)
    encoder, _ = start.encoder(start.find_base(None), LayerWeightsSettings(**settings), "at_x")
    return encoder.eval(), METHOD.parameters(encoder, "at_x")


def states(encoder) -> torch.Tensor:
    return encoder(input_ids=TOKENS, attention_mask=MASK).last_hidden_state


def of_run(run) -> torch.Tensor:
    with torch.inference_mode():
        return states(load_run(run, RUNTIME).model.encoder)


def of_base(base) -> torch.Tensor:
    with torch.inference_mode():
        return states(load_encoder(find_base(str(base))).eval())


# --- what it computes


def test_weights_of_one_and_zero_give_one_member_itself(members):
    for number, member in enumerate(members):
        encoder, _ = encoder_of(members, initial=tuple(float(number == one) for one in range(3)))
        with torch.inference_mode():
            torch.testing.assert_close(states(encoder), of_run(member), atol=1e-6, rtol=0)


def test_all_weights_zero_give_the_base(members, base):
    encoder, _ = encoder_of(members, initial=(0, 0, 0))
    with torch.inference_mode():
        torch.testing.assert_close(states(encoder), of_base(base), atol=1e-6, rtol=0)
    assert (of_run(members[0]) - of_base(base)).abs().max() > 1e-3


def test_it_begins_as_the_mean_of_its_members(members, tmp_path):
    mean = merge(members, how="mean", out=tmp_path / "mean").run
    encoder, numbers = encoder_of(members)
    assert {float(one) for vector in numbers.values() for one in vector.detach()} == {float(torch.tensor(1 / 3))}
    with torch.inference_mode():
        torch.testing.assert_close(states(encoder), of_run(mean), atol=2e-6, rtol=0)
    start = find_fused("layer_weights", members)
    start.save(encoder, "at_x", tmp_path / "saved", start.find_base(None))
    one, other = (read_peft(folder / "adapter").updates for folder in (tmp_path / "saved", mean.path))
    assert max(distance(update, other[layer]).relative for layer, update in one.items()) < 1e-6
    assert one.keys() == other.keys()


@pytest.mark.parametrize("per", ["layer", "module"])
def test_the_gradient_of_every_number_is_the_slope_of_the_loss(members, per):
    encoder, numbers = encoder_of(members, per=per, initial=(0.5, -0.25, 1.0))
    encoder.double()
    weigh = torch.randn(states(encoder).shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def loss() -> torch.Tensor:
        return (states(encoder) * weigh).sum()

    loss().backward()
    slopes = 0
    for vector in numbers.values():
        for row in range(len(vector)):
            with torch.no_grad():
                vector[row] += 1e-5
                above = loss()
                vector[row] -= 2e-5
                below = loss()
                vector[row] += 1e-5
            assert float(vector.grad[row]) == pytest.approx(float(above - below) / 2e-5, rel=1e-5, abs=1e-6)
            slopes += abs(float(vector.grad[row])) > 1e-3
    assert slopes >= 5  # all but such as hardly matter


def test_a_member_has_a_number_only_where_it_changes_something(members):
    sizes = {per: [len(v) for v in encoder_of(members, per=per)[1].values()] for per in ("layer", "module")}
    assert sizes == {"layer": [2, 2, 1], "module": [4, 12, 2]}


def test_nothing_but_the_numbers_is_trained(members):
    encoder, numbers = encoder_of(members)
    expected = states(encoder)
    for active in (None, ["at_0_1"]):  # as it begins, and after somebody else has computed with one member
        if active:
            encoder.base_model.set_adapter(active)
        METHOD.activate(encoder, ["at_0_0", "at_0_1", "at_0_2", "at_x"])
        trained = {id(one) for one in encoder.parameters() if one.requires_grad}
        assert trained == {id(vector) for vector in numbers.values()}
        assert torch.equal(states(encoder), expected)


# --- the run it leaves


@pytest.fixture(scope="module")
def kept(members, settings, tmp_path_factory):
    """A finished run, and the member as it was in memory at its end."""
    out, live = tmp_path_factory.mktemp("fused") / "run", {}
    with pytest.MonkeyPatch.context() as patch:
        real = checkpoint.restore_best
        patch.setattr(checkpoint, "restore_best", lambda member: (real(member), live.update(member=member)))
        run = fuse(members, "xnli", out=out, settings={**settings, "train.learning_rate": 2e-2})
    return run, live["member"]


def test_training_moves_every_number_and_neither_members_nor_base(kept, members):
    run, live = kept
    saved = load_file(run.path / "weights/weights.safetensors")
    assert sorted(saved) == ["members.0", "members.1", "members.2"]
    assert all((vector - 1 / 3).abs().min() > 1e-3 for vector in saved.values())
    for number, member in enumerate(members):
        for layer, update in read_peft(member.path / "adapter").updates.items():
            modules = dict(live.model.encoder.named_modules())[f"base_model.model.{layer}"]
            a, b = (getattr(modules, part)[f"at_0_{number}"].weight.detach().numpy() for part in ("lora_A", "lora_B"))
            np.testing.assert_allclose(b @ a, update.left @ update.right, atol=1e-6)


def test_the_lora_it_leaves_gives_the_logits_of_the_model_in_training(kept):
    run, live = kept
    encoded = live.train["xnli"]
    batch = encoded.format.collate(encoded.take(live.next_examples()[1][:8]), encoded.pad_id)
    loaded = load_run(run, RUNTIME)
    loaded.add_head(read_head(run, "xnli"))
    with torch.inference_mode():
        expected = live.model.eval()("xnli", batch)
        torch.testing.assert_close(loaded.model("xnli", batch), expected, atol=2e-5, rtol=0)
        plain = PeftModel.from_pretrained(load_encoder(find_base(run.record.base.name)), run.path / "adapter").eval()
        torch.testing.assert_close(states(plain), states(live.model.encoder), atol=2e-5, rtol=0)
    assert expected.std() > 1e-3


def test_the_readable_numbers_are_those_of_the_update(kept, members):
    run, _ = kept
    numbers = json.loads((run.path / "weights/weights.json").read_text())
    parts = [read_peft(member.path / "adapter").updates for member in members]
    made = read_peft(run.path / "adapter").updates
    assert numbers.keys() == made.keys() == {layer for part in parts for layer in part}
    for layer, row in numbers.items():
        assert [one is not None for one in row] == [layer in part for part in parts]
        dense = sum(
            weight * part[layer].left @ part[layer].right
            for weight, part in zip(row, parts, strict=True)
            if weight is not None
        )
        np.testing.assert_allclose(made[layer].left @ made[layer].right, dense, atol=1e-6)


def test_it_is_a_run_like_any_other(kept, members, settings, tmp_path):
    run, _ = kept
    assert (run.phase, run.method, run.heads) == ("target", "lora", ["xnli"])
    assert [parent.path for parent in run.record.parents] == [str(member.path.resolve()) for member in members]
    assert run.record.cost.trainable_params.adapter == 5
    assert run.record.budget.examples_with_parents == 6 * 16 + 3 * (3 * 16)
    [found] = evaluate(run, "xnli", languages=["de"], settings={"resources.mirror": settings["resources.mirror"]})
    assert [*found.metrics["languages"]] == ["de"]
    merged = merge([run, members[0]], how="linear", weights=[1, -1], out=tmp_path / "merged")
    stacked = stack([run, members[1]], out=tmp_path / "stacked")
    assert merged.run.heads == ["snli", "xnli"]
    assert len(stacked.run.modules) == 2
    again = train_target("udpos", out=tmp_path / "on", start=run.path, settings={**settings, "train.max_steps": 1})
    assert again.record.parents[0].fingerprint == run.record.fingerprint


def test_a_kept_head_can_be_gone_on_with(members, quick, tmp_path):
    first = fuse(members, "snli", out=tmp_path / "run", settings={**quick, "train.max_steps": 1, "reuse_head": "snli",
                                                               "train.learning_rate": 1e-9})  # fmt: skip
    for key, tensor in read_head(first, "snli").weights().items():
        torch.testing.assert_close(tensor, read_head(members[0], "snli").weights()[key], atol=1e-6, rtol=0)


def test_folders_that_peft_has_saved_and_stacks_may_be_members(members, base, quick, tmp_path):
    plain = members[0].path / "adapter"
    both = stack(members[1:], out=tmp_path / "both").path
    run = fuse([plain, both], "xnli", out=tmp_path / "run", base=str(base), settings={**quick, "train.max_steps": 1})
    encoder, _ = encoder_of([plain, both], initial=(0, 1))
    with torch.inference_mode():
        torch.testing.assert_close(states(encoder), of_run(read_run(both)), atol=2e-6, rtol=0)
    assert len(run.record.parents) == 2


# --- resume


def content(folder):
    files = [path for path in folder.rglob("*") if path.suffix in {".safetensors", ".jsonl"}]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def stopped_after(monkeypatch, step):
    real = loop.optimiser_step

    def counted(member, runtime):
        result = real(member, runtime)
        if member.progress.step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    monkeypatch.setattr(loop, "optimiser_step", counted)


def test_an_interrupted_fusion_ends_bit_by_bit_like_an_undisturbed_one(members, quick, tmp_path, monkeypatch, capsys):
    whole = fuse(members, "xnli", out=tmp_path / "whole", settings=quick)
    for step in (1, 4):
        with monkeypatch.context() as patch, pytest.raises(Interrupted):
            stopped_after(patch, step)
            fuse(members, "xnli", out=tmp_path / "broken", settings=quick)
    state = load_file(max((tmp_path / "broken/checkpoints").glob("step-*")) / "weights.safetensors")
    assert {key.split(".")[0] for key in state} == {"adapter", "heads"}
    assert sum(tensor.numel() for key, tensor in state.items() if key.startswith("adapter.")) == 5
    again = fuse(members, "xnli", out=tmp_path / "broken", settings=quick)
    assert content(again.path) == content(whole.path)
    assert "resuming" in capsys.readouterr().err
    assert fuse(members, "xnli", out=tmp_path / "broken", settings=quick).record == again.record


def test_other_members_or_another_order_are_another_run(members, quick, tmp_path):
    fuse(members, "xnli", out=tmp_path / "run", settings={**quick, "train.max_steps": 1})
    with pytest.raises(UserError, match="holds a run with other settings") as caught:
        fuse(members[::-1], "xnli", out=tmp_path / "run", settings={**quick, "train.max_steps": 1})
    assert "parents" in str(caught.value)


def test_a_member_that_changes_in_the_meantime_is_noticed_and_the_run_goes_on_when_it_is_back(
    members, quick, tmp_path, monkeypatch
):
    copies = [Path(shutil.copytree(member.path, tmp_path / member.path.name)) for member in members]
    file, real = copies[0] / "adapter/adapter_model.safetensors", loop.train
    kept = file.read_bytes()

    def changing(*given):
        real(*given)
        shutil.copy(copies[0] / "heads/snli.safetensors", file)

    with monkeypatch.context() as patch, pytest.raises(UserError, match="has changed since the fusion began"):
        patch.setattr(loop, "train", changing)
        fuse(copies, "xnli", out=tmp_path / "run", settings=quick)
    assert not (tmp_path / "run/run.json").exists()
    file.write_bytes(kept)
    whole = fuse(members, "xnli", out=tmp_path / "whole", settings=quick)
    assert content(fuse(copies, "xnli", out=tmp_path / "run", settings=quick).path) == content(whole.path)


def test_runs_of_two_seeds_are_averaged(members, quick, tmp_path):
    runs = [
        fuse(members, "xnli", out=tmp_path / str(seed), settings={**quick, "seed": seed, "init_seed": 0})
        for seed in (0, 1)
    ]
    one, other, mean = (
        read_peft(run.path / "adapter").updates for run in (*runs, average(runs, out=tmp_path / "mean"))
    )
    assert max(distance(one[layer], other[layer]).relative for layer in one) > 1e-4
    for layer, update in mean.items():
        half = (one[layer].left @ one[layer].right + other[layer].left @ other[layer].right) / 2
        np.testing.assert_allclose(update.left @ update.right, half, atol=1e-6)


def test_numbers_are_trained_in_bf16_too(members, quick, tmp_path):
    run = fuse(members, "xnli", out=tmp_path / "run", settings={**quick, "precision": "bf16"})
    saved = load_file(run.path / "weights/weights.safetensors")
    assert all((vector - 1 / 3).abs().min() > 1e-3 for vector in saved.values())


# --- what is refused


def test_wrong_input_is_refused_before_anything_is_written(members, quick, tmp_path, base):
    full = train_target("xnli", out=tmp_path / "full", base=str(base), method="full",
                        settings={**quick, "train.max_steps": 1})  # fmt: skip
    cases = [
        ({"runs": [members[0], members[0]]}, "named twice"),
        ({"runs": [members[0], full]}, "leaves a whole encoder"),
        ({"runs": []}, "nothing to compose"),
        ({"how": "layer_weight"}, "did you mean 'layer_weights'"),
        ({"how": "attention"}, "is for bottleneck runs"),
        ({"settings": {**quick, "method.initial": "1,0"}}, "has 2 numbers, and there are 3 members"),
        ({"settings": {**quick, "method.per": "row"}}, "method.per"),
        ({"settings": {**quick, "reuse_head": "snli"}}, "its outputs mean something else"),
    ]
    for given, message in cases:
        wanted = {"runs": members, "settings": quick, "task": "udpos", **given}
        with pytest.raises(UserError) as caught:
            fuse(wanted.pop("runs"), wanted.pop("task"), out=tmp_path / "run", **wanted)
        assert message in str(caught.value)
        assert not (tmp_path / "run/config.json").exists(), message


def test_weights_do_not_shrink_by_decay(members, quick, tmp_path):
    """A number is no matrix: the decay that holds matrices small would pull it to zero."""
    run = fuse(members, "xnli", out=tmp_path / "run",
               settings={**quick, "train.weight_decay": 50.0, "train.learning_rate": 1e-4})  # fmt: skip
    saved = load_file(run.path / "weights/weights.safetensors")
    assert all((vector - 1 / 3).abs().max() < 1e-3 for vector in saved.values())
