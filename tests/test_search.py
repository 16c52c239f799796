"""The search for a merge's weights: what it looks at, that it can be killed, what it leaves."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from adapterstilts import fuse
from adapterstilts.base import find_base, load_encoder
from adapterstilts.cli import call as command
from adapterstilts.compose.merge import merge
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.heads import read_head
from adapterstilts.evaluation.load import load_run
from adapterstilts.formats import learnable
from adapterstilts.model import Runtime
from adapterstilts.store.run import read_run
from adapterstilts.train import search as searching
from adapterstilts.train.command import train_intermediate, train_target

TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
BUDGET = 16


@pytest.fixture(scope="module")
def settings(mirror):
    return {"resources.mirror": str(mirror), "precision": "fp32", "data.max_length": 64}


@pytest.fixture(scope="module")
def members(base, settings, tmp_path_factory):
    """Three LoRAs; only udpos was trained for long, and its head knows its task by that LoRA."""
    root, lengths = tmp_path_factory.mktemp("members"), {"squad_v1": 3, "udpos": 60, "snli": 3}
    strong = {**settings, "train.learning_rate": 1e-2, "method.alpha": 64, "method.target_modules": "all"}
    return [
        train_intermediate(task, out=root / task, base=str(base), settings={**strong, "train.max_steps": steps})
        for task, steps in lengths.items()
    ]


@pytest.fixture(scope="module")
def small(settings):
    return {**settings, "search.budget": BUDGET, "search.examples": 24}


@pytest.fixture(scope="module")
def found(members, small, tmp_path_factory):
    return fuse(members, "udpos", how="search", out=tmp_path_factory.mktemp("search") / "run", settings=small)


def looks_of(run):
    return [json.loads(line) for line in (run.path / "search.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def looked_at(members, small):
    """The very rows, tokenised, that the searches here look at, and the runtime."""
    prepared = searching._prepare(members, "udpos", None, small, {})
    [encoded] = prepared.plan.train.values()
    return encoded, prepared.plan.runtime


def loss_of(run, head, looked_at) -> float:
    """The mean loss of a finished run on those rows, one by one: another way than the search's."""
    encoded, runtime = looked_at
    loaded = load_run(run, runtime)
    loaded.add_head(head)
    format = learnable(encoded.rows.task)
    total, targets = 0.0, 0
    for row in range(len(encoded)):
        examples = encoded.take(np.array([row]))
        batch = format.collate(examples, encoded.pad_id)
        with torch.inference_mode():
            total += float(format.loss_sum(loaded.model(head.name, batch), batch))
        targets += format.targets(examples)
    return total / targets


# --- what is looked at


def test_the_first_look_is_the_mean_and_none_goes_beyond_the_budget_or_the_bound(found):
    looks = looks_of(found)
    assert looks[0]["weights"] == [1 / 3] * 3
    assert len(looks) == BUDGET
    assert len({tuple(look["weights"]) for look in looks}) == BUDGET
    assert max(abs(weight) for look in looks for weight in look["weights"]) <= 1.5


def test_the_objective_is_the_loss_of_the_merge_with_the_kept_head_plus_the_penalty(
    found, members, looked_at, tmp_path
):
    head = read_head(members[1], "udpos")
    looks = looks_of(found)
    chosen = [0, *(number for number, look in enumerate(looks) if min(look["weights"]) < -0.2)][:3]
    assert len(chosen) == 3
    for number in chosen:
        look = looks[number]
        made = merge(members, how="cat", weights=look["weights"], out=tmp_path / str(number)).run
        assert look["loss"] == pytest.approx(loss_of(made, head, looked_at), abs=1e-5)
        penalty = 0.05 * sum(map(abs, look["weights"])) / 3
        assert look["objective"] == pytest.approx(look["loss"] + penalty, abs=1e-12)
    assert len({round(look["loss"], 3) for look in looks}) > 3


def test_it_finds_better_weights_than_the_mean_where_one_member_knows_the_task(found):
    searched = found.record.config["search"]
    assert searched["best"]["objective"] == min(look["objective"] for look in looks_of(found))
    assert searched["best"]["loss"] < searched["mean"]["loss"] - 0.2
    assert searched["best"]["weights"][1] > 1 / 3


def test_answers_lead_it_to_the_optimum(members, small):
    """On a bowl in the place of the loss: what is proposed last lies far nearer to its bottom than what came first."""
    prepared, bottom = searching._prepare(members, "udpos", None, {**small, "search.budget": 100}, {}), [0.8, -0.5, 0.1]
    looks: list[searching.Look] = []
    for weights in searching._proposals(prepared, looks):
        height = float(np.sum(np.square(np.subtract(weights, bottom))))
        looks.append(searching.Look(weights, height, height))
    assert len(looks) == 100
    assert np.mean([look.loss for look in looks[-20:]]) < 0.05 * np.mean([look.loss for look in looks[:20]])


