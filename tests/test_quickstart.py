"""The quickstart: the whole job from nothing, then nothing more to do; what it tells to try next works."""

from __future__ import annotations

import shlex

import pytest

from adapterstilts.cli import run
from adapterstilts.errors import UserError
from adapterstilts.report import quickstart as tour


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setitem(tour._SETTINGS, "train.max_steps", 2)


def test_the_quickstart_runs_repeats_nothing_and_its_advice_works(short, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert run(["quickstart", "--out", "tour"]) == 0
    first = capfd.readouterr()
    assert "udpos-lora" in first.out
    assert "its scores mean nothing" in first.err
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "tour").rglob("*.safetensors")}
    assert run(["quickstart", "--out", "tour"]) == 0
    again = capfd.readouterr()
    assert again.err.count("already done") == 6
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "tour").rglob("*.safetensors")} == before
    advice = first.err.split("Try next:\n")[1].replace("\\\n", " ").splitlines()
    assert len(advice) == 3
    for line in advice:
        words = shlex.split(line)[1:]
        words = [*words, "--max-steps", "1"] if words[0].startswith("train-") else words
        assert run(words) == 0, f"{line}\n{capfd.readouterr().err}"


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="holds something else"):
        tour.quickstart(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
