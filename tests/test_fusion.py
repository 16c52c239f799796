"""Attention over frozen bottlenecks: files that `adapters` reads itself, resume to the bit, the head beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
import torch
from safetensors.torch import load_file

from adapterstilts import fuse
from adapterstilts.base import find_base, load_encoder
from adapterstilts.compose.average import average
from adapterstilts.compose.merge import merge
from adapterstilts.compose.stack import stack
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.heads import read_head
from adapterstilts.evaluation.load import load_run
from adapterstilts.methods._fusions.attention import METHOD, AttentionSettings
from adapterstilts.model import Runtime
from adapterstilts.report.compare import compare
from adapterstilts.train import checkpoint, loop
from adapterstilts.train.command import train_intermediate, train_target
from adapterstilts.train.fused import find_fused

adapters = pytest.importorskip("adapters", reason="the extra adapterstilts[bottleneck] is not installed")

TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
RUNTIME = Runtime(torch.device("cpu"), "fp32", 8192)
HIDDEN, LAYERS = 64, 2  # of the tiny base
FILES = {"adapter/0/adapter.safetensors", "adapter/1/adapter.safetensors",
         "adapter/fusion/model_adapter_fusion.safetensors"}  # fmt: skip


@pytest.fixture(scope="module")
def settings(mirror):
    return {
        "resources.mirror": str(mirror), "precision": "fp32", "train.learning_rate": 1e-2, "train.max_steps": 6,
        "train.eval_every": 3, "train.save_every": 2, "train.batch_size": 16, "data.max_length": 64,
    }  # fmt: skip


@pytest.fixture(scope="module")
def make(base, settings, tmp_path_factory):
    def train(task="snli", method="bottleneck", **more):
        out = tmp_path_factory.mktemp("members") / task
        quick = {**settings, "train.max_steps": 3, **more}
        return train_intermediate(task, out=out, base=str(base), method=method, settings=quick)

    return train


@pytest.fixture(scope="module")
def members(make):
    return [make("snli"), make("squad_v1", **{"method.reduction_factor": 8})]


def states(encoder) -> torch.Tensor:
    with torch.inference_mode():
        return encoder.eval()(input_ids=TOKENS, attention_mask=MASK).last_hidden_state


@pytest.fixture(scope="module")
def kept(members, settings, tmp_path_factory):
    """A finished run, and the member as it was in memory at its end."""
    out, live = tmp_path_factory.mktemp("fused") / "run", {}
    with pytest.MonkeyPatch.context() as patch:
        real = checkpoint.restore_best
        patch.setattr(checkpoint, "restore_best", lambda member: (real(member), live.update(member=member)))
        run = fuse(members, "xnli", out=out, settings=settings)
    return run, live["member"]


# --- what it leaves


def test_the_run_holds_its_members_copies_and_the_attention(kept, members):
    run, _ = kept
    assert {path.relative_to(run.path).as_posix() for path in (run.path / "adapter").rglob("*.safetensors")} == FILES
    for number, member in enumerate(members):
        for file in (member.path / "adapter").iterdir():
            assert (run.path / "adapter" / str(number) / file.name).read_bytes() == file.read_bytes()
    assert (run.phase, run.method, run.heads) == ("target", "attention", ["xnli"])
    assert run.record.cost.trainable_params.adapter == LAYERS * (3 * HIDDEN**2 + 2 * HIDDEN)
    assert [parent.path for parent in run.record.parents] == [str(member.path.resolve()) for member in members]
    assert run.record.budget.examples_with_parents == 6 * 16 + 2 * (3 * 16)


def test_adapters_itself_loads_it_with_equal_hidden_states(kept, base):
    run, live = kept
    model = load_encoder(find_base(str(base)))
    adapters.init(model)
    for number in (0, 1):
        model.load_adapter(str(run.path / "adapter" / str(number)), load_as=f"member_{number}", use_safetensors=True)
    model.load_adapter_fusion(str(run.path / "adapter/fusion"), set_active=True, use_safetensors=True)
    expected = states(live.model.encoder)
    torch.testing.assert_close(states(model), expected, atol=0, rtol=0)
    plain = states(load_encoder(find_base(str(base))))
    assert (expected - plain).abs().max() > 1e-3


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_reloaded_run_gives_the_logits_of_the_model_in_training(members, settings, tmp_path, precision, monkeypatch):
    live = {}
    monkeypatch.setattr(checkpoint, "restore_best", lambda member: live.update(member=member))
    run = fuse(members, "xnli", out=tmp_path / "run", settings={**settings, "precision": precision})
    member, runtime = live["member"], Runtime(torch.device("cpu"), precision, 8192)
    encoded = member.train["xnli"]
    batch = encoded.format.collate(encoded.take(member.next_examples()[1][:8]), encoded.pad_id)
    loaded = load_run(run, runtime)
    loaded.add_head(read_head(run, "xnli"))
    with torch.inference_mode(), runtime.autocast():
        found, expected = loaded.model("xnli", batch), member.model.eval()("xnli", batch)
        torch.testing.assert_close(found, expected, atol=1e-7 if precision == "fp32" else 0, rtol=0)


def test_members_and_base_are_frozen_and_all_of_the_attention_is_trained(kept, members):
    run, live = kept
    trained = {key for key, one in live.model.encoder.named_parameters() if one.requires_grad}
    assert trained == set(METHOD.parameters(live.model.encoder, live.name))
    start = find_fused("attention", members)
    fresh, _ = start.encoder(find_base(run.record.base.name), AttentionSettings(), "at_x")
    saved = load_file(run.path / "adapter/fusion/model_adapter_fusion.safetensors")
    assert saved.keys() == trained
    values = [key for key in saved if key.endswith("value.weight")]
    first = METHOD.parameters(fresh, "at_x")
    assert all(torch.allclose(first[key], torch.eye(HIDDEN), atol=1e-5) for key in values)
    assert all((saved[key] - first[key]).abs().max() > 1e-3 for key in saved if "weight" in key)


def test_the_head_is_that_of_the_best_look_as_the_attention_is(members, settings, tmp_path, monkeypatch):
    """The library's trainer restores the adapters of the best look, and leaves the head of the last step."""
    held, scores = {}, iter([90.0, 10.0])
    monkeypatch.setattr(loop, "_dev_score", lambda member, *_: (held.setdefault(member.progress.step, member.weights()),
                                                              next(scores))[1])  # fmt: skip
    run = fuse(members, "xnli", out=tmp_path / "run", settings=settings)
    assert run.record.best["step"] == 3
    head = read_head(run, "xnli").weights()
    fusion = load_file(run.path / "adapter/fusion/model_adapter_fusion.safetensors")
    for saved, part in ((head, "heads.xnli."), (fusion, "adapter.")):
        for key, tensor in saved.items():
            assert torch.equal(tensor, held[3][part + key])
        assert any(not torch.equal(tensor, held[6][part + key]) for key, tensor in saved.items())