def test_a_penalty_draws_the_weights_to_zero(members, small, tmp_path):
    sizes = {}
    for l1 in (0.0, 50.0):
        run = fuse(members, "udpos", how="search", out=tmp_path / str(l1), settings={**small, "search.l1": l1})
        sizes[l1] = np.mean(np.abs(run.record.config["search"]["best"]["weights"]))
    assert sizes[50.0] < 0.5 * sizes[0.0]


def test_numpys_global_generator_decides_nothing_and_is_left_alone(members, small, tmp_path, found):
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    again = fuse(members, "udpos", how="search", out=tmp_path / "again", settings=small)
    assert (np.random.get_state()[1] == before).all()
    assert looks_of(again) == looks_of(found)
    other = fuse(members, "udpos", how="search", out=tmp_path / "other", settings={**small, "seed": 1})
    assert looks_of(other)[1]["weights"] != looks_of(found)[1]["weights"]


# --- what it leaves


def test_it_leaves_the_merge_by_its_weights_and_says_so(found, members, tmp_path):
    best = found.record.config["search"]["best"]["weights"]
    made = merge(members, how="linear", weights=best, out=tmp_path / "made")
    name = "adapter/adapter_model.safetensors"
    one, other = load_file(found.path / name), load_file(made.path / name)
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())
    assert (found.phase, found.method) == ("merge", "lora")
    assert found.record.parents == made.run.record.parents
    certificate = json.loads((found.path / "certificate.json").read_text())
    assert [member["weight"] for member in certificate["members"]] == best
    assert certificate["search"] == found.record.config["search"]
    assert certificate["search"]["looks"] == BUDGET
    page = (found.path / "certificate.md").read_text()
    assert f"{BUDGET} looks at 24 rows of udpos by the head for udpos; seed 0" in page
    assert [rows["rows"] for rows in found.record.data.values()] == [24]


def test_it_is_a_run_like_any_other(found, members, base, settings, tmp_path):
    assert found.heads == ["snli", "squad_v1", "udpos"]
    where = {"resources.mirror": settings["resources.mirror"]}
    [scored] = evaluate(found, "udpos", languages=["en"], settings=where)
    assert scored.metrics["average"]["token_accuracy"] > 50
    plain = PeftModel.from_pretrained(load_encoder(find_base(str(base))), found.path / "adapter").eval()
    with torch.inference_mode():
        loaded = load_run(found, Runtime(torch.device("cpu"), "fp32", 512)).model.encoder
        torch.testing.assert_close(plain(TOKENS).last_hidden_state, loaded(TOKENS).last_hidden_state, atol=0, rtol=0)
    on = train_target("xnli", out=tmp_path / "on", start=found.path, settings={**settings, "train.max_steps": 1})
    assert on.record.parents[0].fingerprint == found.record.fingerprint
    assert {path.name for path in found.path.iterdir()} >= {"adapter", "heads", "run.json", "search.jsonl"}
    assert not list(found.path.glob(".tmp*"))


def test_a_head_for_another_task_of_the_same_labels_answers_and_is_kept_as_the_targets(
    members, small, tmp_path, capsys
):
    run = fuse(members, "xnli", how="search", out=tmp_path / "run", settings={**small, "search.budget": 2})
    assert f"the head for snli of {members[2].path} answers xnli" in capsys.readouterr().err
    assert run.heads == ["snli", "squad_v1", "udpos", "xnli"]
    for key, tensor in read_head(run, "xnli").weights().items():
        assert torch.equal(tensor, read_head(members[2], "snli").weights()[key])


# --- killed and begun again


def killed_after(monkeypatch, number, how):
    real, made = searching._look, []

    def counted(member, wanted, weights):
        look = real(member, wanted, weights)
        made.append(look)
        if len(made) == number:
            how()
        return look

    monkeypatch.setattr(searching, "_look", counted)


def test_a_stopped_search_goes_on_and_ends_with_the_same_weights(members, small, tmp_path, monkeypatch, found, capsys):
    out = tmp_path / "run"
    for number in (3, 8):
        with monkeypatch.context() as patch, pytest.raises(Interrupted):
            killed_after(patch, number, lambda: os.kill(os.getpid(), signal.SIGTERM))
            fuse(members, "udpos", how="search", out=out, settings=small)
        assert not (out / "run.json").exists()
    assert len(looks_of(type(found)(out, found.record))) == 11
    asked = []
    real = searching._look
    monkeypatch.setattr(searching, "_look", lambda *given: (asked.append(1), real(*given))[1])
    again = fuse(members, "udpos", how="search", out=out, settings=small)
    assert len(asked) == BUDGET - 11
    assert "going on after 11 of 16 looks" in capsys.readouterr().err
    assert (out / "search.jsonl").read_bytes() == (found.path / "search.jsonl").read_bytes()
    assert again.record.config["search"] == found.record.config["search"]
    assert load_file(out / "adapter/adapter_model.safetensors").keys()
    asked.clear()
    assert fuse(members, "udpos", how="search", out=out, settings=small).record == again.record
    assert asked == []


