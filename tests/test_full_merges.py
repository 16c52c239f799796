"""Merges of whole encoders: changes of the base, tensor by tensor, against float64 by hand; streamed, checked, used."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer, XLMRobertaForMaskedLM

from adapterstilts.base import find_base, load_encoder
from adapterstilts.cli import call as command_line
from adapterstilts.compose import encoders
from adapterstilts.compose import merge as merging
from adapterstilts.compose.encoder_files import opened, pieces, write_tensors
from adapterstilts.compose.merge import merge
from adapterstilts.compose.merges import Merge, merges
from adapterstilts.compose.stack import stack
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.report.compare import compare
from adapterstilts.train.command import train_intermediate, train_target


@pytest.fixture(scope="module")
def settings(mirror):
    return {"resources.mirror": str(mirror), "precision": "fp32", "train.max_steps": 2, "train.eval_every": 2,
            "train.learning_rate": 1e-3, "data.max_length": 64}  # fmt: skip


@pytest.fixture(scope="module")
def train(base, settings, tmp_path_factory):
    def make(task, method="full", base_folder=None):
        out = tmp_path_factory.mktemp("runs") / f"{task}-{method}"
        return train_intermediate(task, out=out, method=method, base=str(base_folder or base), settings=settings)

    return make


@pytest.fixture(scope="module")
def members(train):
    return [train("snli"), train("squad_v1"), train("hellaswag")]


def weights_of(run) -> dict[str, np.ndarray]:
    files = sorted((run.path / "encoder").glob("*.safetensors"))
    return {key: tensor.double().numpy() for file in files for key, tensor in load_file(file).items()}


def base_weights(base) -> dict[str, np.ndarray]:
    return {
        key: tensor.detach().double().numpy() for key, tensor in load_encoder(find_base(str(base))).named_parameters()
    }


def assert_holds(run, expected) -> None:
    found = weights_of(run)
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        assert np.linalg.norm(found[key] - tensor) <= 1e-6 * np.linalg.norm(tensor), key


def largest(ingredients, _):
    """Of all changes of a number, the one of the largest size."""
    for layer in ingredients.layers():
        stacked = np.stack([weight * layer.dense(k) for k, weight in enumerate(ingredients.weights)])
        place = np.abs(stacked).argmax(0)[None]
        yield layer.name, np.take_along_axis(stacked, place, 0)[0]


LARGEST = Merge("the largest", "dW = largest", "these tests", largest, kept="largest", methods=("full",))


class Known:
    """The catalog with a merge of ours in it."""

    def __init__(self, own: Merge) -> None:
        self.own = own

    def names(self):
        return [*merges.names(), "own"]

    def get(self, name):
        return self.own if name == "own" else merges.get(name)


@pytest.fixture
def with_own(monkeypatch):
    return lambda own: monkeypatch.setattr(merging, "merges", Known(own))


@pytest.mark.parametrize("weights", [(1, 1, 1), (0.5, -1, 2), (0, 1, 0)], ids=str)
def test_task_arithmetic_is_the_base_and_the_weighted_sum_of_changes(weights, members, base, tmp_path):
    made = merge(members, how="linear", weights=weights, out=tmp_path / "merged")
    first, all_of = base_weights(base), [weights_of(run) for run in members]
    pairs = list(zip(all_of, weights, strict=True))
    changes = {key: sum(weight * (one[key] - start) for one, weight in pairs) for key, start in first.items()}
    assert any(np.linalg.norm(change) > 0 for change in changes.values())
    assert_holds(made.run, {key: first[key] + change for key, change in changes.items()})
    checks = made.certificate["checks"]
    assert checks.keys() == {"sum", "identity"}
    assert all(one["largest"] <= one["allowed"] for one in checks.values())
    assert checks["sum"]["allowed"] == 1e-6


def test_the_mean_is_that_of_the_weights_themselves_rounded_once(members, tmp_path):
    made = merge(members, how="mean", out=tmp_path / "merged")
    all_of = [weights_of(run) for run in members]
    expected = {key: np.mean([one[key] for one in all_of], 0) for key in all_of[0]}
    found = weights_of(made.run)
    for key, tensor in expected.items():  # half a unit in the last place, or the one that float64 makes of it
        assert np.abs(found[key] - tensor).max() <= np.abs(tensor).max() * 2**-24 * 1.001, key
    assert_holds(made.run, expected)


def test_any_merge_that_works_number_by_number_merges_encoders(members, base, tmp_path, with_own):
    with_own(LARGEST)
    made = merge(members, how="own", out=tmp_path / "merged")
    first, all_of = base_weights(base), [weights_of(run) for run in members]
    expected = {}
    for key, start in first.items():
        stacked = np.stack([one[key] - start for one in all_of])
        expected[key] = start + np.take_along_axis(stacked, np.abs(stacked).argmax(0)[None], 0)[0]
    assert_holds(made.run, expected)
    assert made.certificate["checks"].keys() == {"reload", "identity"}


@pytest.mark.parametrize(("weights", "piece"), [((1, 1, 1), 1 << 22), ((1, -0.5, 0), 640)], ids=str)
def test_ties_trims_over_the_whole_encoder_and_elects_signs(weights, piece, members, base, tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "PIECE", piece)
    made = merge(members, how="ties", weights=weights, settings={"density": 0.3}, out=tmp_path / "merged")
    first = base_weights(base)
    parts = []
    for run, weight in zip(members, weights, strict=True):
        change = {key: own - first[key] for key, own in weights_of(run).items()}
        sizes = np.concatenate([np.abs(one).ravel() for one in change.values()])
        least = np.sort(sizes)[::-1][round(0.3 * sizes.size) - 1]
        parts.append({key: weight * np.where(np.abs(one) >= least, one, 0) for key, one in change.items()})
    merged = {}
    for key, start in first.items():
        stacked = np.stack([part[key] for part, weight in zip(parts, weights, strict=True) if weight])
        agree = (np.sign(stacked) == np.sign(stacked.sum(0))) & (stacked != 0)
        merged[key] = start + np.where(agree, stacked, 0).sum(0) / np.maximum(agree.sum(0), 1)
    assert_holds(made.run, merged)
    assert any(np.linalg.norm(merged[key] - start) > 0 for key, start in first.items())


def test_layers_by_themselves_are_not_trimmed(members, tmp_path):
    with pytest.raises(UserError, match="scope=model"):
        merge(members, how="ties", settings={"scope": "layer"}, out=tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_one_run_alone_is_itself_bit_by_bit(members, tmp_path):
    alone = merge(members[:1], how="linear", out=tmp_path / "alone").run
    for key, tensor in weights_of(members[0]).items():
        np.testing.assert_array_equal(weights_of(alone)[key], tensor)


def test_a_merged_encoder_is_loaded_scored_trained_on_and_compared(members, train, settings, mirror, tmp_path):
    merged = merge(members, how="mean", out=tmp_path / "merged-full").run
    assert merged.heads == ["hellaswag", "snli", "squad_v1"]
    assert (merged.method, merged.phase, merged.modules) == ("full", "merge", [])
    model, report = AutoModel.from_pretrained(
        merged.path / "encoder", add_pooling_layer=False, output_loading_info=True
    )
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert AutoTokenizer.from_pretrained(merged.path / "encoder")("a")["input_ids"]
    for key, tensor in model.named_parameters():
        np.testing.assert_array_equal(tensor.detach().numpy(), weights_of(merged)[key].astype(np.float32))
    loras = [train("snli", "lora"), train("squad_v1", "lora")]
    merged_lora = merge(loras, how="mean", out=tmp_path / "merged-lora").run
    for run in (merged, merged_lora):
        evaluate(run, "xnli", head="snli", settings={"resources.mirror": str(mirror)})
    compared = compare([merged, merged_lora])
    assert set(compared.scores["run"]) == {"merged-full", "merged-lora"}
    target = train_target("xnli", out=tmp_path / "target", method="full", start=merged.path, settings=settings)
    assert target.record.parents[0].fingerprint == merged.record.fingerprint


def test_a_merged_encoder_is_merged_again_and_done_once(members, tmp_path, capsys):
    both = merge(members[:2], how="linear", out=tmp_path / "both")
    again = merge([both.run, members[2]], how="linear", out=tmp_path / "again").run
    at_once = merge(members, how="linear", out=tmp_path / "at-once").run
    assert_holds(again, weights_of(at_once))
    merge(members[:2], how="linear", out=tmp_path / "both")
    assert "already done" in capsys.readouterr().err
    with pytest.raises(UserError, match="holds another run"):
        merge(members[:2], how="linear", weights=[1, 2], out=tmp_path / "both")


@pytest.mark.parametrize("kind", ["in a class", "in pieces", "bf16"])
def test_the_base_may_lie_in_other_files(kind, members, base, train, tmp_path):
    """As the Hub has it: inside a task's class, in several files, in half precision."""
    model = XLMRobertaForMaskedLM.from_pretrained(base)
    folder = tmp_path / "other"
    shutil.copytree(base, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    if kind == "bf16":
        model = model.to(torch.bfloat16)
        members = None
    model.save_pretrained(folder, max_shard_size="100KB" if kind == "in pieces" else "1GB")
    assert any(key.startswith("roberta.") for file in folder.glob("*.safetensors") for key in load_file(file))
    assert (len(list(folder.glob("*.safetensors"))) > 1) == (kind == "in pieces")
    runs = members or [train("snli", base_folder=folder), train("cosmos_qa", base_folder=folder)]
    made = merge(runs, how="linear", base=str(folder), out=tmp_path / "merged").run
    first, all_of = base_weights(folder), [weights_of(run) for run in runs]
    assert_holds(made, {key: start + sum(one[key] - start for one in all_of) for key, start in first.items()})


def test_pieces_change_nothing_and_bound_the_memory(members, tmp_path, monkeypatch):
    merge(members, how="linear", weights=[1, 2, 3], out=tmp_path / "whole")
    whole = (tmp_path / "whole/encoder/model.safetensors").read_bytes()
    monkeypatch.setattr(encoders, "PIECE", 640)
    tracemalloc.start()
    merge(members, how="linear", weights=[1, 2, 3], out=tmp_path / "pieces")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "pieces/encoder/model.safetensors").read_bytes() == whole
    assert peak < len(whole), (
        f"{peak} bytes at once for an encoder of {len(whole)}"
    )  # one copy in float64 is twice that