def test_it_is_evaluated_and_compared_like_any_other(kept, settings, base, tmp_path):
    run, _ = kept
    where = {"resources.mirror": settings["resources.mirror"]}
    other = train_target("xnli", out=tmp_path / "other", base=str(base), settings={**settings, "train.max_steps": 1})
    for one in (run, other):
        [found] = evaluate(one, "xnli", languages=["en", "de"], settings=where)
        assert 0 <= found.metrics["average"]["accuracy"] <= 100
    table = compare([run, other])
    assert table is not None


# --- the regulariser


def test_the_regulariser_is_a_term_of_the_loss_of_the_librarys_size(members, base):
    start = find_fused("attention", members)
    encoder, _ = start.encoder(start.find_base(None), AttentionSettings(), "at_x")
    for key, tensor in METHOD.parameters(encoder, "at_x").items():
        if "value" in key:
            torch.nn.init.normal_(tensor)
    torch.testing.assert_close(METHOD.penalty(encoder, AttentionSettings()), encoder.get_fusion_regularization_loss())
    assert METHOD.penalty(encoder, AttentionSettings(regularisation=0)) is None


def test_it_holds_the_value_matrices_near_the_identity(members, settings, tmp_path):
    def away(strength):
        out = tmp_path / str(strength)
        run = fuse(members, "xnli", out=out, settings={**settings, "method.regularisation": strength})
        saved = load_file(run.path / "adapter/fusion/model_adapter_fusion.safetensors")
        return sum(float((v - torch.eye(HIDDEN)).square().sum()) for k, v in saved.items() if "value" in k)

    assert away(100) < 0.5 * away(0)


# --- resume


