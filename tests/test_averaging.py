"""The mean of a run's looks, and of runs: it is the mean, it resumes bit by bit, and what has no mean is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import adapterstilts
from adapterstilts.cli import call as command_line
from adapterstilts.compose.average import average
from adapterstilts.compose.merge import merge
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.heads import read_head
from adapterstilts.evaluation.load import load_run
from adapterstilts.model import Runtime
from adapterstilts.store.manifest import sign
from adapterstilts.train import checkpoint, loop
from adapterstilts.train.command import train_intermediate, train_target

LAST = {"train.average": 1}  # so few steps leave all dev scores equal, and the best look would be the first
METHODS = ["lora", "bottleneck", "full"]
WEIGHTS = {"lora": "adapter/adapter_model", "bottleneck": "adapter/pytorch_adapter", "full": "encoder/model"}
TOKENS = {"input_ids": torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]]),
          "attention_mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])}  # fmt: skip


@pytest.fixture(scope="module")
def train(base, mirror, tmp_path_factory):
    """A training of six steps with three looks, on `snli` unless told otherwise."""

    def make(out=None, task="snli", method="lora", **settings):
        usual = {
            "resources.mirror": str(mirror), "precision": "fp32", "train.max_steps": 6, "train.eval_every": 2,
            "train.learning_rate": 2e-2, "train.batch_size": 8, "data.max_length": 64,
        }  # fmt: skip
        out = out or tmp_path_factory.mktemp("runs") / "run"
        return train_intermediate(task, out=out, method=method, base=str(base), settings={**usual, **settings})

    return make


@pytest.fixture(scope="module")
def seeds(train):
    """Three runs a method that differ in their seed and share their first weights; made when asked for."""
    made = {}

    def of(method):
        if method not in made:
            made[method] = [train(method=method, seed=seed, init_seed=0, **LAST) for seed in (0, 1, 2)]
        return made[method]

    return of


def tensors(run, method="lora"):
    """All that a run has learned, by file and name, the name of a bottleneck's module left out."""
    found = {}
    for file in [
        *run.path.glob("heads/*.safetensors"),
        *run.path.glob(f"{WEIGHTS[method].split('/')[0]}/*.safetensors"),
    ]:
        own = json.loads((file.parent / "adapter_config.json").read_text()).get("name", "") if method == "bottleneck" \
            and file.parent.name == "adapter" else ""  # fmt: skip
        found |= {f"{file.name}.{k.replace(own, '') if own else k}": v for k, v in load_file(file).items()}
    return found


def updates(run):
    """The dense updates of a LoRA, by layer."""
    config = json.loads((run.path / "adapter/adapter_config.json").read_text())
    weights = load_file(run.path / "adapter/adapter_model.safetensors")
    ups = {key: tensor.astype(np.float64) for key, tensor in weights.items()}
    return {
        key: config["lora_alpha"] / config["r"] * tensor @ ups[key.replace("lora_B", "lora_A")]
        for key, tensor in ups.items()
        if "lora_B" in key
    }


def logits(run):
    loaded = load_run(run, Runtime(torch.device("cpu"), "fp32", 4096))
    loaded.add_head(read_head(run, "snli"))
    with torch.no_grad():
        return loaded.model("snli", TOKENS)


def looks(monkeypatch):
    """Keep a copy of the weights of every look."""
    kept, real = [], loop._mean_score

    def spy(member, runtime, stop):
        kept.append({key: tensor.double().numpy() for key, tensor in member.weights().items()})
        return real(member, runtime, stop)

    monkeypatch.setattr(loop, "_mean_score", spy)
    return kept


# --- within a run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("wanted", "taken"), [("all", slice(0, 3)), ("2", slice(1, 3)), (1, slice(2, 3)), (9, slice(0, 3))]
)
def test_the_run_holds_the_mean_of_its_looks(train, monkeypatch, method, wanted, taken):
    seen = looks(monkeypatch)
    if method == "full":
        monkeypatch.setattr(checkpoint, "save", lambda member: None)  # quicker
    run = train(method=method, **{"train.average": wanted})
    own = {key: np.mean([look[key] for look in seen[:3][taken]], axis=0).astype(np.float32) for key in seen[0]}
    assert len(seen) == 4  # the last one scores the mean
    assert all(np.array_equal(seen[3][key], own[key]) for key in own)
    head = load_file(run.path / "heads/snli.safetensors")
    assert all(np.array_equal(tensor, own[f"heads.snli.{key}"]) for key, tensor in head.items())
    saved = tensors(run, method)
    assert sorted(tensor.tobytes() for tensor in saved.values()) == sorted(tensor.tobytes() for tensor in own.values())


