"""Compositions as runs: merged, stacked, trained on top of; what they compute, what they leave untouched."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from adapterstilts.base import load_encoder
from adapterstilts.compose.merge import merge
from adapterstilts.compose.stack import stack
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.heads import read_head
from adapterstilts.evaluation.load import encoder_files, load_run
from adapterstilts.methods._stack import restore_all
from adapterstilts.mini.random_base import Shape, random_base
from adapterstilts.model import Runtime
from adapterstilts.store.run import read_run
from adapterstilts.train.command import train_intermediate, train_target

TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])


@pytest.fixture(scope="module")
def settings(mirror):
    return {
        "resources.mirror": str(mirror),
        "precision": "fp32",
        "train.max_steps": 3,
        "train.eval_every": 3,
        "train.learning_rate": 2e-2,
        "data.max_length": 64,
    }


@pytest.fixture(scope="module")
def train(base, settings, tmp_path_factory):
    def make(task="snli", **given):
        method = {key: given.pop(key) for key in ("method", "start", "on_top") if key in given}
        where = {} if "start" in method else {"base": str(base)}
        out = tmp_path_factory.mktemp("runs") / task
        return train_intermediate(task, out=out, settings={**settings, **given}, **where, **method)

    return make


@pytest.fixture(scope="module")
def snli(train):
    return train("snli", **{"method.r": 4})


@pytest.fixture(scope="module")
def squad(train):
    return train("squad_v1", **{"method.r": 2, "method.alpha": 3, "method.target_modules": "all"})


@pytest.fixture(scope="module")
def hellaswag(train):
    return train("hellaswag", **{"method.r": 3, "method.rslora": True, "method.layers": "1"})


@pytest.fixture(scope="module")
def bottleneck(train):
    pytest.importorskip("adapters", reason="the extra adapterstilts[bottleneck] is not installed")
    return train("cosmos_qa", method="bottleneck")


@torch.inference_mode()
def states(run) -> torch.Tensor:
    encoder, _ = restore_all(load_encoder(encoder_files(run)), run.modules)
    return encoder.eval()(input_ids=TOKENS, attention_mask=MASK).last_hidden_state


@torch.inference_mode()
def assert_same_logits(one, other) -> None:
    """By every head that both have kept."""
    runtime = Runtime(torch.device("cpu"), "fp32", 512)
    loaded = [load_run(run, runtime) for run in (one, other)]
    assert one.heads == other.heads == ["hellaswag", "snli", "squad_v1"]
    for name in one.heads:
        for run, model in zip((one, other), loaded, strict=True):
            model.add_head(read_head(run, name))
        batch = {"input_ids": TOKENS, "attention_mask": MASK}
        logits = [model.model(name, batch) for model in loaded]
        torch.testing.assert_close(logits[0], logits[1], rtol=1e-4, atol=2e-5)


def files_of(folder) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def dense(run) -> dict[str, np.ndarray]:
    """dW by layer, by hand from peft's files: alpha / r, or alpha / sqrt(r), times B A."""
    config = json.loads((run.path / "adapter/adapter_config.json").read_text())
    tensors = load_file(run.path / "adapter/adapter_model.safetensors")
    scale = config["lora_alpha"] / (math.sqrt(config["r"]) if config["use_rslora"] else config["r"])
    names = {key.removesuffix(".lora_A.weight") for key in tensors if "lora_A" in key}
    return {
        name.removeprefix("base_model.model."): scale
        * tensors[f"{name}.lora_B.weight"].double().numpy()
        @ tensors[f"{name}.lora_A.weight"].double().numpy()
        for name in names
    }


