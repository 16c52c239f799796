"""The loop: gradients that do not depend on how a step is split, members that do not disturb each other."""

from __future__ import annotations

import json
import math
import shutil

import pytest
import torch
from transformers import get_linear_schedule_with_warmup

from adapterstilts.config.resolve import resolve
from adapterstilts.config.schema import TrainSettings
from adapterstilts.errors import UserError
from adapterstilts.evaluation.heads import read_head
from adapterstilts.evaluation.load import load_run
from adapterstilts.interrupt import StopRequest
from adapterstilts.methods import methods
from adapterstilts.model import Runtime, choose_runtime
from adapterstilts.train import loop
from adapterstilts.train.command import make_member, train_intermediate, train_target
from adapterstilts.train.member import rate_factor, warmup_of
from adapterstilts.train.plan import Given, make_plan

CPU = torch.device("cpu")


@pytest.fixture
def settings(mirror):
    """Settings of a short run in fp32, one thread, small batches."""
    return {
        "resources.mirror": str(mirror),
        "precision": "fp32",
        "train.batch_size": 16,
        "train.max_steps": 6,
        "train.eval_every": 3,
        "train.learning_rate": 1e-3,
    }


@pytest.fixture
def member(base, settings, tmp_path):
    """Make members without a command around them: `member(task, method, **settings)`."""

    def make(*names, method="lora", folder="member", dropout=True, **more):
        chosen = base if dropout else without_dropout(base, tmp_path / "still")
        given = Given(method, str(chosen), None, False, {**settings, **more})
        plan = make_plan("intermediate", names, given, {})
        (tmp_path / folder).mkdir()
        return make_member(plan, tmp_path / folder)

    return make


def without_dropout(base, folder):
    """Return a copy of the base that computes the same in training as in evaluation."""
    if not folder.exists():
        shutil.copytree(base, folder)
        config = json.loads((folder / "config.json").read_text())
        config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def gradients(member, tokens: int) -> dict[str, torch.Tensor]:
    """Return the gradients of the member's first step, run in passes of at most `tokens`."""
    task, indices = member.next_examples()
    loop._backward(member, task, indices, Runtime(CPU, "fp32", tokens))
    return {key: p.grad.clone() for key, p in member.parameters.items() if p.grad is not None}


@pytest.mark.parametrize("method", methods.names())
@pytest.mark.parametrize("task", ["snli", "udpos", "squad_v1", "hellaswag"])
def test_a_step_in_many_passes_has_the_gradient_of_one_pass(member, method, task):
    """Accumulation 8 equals 1, in fp32 with dropout off; also for tags, where examples weigh unequally, and windows."""
    whole = gradients(member(task, method=method, folder="one", dropout=False), tokens=10**6)
    split = gradients(member(task, method=method, folder="many", dropout=False), tokens=16)
    assert whole.keys() == split.keys()
    for key, gradient in whole.items():
        torch.testing.assert_close(split[key], gradient, rtol=1e-4, atol=1e-6, msg=key)


def test_the_split_of_the_previous_test_is_really_one(member):
    made = member("snli")
    _, indices = made.next_examples()
    lengths = made.train["snli"].lengths[indices]
    assert len(loop.passes(lengths, 16, 64)) >= 8
    assert len(loop.passes(lengths, 10**6, 10**9)) == 1


def test_batches_by_length_have_the_gradient_of_a_plain_padded_batch(member):
    """Against a textbook step: one padded batch, mean cross-entropy over words."""
    made = member("udpos", dropout=False)
    ours = gradients(made, tokens=200)
    made.model.zero_grad()
    encoded = made.train["udpos"]
    batch = encoded.format.collate(encoded.take(made.next_examples()[1]), encoded.pad_id)
    logits = made.model("udpos", batch)
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten()).backward()
    for key, gradient in ours.items():
        torch.testing.assert_close(gradient, made.parameters[key].grad, rtol=1e-4, atol=1e-6, msg=key)