def content(folder):
    files = [path for path in folder.rglob("*") if path.suffix in {".safetensors", ".jsonl"}]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_an_interrupted_fusion_ends_bit_by_bit_like_an_undisturbed_one(members, settings, tmp_path, monkeypatch):
    settings = {**settings, "method.regularisation": 0.5}  # strong enough that losing it once would show
    whole = fuse(members, "xnli", out=tmp_path / "whole", settings=settings)
    for stop in (1, 4):
        real = loop.optimiser_step

        def counted(member, runtime, real=real, stop=stop):
            result = real(member, runtime)
            if member.progress.step == stop:
                os.kill(os.getpid(), signal.SIGTERM)
            return result

        with monkeypatch.context() as patch, pytest.raises(Interrupted):
            patch.setattr(loop, "optimiser_step", counted)
            fuse(members, "xnli", out=tmp_path / "broken", settings=settings)
    again = fuse(members, "xnli", out=tmp_path / "broken", settings=settings)
    assert content(again.path) == content(whole.path)
    assert again.record.best == whole.record.best


# --- what is refused


def test_a_fused_run_is_no_member_and_no_start(kept, make, tmp_path):
    run, _ = kept
    other = make("hellaswag")
    attempts = [
        lambda: merge([run, other], how="mean", out=tmp_path / "out"),
        lambda: stack([run, other], out=tmp_path / "out"),
        lambda: average([run, run], out=tmp_path / "out"),
        lambda: fuse([run, other], "xnli", out=tmp_path / "out"),
        lambda: train_target("xnli", out=tmp_path / "out", method="bottleneck", start=run.path),
        lambda: train_target("xnli", out=tmp_path / "out", method="bottleneck", start=run.path, on_top=True),
        lambda: train_target("xnli", out=tmp_path / "out", method="full", start=run.path),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="bottlenecks under trained attention"):
            attempt()
        assert not (tmp_path / "out").exists()


def test_members_that_cannot_be_attended_over_are_refused(make, members, settings, tmp_path):
    cases = [
        ([members[0]], "one member has nothing to choose from"),
        ([members[0], make("udpos", method="lora")], "is for bottleneck runs"),
        ([members[0], make("hellaswag", **{"method.variant": "parallel"})], "a parallel bottleneck"),
        ([members[0], make("hellaswag", **{"method.variant": "houlsby"})], "a pfeiffer bottleneck and"),
        ([members[0], make("hellaswag", **{"method.layers": "0"})], "in some layers alone"),
        ([members[0], stack(members, out=tmp_path / "stack").run], "is a stack of 2 modules"),
    ]
    for runs, message in cases:
        with pytest.raises(UserError) as caught:
            fuse(runs, "xnli", out=tmp_path / "run", how="attention", settings=settings)
        assert message in str(caught.value)
        assert not (tmp_path / "run").exists()


def test_houlsby_bottlenecks_have_attention_in_both_places(make, settings, tmp_path):
    pair = [make(task, **{"method.variant": "houlsby"}) for task in ("snli", "hellaswag")]
    run = fuse(pair, "xnli", out=tmp_path / "run", settings={**settings, "train.max_steps": 1})
    assert run.record.cost.trainable_params.adapter == 2 * LAYERS * (3 * HIDDEN**2 + 2 * HIDDEN)


def test_damaged_files_of_a_fused_run_are_named(kept, settings, tmp_path):
    run, _ = kept
    where = {"resources.mirror": settings["resources.mirror"]}
    shutil.copytree(run.path, tmp_path / "run")
    weights = tmp_path / "run/adapter/fusion/model_adapter_fusion.safetensors"
    config = tmp_path / "run/adapter/fusion/adapter_fusion_config.json"
    whole = weights.read_bytes()
    for damage in (whole[: len(whole) // 2], b""):
        weights.write_bytes(damage)
        with pytest.raises(UserError, match=r"model_adapter_fusion\.safetensors cannot be loaded"):
            evaluate(tmp_path / "run", "xnli", languages=["en"], settings=where)
    weights.write_bytes(whole)
    told = json.loads(config.read_text())
    config.write_text(json.dumps({key: told[key] for key in told if key != "adapter_names"}))
    with pytest.raises(UserError, match="is no configuration of an attention"):
        evaluate(tmp_path / "run", "xnli", languages=["en"], settings=where)


def test_its_size_is_said(members, settings, tmp_path, capsys):
    fuse(members, "xnli", out=tmp_path / "run", settings={**settings, "train.max_steps": 1})
    assert f"attention: {LAYERS * (3 * HIDDEN**2 + 2 * HIDDEN):,} numbers" in capsys.readouterr().err