@pytest.mark.parametrize("how", ["mean", "linear", "cat"])
def test_a_merged_run_holds_the_weighted_sum_of_its_members(how, snli, squad, hellaswag, tmp_path):
    members = [snli, squad, hellaswag]
    weights = [1 / 3] * 3 if how == "mean" else [1.0, -0.5, 2.0]
    made = merge(members, how=how, weights=None if how == "mean" else weights, out=tmp_path / "out")
    merged, parts = dense(made.run), [dense(member) for member in members]
    assert merged.keys() == set().union(*parts)
    for layer, update in merged.items():
        expected = sum(w * part[layer] for w, part in zip(weights, parts, strict=True) if layer in part)
        assert np.linalg.norm(update - expected) <= 1e-6 * np.linalg.norm(expected), layer
    assert made.certificate["checks"]["sum"]["largest"] <= 1e-6
    assert [member["weight"] for member in made.certificate["members"]] == weights


def test_a_truncated_merge_says_its_exact_error(snli, squad, tmp_path):
    made = merge([snli, squad], how="svd", rank=2, out=tmp_path / "out")
    merged, parts = dense(made.run), [dense(snli), dense(squad)]
    for layer, update in merged.items():
        expected = sum(part[layer] for part in parts if layer in part)
        error = np.linalg.norm(update - expected) / np.linalg.norm(expected)
        assert error == pytest.approx(made.certificate["layers"][layer]["truncation"], abs=1e-6)
    assert made.certificate["truncation"]["largest"] > 0.01
    assert made.certificate["checks"]["sum"]["largest"] <= 1e-6
    assert made.run.record.config["method"]["r"] == 2


def test_a_merged_run_computes_what_the_stack_computes(snli, squad, hellaswag, tmp_path):
    stacked = stack([snli, squad, hellaswag], out=tmp_path / "stack").run
    for how in ("cat", "linear"):
        merged = merge([snli, squad, hellaswag], how=how, out=tmp_path / how).run
        torch.testing.assert_close(states(merged), states(stacked), rtol=1e-4, atol=2e-5)
        assert_same_logits(merged, stacked)
    other_order = stack([hellaswag, snli, squad], out=tmp_path / "other").run
    torch.testing.assert_close(states(other_order), states(stacked), rtol=1e-4, atol=2e-5)
    alone = states(snli)
    assert not torch.allclose(states(stacked), alone, atol=1e-3)


def test_a_stack_computes_with_the_sum_of_all_updates(snli, squad, tmp_path, base):
    encoder = AutoModel.from_pretrained(base, add_pooling_layer=False)
    for member in (snli, squad):
        for layer, update in dense(member).items():
            encoder.get_submodule(layer).weight.data += torch.from_numpy(update).float()
    with torch.inference_mode():
        expected = encoder.eval()(input_ids=TOKENS, attention_mask=MASK).last_hidden_state
    stacked = stack([snli, squad], out=tmp_path / "stack").run
    torch.testing.assert_close(states(stacked), expected, rtol=1e-4, atol=2e-5)


def test_copies_in_a_stack_are_byte_identical(snli, squad, tmp_path):
    made = stack([snli, squad], out=tmp_path / "stack")
    assert [module.method for module in made.run.modules] == ["lora", "lora"]
    for member, module in zip((snli, squad), made.run.modules, strict=True):
        assert files_of(module.folder) == files_of(member.path / "adapter")
    assert made.run.heads == ["snli", "squad_v1"]
    assert sorted(path.name for path in made.path.iterdir()) == [
        "adapter", "certificate.json", "certificate.md", "heads", "run.json"
    ]  # fmt: skip


def test_training_on_a_stack_leaves_its_members_as_they_were(snli, squad, tmp_path, settings, capsys):
    stacked = stack([snli, squad], out=tmp_path / "stack")
    before = files_of(stacked.path)
    run = train_target("udpos", start=stacked.path, out=tmp_path / "run", settings=settings)
    assert "frozen: all of" in capsys.readouterr().err
    assert files_of(stacked.path) == before
    assert [module.method for module in run.modules] == ["lora"] * 3
    for number in (0, 1):
        assert files_of(run.path / f"adapter/{number}") == files_of(stacked.path / f"adapter/{number}")
    top = load_file(run.path / "adapter/2/adapter_model.safetensors")
    assert any(tensor.abs().max() > 0 for key, tensor in top.items() if "lora_B" in key)
    assert run.record.cost.trainable_params.adapter == sum(tensor.numel() for tensor in top.values())
    assert run.heads == ["udpos"]
    [found] = evaluate(run, "udpos", languages=["en"], settings={"resources.mirror": settings["resources.mirror"]})
    assert found.metrics["languages"]["en"]["n"] > 0