@pytest.mark.parametrize(("total", "warmup"), [(10, 0.1), (37, 0.3), (5, 0.0), (4, 1.0)])
def test_the_learning_rate_is_that_of_transformers(total, warmup):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0)
    theirs = get_linear_schedule_with_warmup(optimiser, math.ceil(total * warmup), total)
    for step in range(total):
        assert rate_factor(step, total, warmup_of(total, TrainSettings(warmup_ratio=warmup))) == pytest.approx(
            optimiser.param_groups[0]["lr"]
        )
        optimiser.step()
        theirs.step()


def test_members_over_one_encoder_learn_what_each_learns_alone(member, tmp_path, base, settings):
    """Two LoRA members stepped in turn on a shared encoder: bitwise what two runs of their own give."""
    runtime = Runtime(CPU, "fp32", 8192)
    alone = [member("snli", folder=f"alone{seed}", seed=seed) for seed in (1, 2)]
    for one in alone:
        loop.train([one], runtime, StopRequest())
    first, second = (member("snli", folder=f"shared{seed}", seed=seed) for seed in (1, 2))
    fresh = second.weights()
    method, config = second.method, second.config
    second.model.encoder = method.attach(first.model.encoder, config.method, second.name)
    second.__post_init__()
    second.set_weights(fresh)
    loop.train([first, second], runtime, StopRequest())
    for one, shared in zip(alone, (first, second), strict=True):
        theirs = shared.weights()
        for key, tensor in one.weights().items():
            assert torch.equal(tensor, theirs[key]), key
    assert not torch.equal(first.weights()["adapter." + lora_b(first)], second.weights()["adapter." + lora_b(second)])


def lora_b(member) -> str:
    return next(key.removeprefix("adapter.") for key in member.parameters if "lora_B" in key)


def test_training_learns_what_can_be_learned(base, settings, tmp_path):
    more = {**settings, "train.max_steps": 60, "train.eval_every": 20, "train.learning_rate": 5e-3}
    run = train_intermediate("udpos", out=tmp_path / "run", base=str(base), settings=more)
    assert run.record.best["score"] > 40


def test_several_tasks_have_a_head_each_and_share_the_steps(base, settings, tmp_path):
    more = {**settings, "train.max_steps": 12, "train.eval_every": 6}
    run = train_intermediate(["snli", "udpos"], out=tmp_path / "run", base=str(base), settings=more)
    assert run.heads == ["snli", "udpos"]
    entries = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    steps = [entry["task"] for entry in entries if "loss" in entry]
    assert len(steps) == 12
    assert set(steps) == {"snli", "udpos"}
    assert [set(entry["dev"]) for entry in entries if "dev" in entry] == [{"snli", "udpos"}] * 2


def test_the_best_look_is_put_back_with_its_head(member, monkeypatch):
    """Dev scores 50, 90, 70: what is in place at the end is the state of the second look."""
    made = member("snli", **{"train.eval_every": 2})
    scores, states = iter([50.0, 90.0, 70.0]), []

    def look(member, task, runtime, stop):
        states.append(member.weights())
        return next(scores)

    monkeypatch.setattr(loop, "_dev_score", look)
    loop.train([made], Runtime(CPU, "fp32", 8192), StopRequest())
    assert made.progress.best_step == 4
    final = made.weights()
    assert all(torch.equal(final[key], tensor) for key, tensor in states[1].items())
    assert not torch.equal(final["heads.snli.out_proj.weight"], states[2]["heads.snli.out_proj.weight"])