def test_the_score_of_the_mean_stands_beside_the_best_looks(train, mirror):
    run, usual = train(**{"train.average": "all"}), train()
    best = dict(run.record.best)
    [scored] = evaluate(run, "snli", split="dev", languages=["en"], settings={"resources.mirror": str(mirror)})
    assert best.pop("average") == {"looks": 3, "score": scored.metrics["languages"]["en"]["accuracy"]}
    assert best == usual.record.best
    assert "average" not in usual.record.best
    assert files(run) != files(usual)


def test_a_run_that_averages_takes_all_its_steps(train):
    patient = {"train.patience": 1, "train.max_steps": 12, "train.learning_rate": 1e-9}
    assert train(**patient).record.best["steps"] < 12
    assert train(**patient, **{"train.average": 2}).record.best["steps"] == 12


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_run_ends_with_the_same_mean_bit_by_bit(train, tmp_path, monkeypatch, method):
    settings = {"train.average": "all", "train.save_every": 1}
    whole = train(tmp_path / "whole", method=method, **settings)
    for step in (3, 4, 5):
        interrupt(monkeypatch, step, lambda: train(tmp_path / "broken", method=method, **settings))
    again = train(tmp_path / "broken", method=method, **settings)
    assert files(again) == files(whole)
    assert again.record.best == whole.record.best


@pytest.mark.parametrize("lost", ["sum", "count"])
def test_without_the_sum_or_its_count_the_result_would_differ(train, tmp_path, monkeypatch, lost):
    settings = {"train.average": "all"}
    whole, real = train(tmp_path / "whole", **settings), checkpoint._load
    interrupt(monkeypatch, 3, lambda: train(tmp_path / "broken", **settings))

    def forgetful(member, folder):
        real(member, folder)
        if lost == "sum":
            member.total = {}
        else:
            member.progress.averaged = 0

    monkeypatch.setattr(checkpoint, "_load", forgetful)
    assert files(train(tmp_path / "broken", **settings)) != files(whole)


def test_a_checkpoint_that_lost_its_sum_is_passed_over(train, tmp_path, monkeypatch, capsys):
    settings = {"train.average": "all"}
    whole = train(tmp_path / "whole", **settings)
    interrupt(monkeypatch, 3, lambda: train(tmp_path / "broken", **settings))
    newest = tmp_path / "broken/checkpoints/step-000003"
    (newest / "average.safetensors").unlink()
    sign(newest)
    again = train(tmp_path / "broken", **settings)
    assert "step-000003 is passed over: average.safetensors is missing" in capsys.readouterr().err
    assert files(again) == files(whole)


@pytest.mark.parametrize("value", ["0", "-1", "some", "1.5", True])
def test_what_is_no_number_of_looks_is_refused(train, value):
    with pytest.raises(UserError, match=r"train.average = .*: none, all, or a number of looks"):
        train(**{"train.average": value})


def interrupt(monkeypatch, step, training):
    """Run a training that a signal stops after `step` steps."""
    real = loop.optimiser_step

    def counted(member, runtime):
        result = real(member, runtime)
        if member.progress.step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(loop, "optimiser_step", counted)
        with pytest.raises(Interrupted):
            training()


def files(run):
    found = [path for path in run.path.rglob("*") if path.suffix in {".safetensors", ".jsonl"}]
    return {path.relative_to(run.path).as_posix(): path.read_bytes() for path in found}


# --- across runs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["bottleneck", "full"])
def test_the_average_of_runs_is_the_mean_of_every_parameter(seeds, tmp_path, method):
    made = average(seeds(method), out=tmp_path / "mean")
    saved, members = tensors(made.run, method), [tensors(run, method) for run in seeds(method)]
    assert saved.keys() == members[0].keys()
    for key, tensor in saved.items():
        mean = np.mean([member[key].astype(np.float64) for member in members], axis=0)
        assert np.array_equal(tensor, mean.astype(np.float32)), key
        if not np.array_equal(members[0][key], members[1][key]):
            assert not np.array_equal(tensor, members[0][key])


