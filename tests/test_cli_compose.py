"""`merge`, `stack`, `merges` and `evaluate` without a run, as typed: what they print, how they refuse."""

from __future__ import annotations

import json
import math
import shutil

import pytest
from safetensors.torch import load_file, save_file

from adapterstilts.cli import call
from adapterstilts.train.command import train_intermediate


@pytest.fixture(scope="module")
def folder(base, mirror, tmp_path_factory):
    """Two LoRA runs, one of them also damaged in several ways."""
    folder = tmp_path_factory.mktemp("runs")
    settings = {
        "resources.mirror": str(mirror),
        "train.max_steps": 2,
        "train.eval_every": 2,  # one look, at the end: what is merged has really been trained
        "precision": "fp32",
        "train.learning_rate": 0.01,
    }
    for task in ("snli", "hellaswag"):
        train_intermediate(task, out=folder / task, base=str(base), settings=settings)
    weights = "adapter/adapter_model.safetensors"
    for name in ("nan", "cut", "trick"):
        shutil.copytree(folder / "snli", folder / name)
    tensors = load_file(folder / "nan" / weights)
    next(iter(tensors.values()))[0, 0] = math.nan
    save_file(tensors, folder / "nan" / weights)
    (folder / "cut" / weights).write_bytes((folder / "snli" / weights).read_bytes()[:200])
    config = folder / "trick/adapter/adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "rank_pattern": {"../../etc": "../x"}}))
    return folder


BAD = {
    "no runs": ([], "Missing argument 'RUNS"),
    "one weight for two": (["snli", "hellaswag", "--weights=1"], "1 weights for 2 members"),
    "weights that are none": (["snli", "hellaswag", "--weights=a,b"], "cannot read --weights 'a,b'"),
    "NaN": (["snli", "nan"], "holds NaN or infinity"),
    "truncated": (["snli", "cut"], "cannot be read"),
    "a path in a setting": (["snli", "trick"], "a rank cannot be '../x'"),
    "no run": (["snli", "nowhere"], "there is no folder"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_merge_is_refused_with_exit_2_and_leaves_nothing(case, folder, tmp_path, monkeypatch, capfd):
    words, message = BAD[case]
    monkeypatch.chdir(folder)
    assert call(["merge", *words, "--how", "linear", "--out", str(tmp_path / "out")]) == 2
    captured = capfd.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_merge_prints_its_checks_and_its_folder(folder, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    words = ["merge", "snli", "hellaswag", "--how", "svd", "--rank", "4", "--out", str(tmp_path / "out")]
    assert call(words) == 0
    captured = capfd.readouterr()
    assert captured.out.strip() == str(tmp_path / "out")
    for word in ("checked sum:", "checked identity:", "checked reload:", "lost by rank 4:", "certificate.md"):
        assert word in captured.err
    assert call([*words, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["rank"] == 4
    assert call(["stack", "snli", "hellaswag", "--out", str(tmp_path / "stack")]) == 0
    assert "checked copies: 0 at most" in capfd.readouterr().err


def test_merges_are_listed(capfd):
    assert call(["merges"]) == 0
    table = capfd.readouterr().out
    assert call(["merges", "--json"]) == 0
    listed = json.loads(capfd.readouterr().out)
    assert {"mean", "linear", "cat", "svd"} <= set(listed)
    assert all(name in table for name in listed)
    assert "[w_1 B_1" in table  # brackets are no markup
    assert listed["svd"]["exact"] is False


def test_evaluate_without_a_run_wants_a_base_and_a_folder(base, mirror, folder, tmp_path, capfd):
    words = ["evaluate", "--task", "tatoeba", "--mirror", str(mirror)]
    for more, message in (
        ([], "there is no run to score"),
        (["--base", str(base), "--out", str(tmp_path / "out"), "--head", "snli"], "--head is for a run"),
        (["--base", str(base), "--out", str(tmp_path / "out"), "--layer", "top"], "--layer 'top' is no layer"),
        (["--base", str(base), "--out", str(tmp_path / "out"), "--layer", "9"], "there is no layer 9"),
    ):
        assert call([*words, *more]) == 2
        assert message in capfd.readouterr().err
    assert call(["evaluate", str(folder / "snli"), "--out", "x", "--task", "snli"]) == 2
    assert "--out is for an untrained base" in capfd.readouterr().err
    assert call([*words, "--base", str(base), "--out", str(tmp_path / "base"), "--layer", "sweep"]) == 0
    assert "accuracy by layer" in capfd.readouterr().out