def test_patience_ends_a_run_that_gets_no_better(member, monkeypatch):
    made = member("snli", **{"train.eval_every": 1, "train.patience": 2, "train.max_steps": 50})
    scores = iter([50.0, 60.0, 60.0, 59.0, 99.0])
    monkeypatch.setattr(loop, "_dev_score", lambda *_: next(scores))
    loop.train([made], Runtime(CPU, "fp32", 8192), StopRequest())
    assert (made.progress.step, made.progress.best_step) == (4, 2)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_rows(base, settings, tmp_path, monkeypatch):
    real = loop._backward
    calls = []

    def poisoned(member, task, indices, runtime):
        calls.append(indices)
        return real(member, task, indices, runtime) * (math.nan if len(calls) == 3 else 1)

    monkeypatch.setattr(loop, "_backward", poisoned)
    with pytest.raises(UserError, match="stopped at step 2: on snli the loss is nan"):
        train_intermediate("snli", out=tmp_path / "run", base=str(base), settings=settings)
    failure = json.loads((tmp_path / "run" / "failure.json").read_text())
    assert failure["rows"] == sorted(int(row) for row in calls[2])
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_tensor_without_a_gradient_stops_the_run(member):
    made = member("snli")
    made.parameters["adapter.stray"] = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(UserError, match=r"1 trained tensors have no gradient, such as adapter\.stray"):
        loop.optimiser_step(made, Runtime(CPU, "fp32", 8192))


def test_in_bf16_only_frozen_linear_weights_change_their_type(member):
    made = member("snli", precision="bf16")
    types = {name: p.dtype for name, p in made.model.encoder.named_parameters()}
    assert {t for n, t in types.items() if "lora_" in n or "LayerNorm" in n or "embeddings" in n} == {torch.float32}
    assert types[next(n for n in types if n.endswith("intermediate.dense.weight"))] == torch.bfloat16
    result = loop.optimiser_step(made, choose_runtime(made.config.resources, "bf16"))
    assert math.isfinite(result.loss)


def test_equal_seeds_give_equal_heads_whatever_the_method(member):
    lora, full = member("snli", folder="lora"), member("snli", method="full", folder="full")
    ours, theirs = lora.model.heads["snli"].state_dict(), full.model.heads["snli"].state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert list(lora.next_examples()[1]) == list(full.next_examples()[1])
    other = member("snli", folder="other", seed=1).model.heads["snli"].state_dict()
    assert not torch.equal(ours["dense.weight"], other["dense.weight"])


def test_the_cost_counts_tokens_padding_and_parameters(base, settings, tmp_path):
    cost = train_target("xnli", out=tmp_path / "run", base=str(base), settings=settings).record.cost
    assert 0 < cost.tokens <= cost.padded_tokens < 2 * cost.tokens
    assert cost.trainable_params.adapter == 2 * 2 * (64 * 8 + 8 * 64)
    assert cost.trainable_params.heads == 64 * 64 + 64 + 64 * 3 + 3
    assert cost.adapter_bytes == (tmp_path / "run/adapter/adapter_model.safetensors").stat().st_size
    assert 0 < cost.train_s < cost.wall_s
    assert cost.peak_memory_bytes > 10**7


def test_default_learning_rates_have_a_source():
    for name in methods.names():
        method = methods.get(name)
        config = resolve({"phase": "target", "tasks": ["snli"], "method": {"name": name}}, {}, method.schema)
        assert config.train.learning_rate is None
        assert 0 < method.learning_rate < 1e-2
        assert len(method.learning_rate_source) > 10


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("method", methods.names())
def test_a_reloaded_run_gives_identical_logits(base, settings, tmp_path, method, precision, monkeypatch):
    """What the training held at its end and what the run folder gives back: equal bit by bit."""
    kept = {}
    monkeypatch.setattr(loop.checkpoint, "restore_best", lambda member: kept.update(member=member))
    run = train_intermediate(
        "snli", out=tmp_path / "run", base=str(base), method=method, settings={**settings, "precision": precision}
    )
    live = kept["member"]
    encoded = live.train["snli"]
    batch = encoded.format.collate(encoded.take(live.next_examples()[1][:8]), encoded.pad_id)
    runtime = Runtime(CPU, precision, 8192)
    loaded = load_run(run, runtime)
    loaded.add_head(read_head(run, "snli"))
    with torch.inference_mode(), runtime.autocast():
        assert torch.equal(loaded.model("snli", batch), live.model.eval()("snli", batch))