def test_of_loras_it_is_the_mean_of_their_updates_and_not_of_their_factors(seeds, tmp_path):
    made, members = average(seeds("lora"), out=tmp_path / "mean"), [updates(run) for run in seeds("lora")]
    saved = updates(made.run)
    for key, update in saved.items():
        mean = np.mean([member[key] for member in members], axis=0)
        assert np.linalg.norm(update - mean) <= 1e-6 * np.linalg.norm(mean)
    factors = [load_file(run.path / "adapter/adapter_model.safetensors") for run in seeds("lora")]
    of_factors = {
        key: 2
        * np.mean([one[key] for one in factors], 0)
        @ np.mean([one[key.replace("lora_B", "lora_A")] for one in factors], 0)
        for key in saved
    }
    assert max(np.linalg.norm(of_factors[key] - saved[key]) / np.linalg.norm(saved[key]) for key in saved) > 1e-3
    assert made.run.record.config["method"]["r"] > 8
    assert made.certificate["checks"]["computed"]["largest"] <= 1e-10


def test_a_rank_gives_the_nearest_update_and_says_what_is_lost(seeds, tmp_path):
    made = average(seeds("lora"), out=tmp_path / "rank", rank=2)
    assert made.run.record.config["method"]["r"] == 2
    assert 0 < made.certificate["truncation"]["whole"] < 1
    for key, update in updates(made.run).items():
        mean = np.mean([updates(run)[key] for run in seeds("lora")], axis=0)
        left, values, right = np.linalg.svd(mean)
        assert np.allclose(update, left[:, :2] * values[:2] @ right[:2], atol=1e-6 * values[0])


@pytest.mark.parametrize("method", METHODS)
def test_heads_are_averaged(seeds, tmp_path, method):
    made = average(seeds(method), out=tmp_path / "mean")
    head, members = (load_file(made.path / "heads/snli.safetensors"),
                     [load_file(run.path / "heads/snli.safetensors") for run in seeds(method)])  # fmt: skip
    for key, tensor in head.items():
        mean = np.mean([member[key].astype(np.float64) for member in members], axis=0)
        assert np.array_equal(tensor, mean.astype(np.float32))
    assert read_head(made.run, "snli").record == read_head(seeds(method)[0], "snli").record
    assert made.certificate["checks"]["heads"]["largest"] <= 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_the_average_of_equal_runs_is_the_run(seeds, tmp_path, method):
    one = seeds(method)[1]
    copies = [shutil.copytree(one.path, tmp_path / name) for name in ("a", "b", "c")]
    made = average(copies, out=tmp_path / "mean")
    if method == "lora":  # the same update in other factors
        assert torch.allclose(logits(made.run), logits(one), atol=1e-6)
        assert made.run.record.config["method"]["r"] == 8
    else:
        assert torch.equal(logits(made.run), logits(one))
    assert not torch.allclose(logits(seeds(method)[0]), logits(one), atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_runs_does_not_matter(seeds, tmp_path, method, capsys):
    made = average(seeds(method), out=tmp_path / "one")
    other = average(seeds(method)[::-1], out=tmp_path / "other")
    assert files(made.run) == files(other.run)
    assert average(seeds(method)[::-1], out=tmp_path / "one").run.record == made.run.record
    assert "already done" in capsys.readouterr().err


@pytest.mark.parametrize("method", METHODS)
def test_an_average_is_evaluated_and_trained_on(seeds, tmp_path, mirror, method):
    made = average(seeds(method), out=tmp_path / "mean")
    [scored] = evaluate(made.run, "snli", split="dev", languages=["en"], settings={"resources.mirror": str(mirror)})
    assert 0 <= scored.metrics["languages"]["en"]["accuracy"] <= 100
    settings = {"resources.mirror": str(mirror), "train.max_steps": 1, "precision": "fp32"}
    after = train_target("pawsx", method=method, start=made.path, out=tmp_path / "next", settings=settings)
    assert after.record.parents[0].fingerprint == made.run.record.fingerprint
    assert {parent.path for parent in made.run.record.parents} == {str(run.path.resolve()) for run in seeds(method)}


def test_first_weights_follow_init_seed_and_order_follows_seed(train):
    runs = [train(**given) for given in ({"seed": 1}, {"seed": 1, "init_seed": 0}, {"seed": 0})]
    own, shared, first = (run.record for run in runs)
    assert shared.first_heads == first.first_heads != own.first_heads
    assert shared.initialisation == first.initialisation != own.initialisation
    assert files(runs[1]) != files(runs[2])


def test_heads_that_began_apart_are_refused(train, tmp_path):
    runs = [train(seed=seed) for seed in (0, 1)]
    with pytest.raises(UserError, match="heads for snli began from other weights") as caught:
        average(runs, out=tmp_path / "mean")
    assert "--set init_seed=N" in str(caught.value)
    assert not (tmp_path / "mean").exists()


def test_bottlenecks_that_began_apart_are_refused(train, tmp_path):
    pytest.importorskip("adapters", reason="the extra adapterstilts[bottleneck] is not installed")
    runs = [train(method="bottleneck", seed=seed) for seed in (0, 1)]
    with pytest.raises(UserError, match="began from other first weights"):
        average(runs, out=tmp_path / "mean")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"train.learning_rate": 3e-2}, "train.learning_rate: 0.02 -> 0.03"),
        ({"method.r": 4}, "method.r: 8 -> 4"),
        ({"data.limit_train": 8}, "data.limit_train: None -> 8"),
        ({"task": "mnli"}, "tasks: ['snli'] -> ['mnli']"),
    ],
)
def test_runs_that_differ_in_more_than_the_seed_are_refused_with_the_difference(train, seeds, tmp_path, settings, said):
    first, other = seeds("lora")[0], train(seed=1, init_seed=0, **LAST, **settings)
    with pytest.raises(UserError) as caught:
        average([first, other], out=tmp_path / "mean")
    assert said in str(caught.value)
    assert str(other.path) in str(caught.value)


