"""Heads on disk: loaded as they were saved, read by the names of their outputs, chosen in a stated order."""

from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from adapterstilts.compose.stack import stack
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.heads import head_for, read_head
from adapterstilts.evaluation.load import load_run
from adapterstilts.model import Runtime
from adapterstilts.store.run import read_run
from adapterstilts.tasks import tasks
from adapterstilts.train.command import train_intermediate, train_target


@pytest.fixture(scope="module")
def settings(mirror):
    return {"resources.mirror": str(mirror), "precision": "fp32"}


@pytest.fixture(scope="module")
def train(base, settings, tmp_path_factory):
    def make(task):
        out = tmp_path_factory.mktemp("runs") / task
        few = {"train.max_steps": 6, "train.eval_every": 6, "train.learning_rate": 1e-2, **settings}
        return train_intermediate(task, out=out, base=str(base), settings=few)

    return make


@pytest.fixture(scope="module")
def snli(train):
    return train("snli")


def reordered(run, folder, order):
    """Copy a run with the outputs of its SNLI head in another order, and their names with them."""
    shutil.copytree(run.path, folder, ignore=shutil.ignore_patterns("eval"))
    names, weights = folder / "heads/snli.json", folder / "heads/snli.safetensors"
    record = json.loads(names.read_text())
    names.write_text(json.dumps({**record, "labels": [record["labels"][place] for place in order]}))
    tensors = load_file(weights)
    outputs = {key: tensor[order].contiguous() for key, tensor in tensors.items() if tensor.shape[0] == len(order)}
    assert len(outputs) == 2  # a weight and a bias
    save_file({**tensors, **outputs}, weights)
    return read_run(folder)


def answers(run, settings):
    [found] = evaluate(run, "snli", languages=["en"], split="dev", settings=settings)
    return pq.read_table(found.path / "predictions/en.parquet")


def test_outputs_are_read_by_their_names_and_not_by_their_places(snli, settings, tmp_path):
    expected = answers(snli, settings)
    found = answers(reordered(snli, tmp_path / "run", [2, 0, 1]), settings)
    assert found["prediction"].equals(expected["prediction"])
    assert found["gold"].equals(expected["gold"])


def test_a_head_with_outputs_in_another_order_starts_no_training(snli, settings, tmp_path):
    other = reordered(snli, tmp_path / "run", [2, 0, 1])
    with pytest.raises(UserError, match="its outputs mean something else"):
        train_target("snli", start=other.path, out=tmp_path / "out", settings={**settings, "reuse_head": "snli"})


def test_a_head_of_another_format_starts_no_training(train, settings, tmp_path):
    squad = train("squad_v1")
    with pytest.raises(UserError, match="its outputs mean something else"):
        train_target("hellaswag", start=squad.path, out=tmp_path / "out",
                     settings={**settings, "reuse_head": "squad_v1"})  # fmt: skip


def test_the_tasks_that_a_target_learns_from_answer_it_in_their_order(train, tmp_path):
    stacked = stack([train("hellaswag"), train("cosmos_qa")], out=tmp_path / "stack").run
    assert stacked.heads == ["cosmos_qa", "hellaswag"]
    assert [name for name in tasks.get("xcopa").learns_from if name in stacked.heads] == ["cosmos_qa", "hellaswag"]
    assert head_for(stacked, tasks.get("xcopa")).name == "cosmos_qa"
    assert head_for(stacked, tasks.get("xcopa"), "hellaswag").name == "hellaswag"


def test_another_question_is_asked_when_another_head_answers(train, settings, tmp_path):
    """Answers by one head are not kept for another one."""
    stacked = stack([train("hellaswag"), train("cosmos_qa")], out=tmp_path / "stack").run
    where = {"resources.mirror": settings["resources.mirror"]}
    files = []
    for head in ("cosmos_qa", "hellaswag"):
        [found] = evaluate(stacked, "xcopa", head=head, settings=where)
        assert found.metrics["head"] == head
        files.append({path.name: pq.read_table(path)["score"].to_pylist() for path in found.path.rglob("*.parquet")})
    assert files[0].keys() == files[1].keys()
    assert all(files[0][name] != files[1][name] for name in files[0])


def test_a_head_is_loaded_bit_by_bit(snli, settings):
    loaded = load_run(snli, Runtime(torch.device("cpu"), "fp32", 512))
    loaded.add_head(read_head(snli, "snli"))
    saved = load_file(snli.path / "heads/snli.safetensors")
    live = loaded.model.heads["snli"].state_dict()
    assert saved.keys() == live.keys()
    assert all(torch.equal(saved[key], live[key]) for key in saved)
    assert not any(module.training for module in loaded.model.modules())


def test_a_fresh_head_unless_one_is_asked_for(snli, train, base, settings, tmp_path):
    squad, settings = train("squad_v1"), {**settings, "train.max_steps": 3}
    still = {**settings, "train.learning_rate": 1e-30}
    fresh = train_target("snli", start=snli.path, out=tmp_path / "fresh", settings=still)
    reused = train_target("snli", start=snli.path, out=tmp_path / "reused", settings={**still, "reuse_head": "snli"})
    old, new, kept = (load_file(run.path / "heads/snli.safetensors") for run in (snli, fresh, reused))
    assert all(torch.allclose(old[key], kept[key], atol=1e-12) for key in old)
    assert not torch.allclose(old["dense.weight"], new["dense.weight"], atol=1e-4)
    for start, head, message in ((snli, "snli", "its outputs mean something else"), (squad, "mnli", "has no head")):
        with pytest.raises(UserError, match=message):
            train_target("udpos", start=start.path, out=tmp_path / "no", settings={**settings, "reuse_head": head})
    with pytest.raises(UserError, match="needs a run to take the head from"):
        train_target("udpos", base=str(base), out=tmp_path / "no",
                     settings={**settings, "reuse_head": "snli"})  # fmt: skip
    assert not (tmp_path / "no").exists()