def test_on_top_of_a_lora_equals_on_its_merged_base(snli, tmp_path, settings):
    """The two ways to put a module above a LoRA are one function: at a rate of zero, its own states."""
    run = train_target(
        "udpos", start=snli.path, on_top=True, out=tmp_path / "run", settings={**settings, "train.learning_rate": 1e-30}
    )
    torch.testing.assert_close(states(run), states(snli), rtol=1e-5, atol=1e-6)
    encoder, names = restore_all(load_encoder(encoder_files(snli)), snli.modules, top="full")
    assert names == []
    with torch.inference_mode():
        merged = encoder.eval()(input_ids=TOKENS, attention_mask=MASK).last_hidden_state
    torch.testing.assert_close(merged, states(snli), rtol=1e-4, atol=1e-5)


def test_training_goes_on_with_the_top_of_a_stack_alone(snli, tmp_path, settings):
    first = train_target("udpos", start=snli.path, on_top=True, out=tmp_path / "first", settings=settings)
    second = train_target("udpos", start=first.path, out=tmp_path / "second", settings=settings)
    assert len(second.modules) == 2
    assert files_of(second.modules[0].folder) == files_of(snli.path / "adapter")
    assert files_of(second.modules[1].folder) != files_of(first.modules[1].folder)
    name = "adapter_model.safetensors"
    start, end = load_file(first.modules[1].folder / name), load_file(second.modules[1].folder / name)
    assert start.keys() == end.keys()


def test_a_merged_run_is_trained_on_at_its_own_rank(snli, squad, tmp_path, settings):
    made = merge([snli, squad], how="mean", out=tmp_path / "merged")
    run = train_target("udpos", start=made.path, out=tmp_path / "run", settings=settings)
    rank = made.certificate["rank"]
    assert run.record.config["method"]["r"] == rank == 6
    before, after = (load_file(one.path / "adapter/adapter_model.safetensors") for one in (made.run, run))
    assert {key: tensor.shape for key, tensor in before.items()} == {key: t.shape for key, t in after.items()}


def test_full_training_starts_from_all_updates_of_a_stack(snli, squad, tmp_path, settings):
    stacked = stack([snli, squad], out=tmp_path / "stack").run
    still = {**settings, "train.learning_rate": 1e-30}
    run = train_target("udpos", start=stacked.path, method="full", out=tmp_path / "run", settings=still)
    torch.testing.assert_close(states(run), states(stacked), rtol=1e-4, atol=2e-5)


def test_a_bottleneck_stands_above_loras(snli, squad, bottleneck, tmp_path, settings):
    stacked = stack([snli, squad, bottleneck], out=tmp_path / "stack").run
    assert [module.method for module in stacked.modules] == ["lora", "lora", "bottleneck"]
    assert not torch.allclose(states(stacked), states(bottleneck), atol=1e-4)
    before = files_of(stacked.path)
    run = train_target("udpos", start=stacked.path, method="bottleneck", out=tmp_path / "run", settings=settings)
    assert files_of(stacked.path) == before
    for number in range(3):
        assert files_of(run.path / f"adapter/{number}") == files_of(stacked.path / f"adapter/{number}")
    on_top = train_target(
        "udpos", start=snli.path, method="bottleneck", on_top=True, out=tmp_path / "top", settings=settings
    )
    assert [module.method for module in on_top.modules] == ["lora", "bottleneck"]
    assert files_of(on_top.modules[0].folder) == files_of(snli.path / "adapter")
    [found] = evaluate(on_top, "udpos", languages=["en"], settings={"resources.mirror": settings["resources.mirror"]})
    assert found.metrics["languages"]["en"]["n"] > 0