def test_pieces_are_all_rows_once():
    shapes = {"words": (7, 3), "bias": (5,), "cube": (2, 2, 2)}
    assert [tuple(one) for one in pieces(shapes, 99)] == [("words", 0, 7, 21), ("bias", 0, 1, 5), ("cube", 0, 2, 8)]
    words = [("words", 0, 2, 6), ("words", 2, 4, 6), ("words", 4, 6, 6), ("words", 6, 7, 3)]
    rest = [("bias", 0, 1, 5), ("cube", 0, 1, 4), ("cube", 1, 2, 4)]
    assert [tuple(one) for one in pieces(shapes, 6)] == [*words, *rest]
    assert [tuple(one) for one in pieces({"wide": (2, 9)}, 4)] == [("wide", 0, 1, 9), ("wide", 1, 2, 9)]


def test_what_is_written_in_parts_is_a_safetensors_file(tmp_path):
    words, bias = np.arange(12, dtype=np.float32).reshape(4, 3), np.ones(5, np.float32)
    write_tensors(tmp_path / "a.safetensors", {"words": (4, 3), "bias": (5,)}, [words[:1], words[1:], bias[None]])
    read = load_file(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(read["words"], words)
    assert int.from_bytes((tmp_path / "a.safetensors").read_bytes()[:8], "little") % 8 == 0  # numbers are aligned
    np.testing.assert_array_equal(read["bias"], bias)
    with pytest.raises(ValueError, match="12 bytes of numbers were written, and 48 announced"):
        write_tensors(tmp_path / "b.safetensors", {"words": (4, 3)}, [words[:1]])


def test_old_names_of_a_layernorm_are_read(tmp_path):
    save_file({"bert.embeddings.LayerNorm.gamma": torch.ones(2), "bert.embeddings.LayerNorm.beta": torch.zeros(2),
               "bert.embeddings.position_ids": torch.arange(3), "cls.predictions.bias": torch.ones(3),
               "bert.pooler.dense.weight": torch.ones(2, 2)}, tmp_path / "model.safetensors")  # fmt: skip
    with opened(tmp_path) as encoder:
        assert encoder.shapes == {"embeddings.LayerNorm.weight": (2,), "embeddings.LayerNorm.bias": (2,)}


@pytest.fixture
def copies(members, tmp_path):
    for number, run in enumerate(members[:2]):
        shutil.copytree(run.path, tmp_path / f"member{number}")
    return [tmp_path / "member0", tmp_path / "member1"]


def refused(said, copies, tmp_path, **options):
    """Merge what must be refused; return what it has left behind."""
    with pytest.raises(UserError, match=said):
        merge(copies, out=tmp_path / "out", **{"how": "linear", **options})
    return [path for path in tmp_path.iterdir() if "out" in path.name]


@pytest.mark.parametrize(
    ("damage", "said"),
    [("nan", "holds NaN"), ("truncated", "cannot be read"), ("shape", "different tensors, such as embeddings"),
     ("absent", "different tensors, such as encoder"), ("none", "no encoder in safetensors")],
)  # fmt: skip
def test_damaged_encoders_are_refused_and_nothing_is_left(damage, said, copies, tmp_path):
    file = copies[1] / "encoder/model.safetensors"
    tensors = load_file(file)
    if damage == "nan":
        tensors["encoder.layer.1.output.dense.bias"][3] = float("nan")
    if damage == "shape":
        tensors["embeddings.LayerNorm.bias"] = torch.zeros(3)
    if damage == "absent":
        del tensors["encoder.layer.1.output.dense.bias"]
    save_file(tensors, file, metadata={"format": "pt"})
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:-1000])
    if damage == "none":
        file.unlink()
    assert refused(said, copies, tmp_path) == []


