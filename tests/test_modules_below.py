"""Modules that stand below the trained one: frozen, in fp32, without dropout, and all of them computed with."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from adapterstilts.compose.stack import stack
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate_base
from adapterstilts.evaluation.load import load_run
from adapterstilts.methods import methods
from adapterstilts.model import Runtime
from adapterstilts.store.run import read_run
from adapterstilts.train import record
from adapterstilts.train.command import make_member, train_intermediate, train_target
from adapterstilts.train.plan import Given, make_plan

TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])


@pytest.fixture(scope="module")
def settings(mirror):
    return {
        "resources.mirror": str(mirror),
        "precision": "fp32",
        "train.max_steps": 2,
        "train.eval_every": 2,
        "train.learning_rate": 2e-2,
    }


@pytest.fixture(scope="module")
def stacks(base, settings, tmp_path_factory):
    """A stack of each method, of members that were trained with dropout."""
    root = tmp_path_factory.mktemp("below")

    def of(method):
        if not (root / method).exists():
            members = [
                train_intermediate(task, out=root / f"{method}-{task}", base=str(base), method=method,
                                   settings={**settings, "method.dropout": 0.3})
                for task in ("snli", "hellaswag")
            ]  # fmt: skip
            stack(members, out=root / method)
        return root / method

    return of


def member_above(start, settings, folder, method="lora"):
    return make_member(make_plan("target", ["udpos"], Given(method, None, start, False, settings), {}), folder)


def dropouts(encoder: nn.Module, name: str) -> set[float]:
    """The rates at which the module called `name` drops its input."""
    found = {module.p for key, module in encoder.named_modules() if name in key and isinstance(module, nn.Dropout)}
    return {rate for rate in found if rate}


@pytest.mark.parametrize("method", ["lora", "bottleneck"])
def test_only_the_top_is_trained_and_only_the_top_drops(method, stacks, settings, tmp_path):
    member = member_above(stacks(method), {**settings, "method.dropout": 0.2}, tmp_path, method)
    encoder, below = member.model.encoder, member.place.below
    assert len(below) == 2
    trained = {id(parameter) for parameter in encoder.parameters() if parameter.requires_grad}
    assert trained == {id(p) for key, p in member.parameters.items() if key.startswith("adapter.")}
    assert dropouts(encoder, member.name) == {0.2}
    assert not any(dropouts(encoder, name) for name in below)
    member.activate()
    assert trained == {id(parameter) for parameter in encoder.parameters() if parameter.requires_grad}


@pytest.mark.parametrize("method", ["lora", "bottleneck"])
def test_every_module_below_is_computed_with(method, stacks, settings, tmp_path):
    """Training starts from the states of the whole stack, and each of its modules counts."""
    member = member_above(stacks(method), settings, tmp_path, method)
    member.activate()
    encoder = member.model.encoder.eval()
    own = methods.get(method)
    with torch.inference_mode():
        before = encoder(input_ids=TOKENS).last_hidden_state
        for name in member.place.below:
            tensors = own.parameters(encoder, name)
            kept = {key: tensor.clone() for key, tensor in tensors.items()}
            for tensor in tensors.values():
                tensor.mul_(2)
            assert not torch.allclose(encoder(input_ids=TOKENS).last_hidden_state, before, atol=1e-5), name
            for key, tensor in tensors.items():
                tensor.copy_(kept[key])


@pytest.mark.parametrize("method", ["lora", "bottleneck"])
def test_in_bf16_the_base_is_rounded_and_no_module_is(method, stacks, settings, tmp_path):
    member = member_above(stacks(method), {**settings, "precision": "bf16"}, tmp_path, method)
    own = methods.get(method)
    for name in (*member.place.below, member.name):
        assert {tensor.dtype for tensor in own.parameters(member.model.encoder, name).values()} == {torch.float32}
    rounded = [key for key, tensor in member.model.encoder.named_parameters() if tensor.dtype == torch.bfloat16]
    assert len([key for key in rounded if key.endswith("weight")]) == 2 * 6  # the Linear layers of both blocks


@pytest.mark.parametrize("method", ["lora", "bottleneck"])
def test_an_evaluation_in_bf16_rounds_no_module_either(method, stacks):
    encoder = load_run(read_run(stacks(method)), Runtime(torch.device("cpu"), "bf16", 512)).model.encoder
    own = methods.get(method)
    for number in (0, 1):
        tensors = own.parameters(encoder, f"at_0_{number}")
        assert tensors
        assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    rounded = [key for key, tensor in encoder.named_parameters() if tensor.dtype == torch.bfloat16]
    assert len([key for key in rounded if key.endswith("weight")]) == 2 * 6
    assert not any(module.training for module in encoder.modules())


def test_a_module_that_is_trained_on_takes_the_dropout_asked_for(stacks, settings, tmp_path):
    first = train_target("udpos", start=stacks("lora"), out=tmp_path / "first", settings=settings)
    again = {**settings, "method.dropout": 0.4}
    member = member_above(first.path, again, tmp_path / "member")
    assert dropouts(member.model.encoder, member.name) == {0.4}
    assert not any(dropouts(member.model.encoder, name) for name in member.place.below)
    second = train_target("udpos", start=first.path, out=tmp_path / "second", settings=again)
    assert [module.folder.name for module in second.modules] == ["0", "1", "2"]
    saved = json.loads((second.modules[-1].folder / "adapter_config.json").read_text())
    assert saved["lora_dropout"] == 0.4


@pytest.mark.parametrize("method", ["lora", "bottleneck"])
def test_training_goes_on_from_the_saved_top_above_the_saved_modules_below(method, stacks, settings, tmp_path):
    first = train_target("udpos", start=stacks(method), method=method, out=tmp_path / "first", settings=settings)
    member = member_above(first.path, settings, tmp_path / "member", method)
    assert first.record.config["on_top"]  # a stack is never trained itself
    own, seen = methods.get(method), set()
    for name, module in zip((*member.place.below, member.name), first.modules, strict=True):
        [file] = module.folder.glob("*.safetensors")
        live = [tensor.sum().item() for tensor in own.parameters(member.model.encoder, name).values()]
        assert sorted(live) == sorted(tensor.sum().item() for tensor in load_file(file).values())
        seen.add(sum(live))
    assert len(seen) == 3


def test_a_run_that_was_killed_while_it_was_saved_is_saved_again(stacks, settings, tmp_path, monkeypatch):
    def dies(*given):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(record, "save_head", dies)
        with pytest.raises(MemoryError):
            train_target("udpos", start=stacks("lora"), out=tmp_path / "run", settings=settings)
    assert (tmp_path / "run/adapter/stack.json").is_file()
    run = train_target("udpos", start=stacks("lora"), out=tmp_path / "run", settings=settings)
    assert len(run.modules) == 3


def test_the_beginning_of_a_run_is_that_of_its_seed_and_shape(base, settings, tmp_path):
    """The digest of first weights tells seeds and shapes apart, and nothing else."""
    changes = [{}, {"train.learning_rate": 1e-3}, {"seed": 1}, {"method.r": 4}, {"method.layers": "0"}]
    found = []
    for number, change in enumerate(changes):
        given = Given("lora", str(base), None, False, {**settings, **change})
        found.append(make_member(make_plan("target", ["udpos"], given, {}), tmp_path / str(number)).initialisation)
    assert found[0] == found[1]
    assert len(set(found)) == 4
    assert "" not in found


def test_an_untrained_base_is_no_start(base, settings, tmp_path):
    where = {"resources.mirror": settings["resources.mirror"], "precision": "fp32"}
    evaluate_base(str(base), "tatoeba", out=tmp_path / "base", languages=["de"], settings=where)
    with pytest.raises(UserError, match="holds scores of an untrained base"):
        train_target("udpos", start=tmp_path / "base", out=tmp_path / "out", settings=settings)
    assert not (tmp_path / "out").exists()