def test_a_named_setting_of_the_training_may_differ_and_no_other(train, seeds, tmp_path):
    other = train(seed=1, init_seed=0, **LAST, **{"train.learning_rate": 3e-2})
    made = average([seeds("lora")[0], other], out=tmp_path / "mean", may_differ=["train.learning_rate"])
    assert made.run.phase == "average"
    with pytest.raises(UserError, match=r"method.r cannot differ"):
        average([seeds("lora")[0], other], out=tmp_path / "other", may_differ=["method.r"])


def test_seeds_may_draw_other_rows(train, tmp_path):
    runs = [train(seed=seed, init_seed=0, **{"data.limit_train": 24}) for seed in (0, 1)]
    assert average(runs, out=tmp_path / "mean").run.heads == ["snli"]


def test_what_is_no_training_is_refused(seeds, tmp_path):
    runs = seeds("lora")
    made = merge(runs[:2], how="mean", out=tmp_path / "merged")
    for others in ([made.run], [runs[0].path / "adapter"]):
        with pytest.raises(UserError, match="is no training"):
            average([*runs, *others], out=tmp_path / "mean")
    with pytest.raises(UserError, match="two runs at least"):
        average(runs[:1], out=tmp_path / "mean")
    with pytest.raises(UserError, match="named twice"):
        average([runs[0], runs[0]], out=tmp_path / "mean")


@pytest.mark.parametrize(
    ("damage", "said"), [("nan", "NaN or infinity"), ("cut", "cannot be read"), ("other", "other")]
)
def test_damaged_heads_are_refused_and_nothing_is_left(seeds, tmp_path, damage, said):
    copies = [shutil.copytree(run.path, tmp_path / run.path.parent.name) for run in seeds("lora")]
    file = copies[0] / "heads/snli.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-9])
    else:
        weights = load_file(file)
        key = sorted(weights)[0]
        weights[key if damage == "nan" else "other"] = np.full_like(weights[key], np.nan)
        save_file(weights, file)
    with pytest.raises(UserError, match=said):
        average(copies, out=tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_a_file_that_does_not_hold_the_mean_is_found(seeds, tmp_path, monkeypatch):
    from adapterstilts.compose import tensors as numbers

    monkeypatch.setattr(numbers, "_mean", lambda key, members, files: members[0].get_tensor(key))
    with pytest.raises(UserError, match="does not hold the mean of"):
        average(seeds("lora"), out=tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_the_command_averages_and_prints_its_checks(seeds, tmp_path, capsys):
    words = [str(run.path) for run in seeds("lora")]
    assert command_line(["average", *words, "--rank", "8", "--out", str(tmp_path / "mean")]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(tmp_path / "mean")
    assert "checked heads:" in said.err
    assert adapterstilts.average is average
    assert (tmp_path / "mean/certificate.md").read_text().startswith("# Certificate of an average\n")
