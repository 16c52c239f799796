"""Fisher information of bottlenecks: measured parameter by parameter, and merged by it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from adapterstilts.compose import parameters
from adapterstilts.compose.merge import merge
from adapterstilts.errors import UserError
from adapterstilts.evaluation import measuring
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.heads import read_head
from adapterstilts.evaluation.load import load_run
from adapterstilts.methods import methods
from adapterstilts.model import Runtime
from adapterstilts.train.command import train_intermediate
from adapterstilts.train.plan import rows_of
from adapterstilts.train.statistics import statistics

EXAMPLES = 6

pytest.importorskip("adapters")


@pytest.fixture(scope="module")
def runs(base, mirror, tmp_path_factory):
    settings = {"resources.mirror": str(mirror), "precision": "fp32", "train.max_steps": 3, "train.eval_every": 3,
                "train.learning_rate": 2e-2, "data.max_length": 64}  # fmt: skip
    made = []
    for task in ("snli", "cosmos_qa"):
        out = tmp_path_factory.mktemp("runs") / task
        made.append(train_intermediate(task, out=out, base=str(base), method="bottleneck", settings=settings))
        statistics(made[-1], ["fisher"], settings={"examples": EXAMPLES})
    return made


def of(run):
    """A bottleneck's tensors by name, the module's own name left out."""
    [file] = (run.path / "adapter").glob("*.safetensors")
    own = json.loads((file.parent / "adapter_config.json").read_text())["name"]
    return {key.replace(f".{own}.", "."): tensor.double().numpy() for key, tensor in load_file(file).items()}


def figures(run):
    return {key: one.double().numpy() for key, one in load_file(run.path / "fisher.safetensors").items()}


def test_it_is_the_mean_squared_gradient_of_every_example(runs):
    run = runs[0]
    loaded = load_run(run, Runtime(torch.device("cpu"), "fp32", 512))
    loaded.add_head(read_head(run, "snli"))
    rows = loaded.encode(rows_of(run)["snli"])
    _, chosen = measuring.draw({"snli": rows}, EXAMPLES, run.record.seed)["snli"]
    trained = methods.get("bottleneck").parameters(loaded.model.encoder, "at_0_0")
    total = {key: np.zeros(tensor.shape) for key, tensor in trained.items()}
    for tensor in trained.values():
        tensor.requires_grad_(True)
    for index in chosen:
        loaded.model.zero_grad()
        batch = rows.format.collate(rows.take(np.array([index])), rows.pad_id)
        (-loaded.model("snli", batch).log_softmax(-1)[0, batch["labels"][0]]).backward()
        for key, tensor in trained.items():
            total[key] += tensor.grad.double().numpy() ** 2
    found = figures(run)
    assert found.keys() == total.keys() == of(run).keys()
    for key, summed in total.items():
        np.testing.assert_allclose(found[key], summed / EXAMPLES, atol=1e-4 * summed.max(), err_msg=key)


def test_the_merge_weighs_every_parameter(runs, mirror, tmp_path):
    made = merge(runs, how="fisher", weights=[1, 3], out=tmp_path / "merged")
    merged, members, known = of(made.run), [of(run) for run in runs], [figures(run) for run in runs]
    for key, tensor in merged.items():
        least = 1e-6 * np.mean([one[key].mean() for one in known]) or 1.0
        weights = [w * np.maximum(one[key], least) for w, one in zip((1, 3), known, strict=True)]
        expected = sum(w * one[key] for w, one in zip(weights, members, strict=True)) / sum(weights)
        np.testing.assert_allclose(tensor, expected, atol=1e-6 * np.abs(expected).max(), err_msg=key)
        mean = (members[0][key] + members[1][key]) / 2
    assert not np.allclose(merged[key], mean, atol=1e-4)
    assert made.certificate["checks"].keys() == {"reload", "identity"}
    assert evaluate(made.run, "xnli", head="snli", settings={"resources.mirror": str(mirror)})


def test_a_bottleneck_has_no_rank_and_no_gram_matrix(runs, tmp_path):
    with pytest.raises(UserError, match="no rank"):
        merge(runs, how="fisher", rank=4, out=tmp_path / "out")
    with pytest.raises(UserError, match="is no LoRA but bottleneck"):
        statistics(runs[0], ["gram"])
    with pytest.raises(UserError, match="are no shares"):
        merge(runs, how="fisher", weights=[1, -1], out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_merge_that_was_written_wrongly_is_not_kept(runs, tmp_path, monkeypatch):
    real = parameters.save_file

    def wrong(tensors, path):
        real({key: tensor * np.float32(1.001) for key, tensor in tensors.items()}, path)

    monkeypatch.setattr(parameters, "save_file", wrong)
    with pytest.raises(UserError, match="does not hold the merge"):
        merge(runs, how="fisher", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