def test_orders_that_cannot_be_computed_are_refused(snli, bottleneck, train, tmp_path, settings):
    with pytest.raises(UserError, match="a lora cannot stand above a bottleneck"):
        stack([bottleneck, snli], out=tmp_path / "out")
    with pytest.raises(UserError, match="a lora cannot stand above a bottleneck"):
        train_target("udpos", start=bottleneck.path, on_top=True, out=tmp_path / "out", settings=settings)
    with pytest.raises(UserError, match="all weights cannot be trained from a bottleneck"):
        train_target("udpos", start=bottleneck.path, method="full", out=tmp_path / "out", settings=settings)
    parallel = train("snli", method="bottleneck", **{"method.variant": "parallel"})
    with pytest.raises(UserError, match="a parallel bottleneck, which cannot stand above"):
        stack([bottleneck, parallel], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bottlenecks_that_began_alike_have_a_mean(train, bottleneck, tmp_path):
    other = train("snli", method="bottleneck")
    assert other.record.initialisation == bottleneck.record.initialisation != ""
    made = merge([bottleneck, other], how="mean", out=tmp_path / "mean")
    name = "adapter.safetensors"
    one, two, both = (load_file(run.path / "adapter" / name) for run in (bottleneck, other, made.run))
    plain = [
        {key.split(".at_")[0] + key.split(".at_")[1][8:]: t for key, t in part.items()} for part in (one, two, both)
    ]
    assert plain[0].keys() == plain[2].keys()
    for key, tensor in plain[2].items():
        torch.testing.assert_close(tensor, (plain[0][key] + plain[1][key]) / 2, rtol=1e-6, atol=1e-8)
    assert states(made.run).isfinite().all()
    assert made.run.heads == ["cosmos_qa", "snli"]


def test_bottlenecks_that_did_not_are_refused(train, bottleneck, tmp_path):
    seed, width = (
        train("snli", method="bottleneck", seed=1),
        train("snli", method="bottleneck", **{"method.reduction_factor": 8}),
    )
    for other, message in ((seed, "began from other first weights"), (width, "method.reduction_factor is 16.0 and 8")):
        with pytest.raises(UserError, match=message):
            merge([bottleneck, other], how="mean", out=tmp_path / "out")
    with pytest.raises(UserError, match="no sum of updates, so it has no linear"):
        merge([bottleneck, seed], how="linear", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_merged_is_refused_and_leaves_nothing(snli, squad, train, tmp_path, tokenizer_folder, settings):
    def refused(message, runs, **options):
        with pytest.raises(UserError, match=message):
            merge(runs, out=tmp_path / "out", **{"how": "linear", **options})
        assert list(tmp_path.glob("out*")) == []

    refused("nothing to compose", [])
    refused("named twice", [snli, snli])
    refused("unknown merge 'lineer'.*\n.*did you mean 'linear'", [snli, squad], how="lineer")
    refused("3 weights for 2 members", [snli, squad], weights=[1, 2, 3])
    refused("cannot have the weight nan", [snli, squad], weights=[1, math.nan])
    refused("weighs all members alike", [snli, squad], how="mean", weights=[1, 2])
    refused("takes no --rank", [snli, squad], rank=4)
    refused("cannot have rank 0", [snli, squad], how="svd", rank=0)
    refused("there is no folder", [snli, tmp_path / "nowhere"])
    full = train("snli", method="full")
    refused("one method; these were trained by full and lora", [snli, full])
    refused("svd is not for whole encoders", [full], how="svd")
    other = random_base(tokenizer_folder, tmp_path / "base", shape=Shape(2, 64, 258), seed=1)
    stranger = train_intermediate("snli", base=str(other), out=tmp_path / "stranger", settings=settings)
    refused(f"stands on another base(.|\n)*{stranger.record.base.fingerprint}", [snli, stranger])


def test_a_lora_and_a_bottleneck_do_not_merge(snli, bottleneck, tmp_path):
    with pytest.raises(UserError, match="one method; these were trained by bottleneck and lora"):
        merge([snli, bottleneck], how="mean", out=tmp_path / "out")


@pytest.mark.parametrize("damage", ["nan", "truncated", "path"])
def test_damaged_members_are_refused_by_merge_and_stack(damage, snli, squad, tmp_path):
    shutil.copytree(squad.path, tmp_path / "bad")
    file = tmp_path / "bad/adapter/adapter_model.safetensors"
    if damage == "nan":
        tensors = load_file(file)
        next(iter(tensors.values()))[0, 0] = math.nan
        save_file(tensors, file)
    elif damage == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        (tmp_path / "secret.safetensors").write_bytes(file.read_bytes())
        file.unlink()
        file.symlink_to(tmp_path / "secret.safetensors")
    message = {"nan": "NaN or infinity", "truncated": "cannot be read", "path": "leaves its folder"}[damage]
    for compose in (lambda out: merge([snli, tmp_path / "bad"], how="mean", out=out),
                    lambda out: stack([snli, tmp_path / "bad"], out=out)):  # fmt: skip
        with pytest.raises(UserError, match=message):
            compose(tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_plain_peft_folders_are_members_by_the_name_of_their_base(snli, squad, tmp_path, base):
    shutil.copytree(squad.path / "adapter", tmp_path / "plain")
    ours = merge([snli, squad], how="linear", out=tmp_path / "ours")
    mixed = merge([snli, tmp_path / "plain"], how="linear", out=tmp_path / "mixed")
    assert torch.equal(states(mixed.run), states(ours.run))
    assert mixed.certificate["base"]["not_proven_for"] == [str(tmp_path / "plain")]
    file = tmp_path / "plain/adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "base_model_name_or_path": "some/other"}))
    with pytest.raises(UserError, match="names another base: some/other"):
        merge([snli, tmp_path / "plain"], how="linear", out=tmp_path / "out")
    told = merge([snli, tmp_path / "plain"], how="linear", base=str(base), out=tmp_path / "told")
    assert torch.equal(states(told.run), states(ours.run))


def test_the_same_composition_again_is_done_and_another_is_refused(snli, squad, tmp_path, capsys):
    made = merge([snli, squad], how="mean", out=tmp_path / "out")
    before = files_of(tmp_path / "out")
    again = merge([snli, squad], how="mean", out=tmp_path / "out")
    assert "already done" in capsys.readouterr().err
    assert again.certificate == made.certificate
    assert files_of(tmp_path / "out") == before
    for compose in (lambda: merge([snli, squad], how="cat", out=tmp_path / "out"),
                    lambda: stack([snli, squad], out=tmp_path / "out")):  # fmt: skip
        with pytest.raises(UserError, match="holds another run"):
            compose()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep")
    with pytest.raises(UserError, match="holds something else"):
        merge([snli, squad], how="mean", out=tmp_path / "mine")
    assert (tmp_path / "mine/notes.txt").read_text() == "keep"


def test_heads_for_one_task_from_two_members_are_left_out_aloud(snli, train, tmp_path, capsys):
    other = train("snli", seed=1)
    made = merge([snli, other], how="mean", out=tmp_path / "out")
    assert made.run.heads == []
    assert "the head for snli is left out: 2 members have one" in capsys.readouterr().err


def test_the_page_names_members_weights_checks_and_the_loss(snli, squad, tmp_path):
    made = merge([snli, squad], how="svd", rank=1, weights=[1, 0.25], out=tmp_path / "out")
    page = (made.path / "certificate.md").read_text()
    assert json.loads((made.path / "certificate.json").read_text()) == made.certificate
    for word in (
        "snli",
        "squad_v1",
        "0.25",
        "sum",
        "identity",
        "reload",
        snli.record.base.fingerprint,
        "Lost by its rank (1)",
    ):
        assert word in page
    assert read_run(made.path).record.parents[0].path == str(snli.path.resolve())
    examples = snli.record.budget.examples + squad.record.budget.examples
    assert made.run.record.budget.examples_with_parents == examples
