"""RegMean and Fisher: what is measured against brute force, what is merged against the formulas, on dense matrices."""

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

from adapterstilts.cli import run as command_line
from adapterstilts.compose.checks import check_identity
from adapterstilts.compose.combine import combine, ingredients
from adapterstilts.compose.members import open_members
from adapterstilts.compose.merge import merge
from adapterstilts.compose.merges import merges
from adapterstilts.compose.peft_folder import read_peft
from adapterstilts.compose.statistics import input_of, open_statistics, square
from adapterstilts.compose.updates import Update
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


# --- the merges, on matrices by hand


def members_and(kind, seed=0, shape=(6, 5), members=3):
    draw = np.random.default_rng(seed)
    updates = [{"q": Update(draw.normal(size=(shape[0], rank)), draw.normal(size=(rank, shape[1])))}
               for rank in range(1, members + 1)]  # fmt: skip
    if kind == "gram":
        inputs = [draw.normal(size=(40, shape[1])) @ draw.normal(size=(shape[1], shape[1])) for _ in updates]
        return updates, [read.T @ read / len(read) for read in inputs]
    return updates, [draw.exponential(size=shape) ** 4 for _ in updates]


def merged(how, updates, weights, measured, rank=None, **settings):
    algorithm = merges.get(how)
    reads = [lambda _, one=one: one for one in measured]
    found = combine(algorithm, ingredients(updates, weights, reads=reads), algorithm.schema(**settings), rank)
    return found.updates["q"].left @ found.updates["q"].right


def dense(updates):
    return [one["q"].left @ one["q"].right for one in updates]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9, 1.0])
def test_regmean_is_its_formula(alpha):
    updates, grams = members_and("gram")
    weights = [1, 0.25, 3]
    shrunk = [w * (alpha * g + (1 - alpha) * np.diag(np.diag(g))) for g, w in zip(grams, weights, strict=True)]
    expected = sum(dw @ g for dw, g in zip(dense(updates), shrunk, strict=True)) @ np.linalg.inv(sum(shrunk))
    np.testing.assert_allclose(merged("regmean", updates, weights, grams, alpha=alpha), expected, atol=1e-9)


def test_regmean_is_nearest_to_the_members_outputs_on_their_inputs():
    """What the formula stands for: no other update has a smaller squared error over all members' inputs."""
    updates, grams = members_and("gram", seed=3)
    found = merged("regmean", updates, [1, 1, 1], grams, alpha=1.0)

    def loss(dw):
        return sum(np.trace((dw - own) @ g @ (dw - own).T) for own, g in zip(dense(updates), grams, strict=True))

    draw = np.random.default_rng(1)
    assert all(loss(found + 1e-3 * draw.normal(size=found.shape)) > loss(found) for _ in range(20))


@pytest.mark.parametrize("how", ["regmean", "fisher"])
def test_equal_figures_give_the_weighted_mean(how):
    updates, measured = members_and("gram" if how == "regmean" else "fisher")
    weights = np.array([1, 0.25, 3])
    expected = sum(w * dw for w, dw in zip(weights / weights.sum(), dense(updates), strict=True))
    options = {} if how == "regmean" else {"rank": 5}
    np.testing.assert_allclose(merged(how, updates, list(weights), measured[:1] * 3, **options), expected, atol=1e-9)


@pytest.mark.parametrize("how", ["regmean", "fisher"])
def test_one_member_alone_is_itself_and_order_and_scale_of_weights_have_no_effect(how):
    updates, measured = members_and("gram" if how == "regmean" else "fisher")
    algorithm = merges.get(how)
    for one, figures in zip(updates, measured, strict=True):
        assert max(check_identity(algorithm, one, [lambda _, f=figures: f]).values()) < 1e-10
    first = merged(how, updates, [1, 2, 3], measured)
    np.testing.assert_allclose(merged(how, updates[::-1], [6, 4, 2], measured[::-1]), first, atol=1e-9)
    np.testing.assert_allclose(merged(how, updates, [0, 5, 0], measured), dense(updates)[1], atol=1e-6)


def test_fisher_is_its_formula_with_a_floor():
    updates, measured = members_and("fisher")
    measured[0][0, :] = measured[1][0, :] = measured[2][0, :] = 0.0
    measured[0][1, 1] = 1e-20
    weights, least = [1, 0.25, 3], 1e-6 * np.mean([one.mean() for one in measured])
    held = [w * np.maximum(one, least) for w, one in zip(weights, measured, strict=True)]
    expected = sum(f * dw for f, dw in zip(held, dense(updates), strict=True)) / sum(held)
    found = merged("fisher", updates, weights, measured, rank=5)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    mean = sum(w * dw for w, dw in zip(weights, dense(updates), strict=True)) / sum(weights)
    np.testing.assert_allclose(found[0], mean[0], atol=1e-9)  # where nothing is known
    zeros = [np.zeros_like(one) for one in measured]
    np.testing.assert_allclose(merged("fisher", updates, weights, zeros, rank=5), mean, atol=1e-9)


def test_inputs_that_never_occur_make_no_trouble():
    updates, grams = members_and("gram")
    for gram in grams:
        gram[2, :] = gram[:, 2] = 0.0
    found = merged("regmean", updates, [1, 1, 1], grams)
    np.testing.assert_allclose(found[:, 2], sum(dense(updates))[:, 2] / 3, atol=1e-6)
    assert np.isfinite(found).all()


def test_what_is_no_share_or_was_not_measured_is_refused():
    for how, kind in (("regmean", "gram"), ("fisher", "fisher")):
        updates, measured = members_and(kind)
        for weights in ([1, -1, 1], [0, 0, 0]):
            with pytest.raises(UserError, match="are no shares of it"):
                merged(how, updates, weights, measured)
        with pytest.raises(UserError, match="needs what was measured"):
            merged(how, updates, [1, 1, 1], [])
    singular = [np.ones((5, 5))] * 3
    with pytest.raises(UserError, match="cannot be inverted"):
        merged("regmean", members_and("gram")[0], [1, 1, 1], singular, alpha=1.0)


def test_an_upper_triangle_is_its_matrix_again():
    matrix = np.arange(9.0).reshape(3, 3)
    matrix += matrix.T
    np.testing.assert_array_equal(square(matrix[np.triu_indices(3)]), matrix)
    with pytest.raises(UserError, match="no upper triangle"):
        square(np.ones(5))


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
    assert made.certificate["checks"].keys() == {"identity", "reload"}
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
