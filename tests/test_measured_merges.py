"""RegMean and Fisher of runs: what is measured against brute force, what is merged, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from adapterstilts.cli import call as command_line
from adapterstilts.compose.members import open_members
from adapterstilts.compose.merge import merge
from adapterstilts.compose.peft_folder import read_peft
from adapterstilts.compose.statistics import input_of, open_statistics
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.evaluation import measuring
from adapterstilts.evaluation.heads import read_head
from adapterstilts.evaluation.load import load_run
from adapterstilts.methods import methods
from adapterstilts.mini.rows import write_rows
from adapterstilts.model import Runtime
from adapterstilts.store.run import read_run
from adapterstilts.train.command import train_intermediate
from adapterstilts.train.plan import rows_of
from adapterstilts.train.statistics import statistics

CPU = Runtime(torch.device("cpu"), "fp32", 512)
EXAMPLES = 12


@pytest.fixture(scope="module")
def train(base, mirror, tmp_path_factory):
    def make(task, method="lora", **given):
        settings = {"resources.mirror": str(mirror), "precision": "fp32", "train.max_steps": 3, "train.eval_every": 3,
                    "train.learning_rate": 2e-2, "data.max_length": 64, "init_seed": 0, **given}  # fmt: skip
        out = tmp_path_factory.mktemp("runs") / f"{task}-{method}"
        return train_intermediate(task, out=out, base=str(base), method=method, settings=settings)

    return make


@pytest.fixture(scope="module")
def snli(train):
    run = train("snli", **{"method.r": 3, "method.target_modules": "all"})
    statistics(run, ["gram", "fisher"], settings={"examples": EXAMPLES})
    return run


@pytest.fixture(scope="module")
def hellaswag(train):
    run = train("hellaswag", **{"method.r": 2, "method.layers": "1"})
    statistics(run, ["gram", "fisher"], settings={"examples": EXAMPLES, "places": "all"})
    return run


def plain_model(run):
    """The run as a plain encoder with the module in its weights, its head, and the examples that were measured."""
    loaded = load_run(run, CPU)
    encoded = {label: loaded.encode(rows) for label, rows in rows_of(run).items()}
    loaded.model.encoder = methods.get("lora").merge_into_base(loaded.model.encoder)
    [(label, (rows, chosen))] = measuring.draw(encoded, EXAMPLES, run.record.seed).items()
    loaded.add_head(read_head(run, label))
    return loaded.model, rows, chosen


def brute_inputs(run) -> dict[str, np.ndarray]:
    """All that each Linear layer reads, token by token, one example at a time and without padding."""
    model, rows, chosen = plain_model(run)
    read: dict[str, list[np.ndarray]] = {}
    for name, module in model.encoder.named_modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda _, x, __, name=name: read.setdefault(name, []).append(x[0].detach()))
    tokens = []
    for index in chosen:
        batch = rows.format.collate(rows.take(np.array([index])), rows.pad_id)
        mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))  # left out where nothing is padded
        tokens.append(mask.bool())
        with torch.no_grad():
            model.encoder(input_ids=batch["input_ids"], attention_mask=mask)
    return {
        name: torch.cat([x[mask] for x, mask in zip(some, tokens, strict=True)]).double().numpy()
        for name, some in read.items()
    }


@pytest.mark.parametrize("name", ["snli", "hellaswag"])
def test_gram_matrices_are_the_mean_of_all_inputs_with_themselves(name, request):
    run = request.getfixturevalue(name)
    [measured] = open_statistics(open_members([run]), "gram")
    inputs = brute_inputs(run)
    assert len(inputs) == 12
    for layer, read in inputs.items():
        expected = read.T @ read / len(read)
        np.testing.assert_allclose(measured.read(layer), expected, atol=1e-5 * np.abs(expected).max(), err_msg=layer)
    with safe_open(measured.file, framework="np") as file:
        assert json.loads(file.metadata()["about"])["tokens"] == len(read)
        assert len(file.keys()) == 2 * 4  # query, key and value share one


def test_fisher_information_is_the_mean_squared_gradient_of_every_example(snli):
    """By plain autograd through an encoder that has the update in its weights."""
    [measured] = open_statistics(open_members([snli]), "fisher")
    model, rows, chosen = plain_model(snli)
    linear = {name: module for name, module in model.encoder.named_modules() if isinstance(module, torch.nn.Linear)}
    total = {name: np.zeros(module.weight.shape) for name, module in linear.items()}
    for index in chosen:
        batch = rows.format.collate(rows.take(np.array([index])), rows.pad_id)
        model.zero_grad()
        model.requires_grad_(True)
        logits = model("snli", batch)
        (-logits.log_softmax(-1)[0, batch["labels"][0]]).backward()
        for name, module in linear.items():
            total[name] += module.weight.grad.double().numpy() ** 2
    for name, summed in total.items():
        expected = summed / EXAMPLES
        assert expected.max() > 0
        np.testing.assert_allclose(measured.read(name), expected, atol=1e-3 * expected.max(), err_msg=name)


def test_drawn_labels_are_the_models_own(snli, tmp_path):
    """Of a model that is sure, they are what it predicts; and they are no gold labels."""
    logits = torch.tensor([[30.0, 0, 0], [0, 0, 30.0]])
    drawn = measuring._own_labels(logits, {"labels": torch.tensor([1, 1])}, "snli")["labels"]
    assert drawn.tolist() == [0, 2]
    tagged = measuring._own_labels(logits[None], {"labels": torch.tensor([[-100, 1]])}, "udpos")["labels"]
    assert tagged.tolist() == [[-100, 2]]
    with pytest.raises(UserError, match="not drawn from the model"):
        measuring._own_labels(logits, {"labels": torch.tensor([1])}, "squad_v1")
    shutil.copytree(snli.path, tmp_path / "run")
    files = {}
    for labels in ("model", "gold", "model"):
        [file] = statistics(tmp_path / "run", ["fisher"], settings={"examples": EXAMPLES, "labels": labels})
        files.setdefault(labels, []).append(load_file(file))
    [first, second], [gold] = files["model"], files["gold"]
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.allclose(first[key], gold[key]) for key in first)


# --- as runs


def adapter(run):
    return read_peft(run.path / "adapter").updates


@pytest.mark.parametrize("how", ["regmean", "fisher"])
def test_a_measured_merge_of_runs_holds_the_formula_and_its_checks(how, snli, hellaswag, tmp_path):
    made = merge([snli, hellaswag], how=how, weights=[1, 2], rank=None if how == "regmean" else 64, out=tmp_path / "m")
    kind = "gram" if how == "regmean" else "fisher"
    measured = open_statistics(open_members([snli, hellaswag]), kind)
    members = [adapter(snli), adapter(hellaswag)]
    for layer, update in adapter(made.run).items():
        changes = [m[layer].left @ m[layer].right if layer in m else np.zeros(update.shape) for m in members]
        figures = [w * one.read(layer) for w, one in zip([1, 2], measured, strict=True)]
        if how == "regmean":
            figures = [0.9 * one + 0.1 * np.diag(np.diag(one)) for one in figures]
            expected = sum(dw @ g for dw, g in zip(changes, figures, strict=True)) @ np.linalg.inv(sum(figures))
            assert update.rank <= 5
        else:
            least = 1e-6 * np.mean([one.read(layer).mean() for one in measured])
            figures = [np.maximum(one, w * least) for w, one in zip([1, 2], figures, strict=True)]
            expected = sum(dw * f for dw, f in zip(changes, figures, strict=True)) / sum(figures)
        error = np.linalg.norm(update.left @ update.right - expected)
        assert error < 1e-6 * np.linalg.norm(expected), layer
    assert made.certificate["checks"].keys() == {"identity", "reload", "probe"}
    assert made.run.heads == ["hellaswag", "snli"]


def test_measured_again_on_other_rows_it_is_another_merge(snli, hellaswag, tmp_path):
    shutil.copytree(snli.path, tmp_path / "snli")
    merge([tmp_path / "snli", hellaswag], how="regmean", out=tmp_path / "m")
    merge([tmp_path / "snli", hellaswag], how="regmean", out=tmp_path / "m")
    statistics(tmp_path / "snli", ["gram"], settings={"examples": 5})
    with pytest.raises(UserError, match="holds another run"):
        merge([tmp_path / "snli", hellaswag], how="regmean", out=tmp_path / "m")


def test_measuring_changes_nothing_of_the_run(snli, tmp_path, capfd):
    shutil.copytree(snli.path, tmp_path / "run")
    before = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert command_line(["statistics", str(tmp_path / "run"), "--gram", "--fisher", "--examples", str(EXAMPLES)]) == 0
    printed = capfd.readouterr()
    assert printed.out.split() == [str(tmp_path / "run" / f"{kind}.safetensors") for kind in ("gram", "fisher")]
    numbers = 2 * (3 * (64 * 65 // 2) + 256 * 257 // 2)  # query, key and value share one
    assert f"{numbers:,} numbers, {4 * numbers:,} bytes" in printed.err
    after = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert after == before  # the figures too: they are drawn with the run's seed
    assert read_run(tmp_path / "run").record == snli.record


def test_a_signal_leaves_what_was_there_and_nothing_half_written(snli, tmp_path, monkeypatch):
    shutil.copytree(snli.path, tmp_path / "run")
    (tmp_path / "run/.tmp-12345678-gram.safetensors").write_text("half")  # of a process that was killed
    names = sorted(path.name for path in snli.path.iterdir())
    real = measuring._batches

    def stopped(work):
        for number, one in enumerate(real(work)):
            if number == 1:
                os.kill(os.getpid(), signal.SIGTERM)
            yield one

    monkeypatch.setattr(measuring, "_batches", stopped)
    before = (tmp_path / "run/gram.safetensors").read_bytes()
    with pytest.raises(Interrupted):
        statistics(tmp_path / "run", ["gram"], settings={"examples": 40, "resources.micro_batch_tokens": 64})
    assert (tmp_path / "run/gram.safetensors").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == names
    monkeypatch.undo()
    statistics(tmp_path / "run", ["gram"], settings={"examples": 40})
    assert (tmp_path / "run/gram.safetensors").read_bytes() != before


def test_a_write_that_fails_leaves_what_was_there(snli, tmp_path, monkeypatch):
    shutil.copytree(snli.path, tmp_path / "run")
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    before = (tmp_path / "run/fisher.safetensors").read_bytes()

    def half(_, path, metadata):
        path.write_bytes(b"half a file")
        raise OSError("the disk is full")

    monkeypatch.setattr("adapterstilts.train.statistics.save_file", half)
    with pytest.raises(OSError, match="full"):
        statistics(tmp_path / "run", ["fisher"], settings={"examples": 4})
    assert (tmp_path / "run/fisher.safetensors").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == names


def test_a_training_measures_itself_at_its_end_where_it_is_asked_to(train, snli, tmp_path):
    run = train("snli", **{"method.r": 3, "method.target_modules": "all", "gram_examples": EXAMPLES})
    assert (run.path / "gram.safetensors").read_bytes() == (snli.path / "gram.safetensors").read_bytes()
    assert run.record.fingerprint == snli.record.fingerprint  # it is the same run, with figures beside it
    assert run.record.config == snli.record.config
    assert not (train("snli").path / "gram.safetensors").exists()
    with pytest.raises(UserError, match="Gram matrices are of LoRA runs"):
        train("snli", method="full", gram_examples=4)


def test_a_finished_training_that_was_stopped_while_measuring_measures_on(train, base, mirror, tmp_path):
    settings = {"resources.mirror": str(mirror), "precision": "fp32", "train.max_steps": 1, "data.max_length": 64}
    asked = {"out": tmp_path / "run", "base": str(base)}
    train_intermediate("snli", **asked, settings=settings)
    assert not (tmp_path / "run/gram.safetensors").exists()
    train_intermediate("snli", **asked, settings={**settings, "gram_examples": 4})
    with safe_open(tmp_path / "run/gram.safetensors", framework="np") as file:
        assert json.loads(file.metadata()["about"])["kind"] == "gram"


def test_members_without_figures_are_refused_with_the_command(snli, hellaswag, train, tmp_path):
    def refused(said, runs, how="regmean"):
        with pytest.raises(UserError, match=said):
            merge(runs, how=how, out=tmp_path / "out")
        assert not (tmp_path / "out").exists()

    other = train("cosmos_qa", **{"method.r": 2})
    refused(f"has no gram.safetensors(.|\n)*adapterstilts statistics {other.path} --gram", [snli, other])
    refused(f"has no fisher.safetensors(.|\n)*statistics {other.path} --fisher", [snli, other], how="fisher")
    statistics(other, ["gram"], settings={"examples": 4})
    refused("has nothing measured for .*(.|\n)*--places all", [snli, other])
    shutil.copyfile(snli.path / "gram.safetensors", other.path / "gram.safetensors")
    refused("was measured with another module", [snli, other])
    (other.path / "gram.safetensors").write_bytes(b"half a file")
    refused("cannot be read", [snli, other])
    shutil.copytree(snli.path / "adapter", tmp_path / "plain")
    refused("plain peft folder", [tmp_path / "plain", hellaswag])


def test_figures_that_are_none_are_refused(snli, hellaswag, tmp_path):
    shutil.copytree(snli.path, tmp_path / "run")
    for kind, value in (("gram", float("nan")), ("fisher", -1.0)):
        file = tmp_path / f"run/{kind}.safetensors"
        tensors = load_file(file)
        tensors[sorted(tensors)[0]].view(-1)[0] = value
        with safe_open(file, framework="pt") as opened:
            about = opened.metadata()
        save_file(tensors, file, metadata=about)
        with pytest.raises(UserError, match=f"is no {kind}"):
            merge([tmp_path / "run", hellaswag], how="regmean" if kind == "gram" else "fisher", out=tmp_path / "m")


def test_what_has_no_rows_of_its_own_is_not_measured(snli, hellaswag, train, tmp_path):
    both = merge([snli, hellaswag], how="mean", out=tmp_path / "both")
    with pytest.raises(UserError, match="is a merge and has no training rows"):
        statistics(both.run, ["gram"])
    with pytest.raises(UserError, match="nothing is to be measured"):
        statistics(snli, [])
    with pytest.raises(UserError, match="which leaves a whole encoder"):
        statistics(train("snli", method="full"), ["gram"])
    with pytest.raises(UserError, match="rows of snli are not those"):
        write_rows(tmp_path / "mirror", size=48, speaking=("en",))
        statistics(snli, ["gram"], settings={"resources.mirror": str(tmp_path / "mirror")})


def test_names_of_inputs_are_shared_by_what_reads_the_same():
    layer = "encoder.layer.3."
    assert {input_of(f"{layer}attention.self.{name}") for name in ("query", "key", "value")} == {
        f"{layer}attention.self"
    }
    assert input_of(f"{layer}attention.output.dense") == f"{layer}attention.output.dense"