def test_a_process_that_died_inside_a_line_or_at_the_end_goes_on(members, small, tmp_path, monkeypatch, found):
    out = tmp_path / "run"

    def die():
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        killed_after(patch, 5, die)
        fuse(members, "udpos", how="search", out=out, settings=small)
    with (out / "search.jsonl").open("a") as journal:
        journal.write('{"weights": [0.1, 0.')
    for end in ("save_head", "_record"):
        with monkeypatch.context() as patch, pytest.raises(MemoryError):
            patch.setattr(searching, end, lambda *_: die())
            fuse(members, "udpos", how="search", out=out, settings=small)
    assert not (out / "run.json").exists()
    again = fuse(members, "udpos", how="search", out=out, settings=small)
    assert (out / "search.jsonl").read_bytes() == (found.path / "search.jsonl").read_bytes()
    assert again.heads == found.heads
    assert read_run(out).record.config["search"] == found.record.config["search"]


def test_a_journal_of_another_search_is_refused(members, small, tmp_path, monkeypatch):
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        killed_after(patch, 4, lambda: os.kill(os.getpid(), signal.SIGTERM))
        fuse(members, "udpos", how="search", out=out, settings=small)
    for changed in ({"seed": 1}, {"search.budget": 20}, {"search.l1": 0.0}):
        with pytest.raises(UserError, match="holds a run with other settings"):
            fuse(members, "udpos", how="search", out=out, settings={**small, **changed})
    lines = (out / "search.jsonl").read_text().splitlines()
    told = json.loads(lines[2])
    lines[2] = json.dumps({**told, "weights": [0.0, 0.0, 0.0]})
    (out / "search.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match="of another search, or of another version of cma"):
        fuse(members, "udpos", how="search", out=out, settings=small)


# --- heads, refusals, the command


def test_without_a_head_that_answers_the_runs_that_have_one_are_named(members, small, tmp_path):
    cases = [
        ("panx", {}, "no member has a head that answers panx (tagging"),
        ("xnli", {"search.head": "squad_v1"}, "no member has a head for 'squad_v1' that answers xnli"),
    ]
    for task, more, message in cases:
        with pytest.raises(UserError) as caught:
            fuse(members, task, how="search", out=tmp_path / "run", settings={**small, **more})
        assert message in str(caught.value)
        assert all(f"{member.path}: {member.heads[0]}" in str(caught.value) for member in members)
        assert not (tmp_path / "run").exists()
    assert "--head snli" in str(caught.value)


def test_what_means_nothing_to_a_search_is_refused(members, small, tmp_path):
    cases = [
        ({"train.max_steps": 5}, {}, "train.max_steps is for trainings"),
        ({"data.limit_train": 5}, {}, "--examples"),
        ({"search.budget": 0}, {}, "budget"),
        ({"search.looks": 3}, {}, "unknown setting"),
        ({}, {"runs": members[:1]}, "nothing to weigh"),
        ({}, {"task": ["xnli", "snli"]}, "for one task"),
        ({}, {"how": "layer_weights"}, "is for a search, and layer_weights is a training"),
    ]
    for more, given, message in cases:
        wanted = {"runs": members, "task": "xnli", "how": "search", **given}
        with pytest.raises(UserError) as caught:
            fuse(wanted.pop("runs"), wanted.pop("task"), out=tmp_path / "run", settings={**small, **more}, **wanted)
        assert message in str(caught.value)
        assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_is_never_the_best():
    looks = [searching.Look([1.0], float("nan"), float("nan")), searching.Look([0.5], 2.0, 2.1),
             searching.Look([0.4], 2.0, 2.1)]  # fmt: skip
    assert searching.best_of(looks).weights == [0.5]
    with pytest.raises(UserError, match="not finite at any weights"):
        searching.best_of(looks[:1])


def test_the_command_prints_what_was_found(members, mirror, tmp_path, capfd):
    words = ["fuse", *(str(member.path) for member in members), "--task", "xnli", "--how", "search", "--examples", "8",
             "--budget", "3", "--head", "snli", "--mirror", str(mirror), "--out", str(tmp_path / "run")]  # fmt: skip
    assert command(words) == 0
    told = capfd.readouterr()
    assert told.out.strip() == str(tmp_path / "run")
    assert "best of 3 looks: weights" in told.err
    assert "on 8 rows" in told.err