def test_without_the_base_or_with_another_there_is_no_merge(copies, train, tmp_path, base, monkeypatch):
    assert refused("cannot have the weight inf", copies, tmp_path, weights=[1, float("inf")]) == []
    assert refused("beyond fp32", copies, tmp_path, weights=[1e300, 1]) == []
    own = tmp_path / "own-base"
    shutil.copytree(base, own)
    runs = [train(task, base_folder=own) for task in ("snli", "cosmos_qa")]
    tensors = load_file(own / "model.safetensors")
    next(iter(tensors.values())).view(-1)[0] += 1
    save_file(tensors, own / "model.safetensors", metadata={"format": "pt"})
    assert refused("not the one that the runs were trained from", runs, tmp_path) == []
    assert refused("stands on another base than --base", runs, tmp_path, base=str(own)) == []
    shutil.rmtree(own)
    assert refused("not a folder with a config.json", runs, tmp_path) == []
    assert merge(runs, how="mean", base=str(base), out=tmp_path / "out").run.record.base.name == str(base)


def test_runs_of_two_bases_are_refused(members, train, tmp_path):
    second = train_intermediate  # from the first member's encoder, which is another base
    other = second("snli", out=tmp_path / "second", method="full", start=members[0].path, settings={
        "resources.mirror": members[0].record.config["resources"]["mirror"], "train.max_steps": 1})  # fmt: skip
    assert refused("stands on another base", [members[1], other], tmp_path) == []


def test_what_was_written_wrongly_is_not_kept(copies, tmp_path, monkeypatch, with_own):
    real = encoders.write_tensors
    monkeypatch.setattr(
        encoders, "write_tensors", lambda path, shapes, parts: real(path, shapes, (1.001 * p for p in parts))
    )
    assert refused("away from the merge, allowed: 1e-06", copies, tmp_path) == []
    with_own(LARGEST)
    assert refused("away from the merge, allowed: 1e-06", copies, tmp_path, how="own") == []


def test_a_merge_that_is_not_itself_for_one_member_is_not_kept(copies, tmp_path, with_own):
    def shrunk(ingredients, settings):
        return ((name, 0.9 * delta) for name, delta in largest(ingredients, settings))

    with_own(replace(LARGEST, combine=shrunk))
    assert refused("merge of one member is 0.1 away", copies, tmp_path, how="own") == []


def test_a_signal_stops_a_merge_and_nothing_is_left(copies, tmp_path, with_own):
    def stopped(ingredients, settings):
        for number, one in enumerate(largest(ingredients, settings)):
            if number == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            yield one

    with_own(replace(LARGEST, combine=stopped))
    with pytest.raises(Interrupted):
        merge(copies, how="own", out=tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["member0", "member1"]


def test_encoders_are_no_members_of_a_stack(members, tmp_path):
    with pytest.raises(UserError, match="leaves a whole encoder and no adapter"):
        stack(members, out=tmp_path / "stack")


def test_the_command_merges_encoders(copies, tmp_path, capfd):
    words = [*map(str, copies), "--how", "linear", "--weights=1,-0.5", "--out", str(tmp_path / "out")]
    assert command_line(["merge", *words]) == 0
    printed = capfd.readouterr()
    assert printed.out.strip() == str(tmp_path / "out")
    assert "checked sum" in printed.err
    certificate = json.loads((tmp_path / "out/certificate.json").read_text())
    assert [member["modules"] for member in certificate["members"]] == [["full"], ["full"]]
    assert command_line(["merge", *map(str, copies), "--how", "cat", "--out", str(tmp_path / "cat")]) == 2
    assert "those that are: dare_linear, dare_ties, linear, magnitude_prune, mean, ties" in capfd.readouterr().err
