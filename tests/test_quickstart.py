"""The quickstart: the whole method from nothing, then nothing more to do; what it tells to try next works."""

from __future__ import annotations

import json
import shlex
from xml.etree import ElementTree

import pytest

from adapterstilts.cli import run
from adapterstilts.mini.languages import languages
from adapterstilts.report import quickstart as tour
from adapterstilts.report.study import Way
from adapterstilts.store.run import read_run
from adapterstilts.tasks import tasks

TWO = ("snli", "hellaswag")
WAYS = (Way("none", "lora"), Way("merged", "lora", TWO, "mean"), Way("stacked", "lora", TWO, "stack"))
TARGETS = ("xnli", "tatoeba")


@pytest.fixture
def short(base, monkeypatch):
    """The quickstart with little to do, on a tiny base and a tiny mirror."""
    monkeypatch.setattr("adapterstilts.base.embedded_base", lambda: base)
    monkeypatch.setattr("adapterstilts.mini.embedded._SIZE", 24)
    monkeypatch.setattr(tour, "WAYS", WAYS)
    monkeypatch.setattr(tour, "TARGETS", TARGETS)
    few = {"train.max_steps": 2, "train.eval_every": 2, "train.eval_examples": 10, "train.warmup_ratio": 0}
    monkeypatch.setattr(tour, "SETTINGS", {**tour.SETTINGS, **few})


def contents(folder):
    """Return the bytes of every file, and when it was written."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.filterwarnings("error:Could not find a config file")  # peft has asked the Hub for a base called mini
def test_it_runs_repeats_nothing_and_its_advice_works(short, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert run(["quickstart", "--out", "tour"]) == 0
    first = capfd.readouterr()
    assert "[1/10] intermediate snli-lora" in first.err
    assert first.err.count("already done") == 0
    for way in WAYS:
        assert sum(line.split()[:1] == [way.name] for line in first.out.splitlines()) == 2  # its scores, its costs

    page = (tmp_path / "tour/comparison.md").read_text(encoding="utf-8")
    assert all(f"## {target}\n" in page for target in TARGETS)
    assert all(f"| {way.name} |" in page for way in WAYS)
    assert ElementTree.fromstring((tmp_path / "tour/result.svg").read_bytes()).tag.endswith("svg")
    scored = read_run(tmp_path / "tour/targets/xnli/none").record
    assert (scored.base.name, scored.config["resources"]["mirror"]) == ("mini", "mini")

    before = contents(tmp_path)
    assert run(["quickstart", "--out", "tour"]) == 0
    again = capfd.readouterr()
    assert again.err.splitlines()[0] == "already done, nothing to do: tour"
    assert again.out == first.out
    assert contents(tmp_path) == before

    advice = first.err.split("Try next:\n")[1].splitlines()
    assert len(advice) == 4
    for line in advice:
        words = shlex.split(line)
        more = ["--max-steps", "1"] if words[1].startswith("train-") else []
        assert words[0] == "adapterstilts"
        assert run([*words[1:], *more]) == 0, f"{line}\n{capfd.readouterr().err}"
    capfd.readouterr()
    assert run(["quickstart", "--out", "tour"]) == 0, "its own advice has made the folder unreadable"
    assert capfd.readouterr().out == first.out

    assert run(["quickstart", "--out", "tour", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert {(line["way"], line["target"]) for line in found["scores"]} == {
        (way.name, target) for way in WAYS for target in TARGETS
    }


def test_what_was_left_half_done_is_finished(short, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(tour, "WAYS", WAYS[:1])
    monkeypatch.setattr(tour, "TARGETS", ("tatoeba",))
    out = tmp_path / "tour"
    with monkeypatch.context() as patch:
        patch.setattr(tour, "draw", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert run(["quickstart", "--out", str(out)]) == 130
    assert json.loads((out / "quickstart.json").read_text())["done"] == []
    assert not (out / "result.svg").exists()
    assert run(["quickstart", "--out", str(out)]) == 0
    assert "nothing to do" not in capfd.readouterr().err
    assert json.loads((out / "quickstart.json").read_text())["done"] == ["none"]
    assert (out / "result.svg").is_file()


def test_the_baselines_join_what_is_done_already(short, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(tour, "WAYS", WAYS[:1])
    monkeypatch.setattr(tour, "BASELINES", (Way("translated-de", "lora", ("snli",), language="de"),))
    out = tmp_path / "tour"
    assert run(["quickstart", "--out", str(out)]) == 0
    before = (out / "targets/xnli/none/log.jsonl").stat().st_mtime_ns
    capfd.readouterr()
    assert run(["quickstart", "--out", str(out), "--baselines"]) == 0
    said = capfd.readouterr()
    assert "snli translated: de" in said.err
    assert sum(line.split()[:1] == ["translated-de"] for line in said.out.splitlines()) == 2  # its scores, its costs
    assert "as some ways were trained on rows in de" in said.out
    assert "| translated-de |" in (out / "comparison.md").read_text(encoding="utf-8")
    assert (out / "targets/xnli/none/log.jsonl").stat().st_mtime_ns == before
    for words in (["--baselines"], []):
        assert run(["quickstart", "--out", str(out), *words]) == 0
        again = capfd.readouterr()
        assert again.err.splitlines()[0] == f"already done, nothing to do: {out}"
        assert ("translated-de" in again.out) is bool(words)


def test_a_folder_of_something_else_is_left_alone(tmp_path, capfd):
    (tmp_path / "mine.txt").write_text("mine")
    assert run(["quickstart", "--out", str(tmp_path)]) == 2
    said = capfd.readouterr().err
    assert f"{tmp_path} holds something else" in said
    assert "choose another --out" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("done", [["none"], []])
@pytest.mark.parametrize("changed", ["version", "asked"])
def test_the_folder_of_another_version_is_refused(changed, done, tmp_path, capfd):
    mark = {**tour._what(), "done": done, changed: "another"}
    (tmp_path / "quickstart.json").write_text(json.dumps(mark))
    assert run(["quickstart", "--out", str(tmp_path)]) == 2
    assert "holds the quickstart of another version" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["quickstart.json"]
    assert json.loads((tmp_path / "quickstart.json").read_text()) == mark


def test_it_shows_every_way_to_prepare_an_encoder():
    by_lora = {task for way in tour.WAYS if way.method == "lora" for task in way.tasks}
    assert len(by_lora) >= 3
    assert all("intermediate" in tasks.get(task).roles for task in by_lora)
    assert any(not way.tasks for way in tour.WAYS)
    assert any(way.how == "stack" and len(way.tasks) > 1 for way in tour.WAYS)
    assert any(way.how not in {"", "stack"} and len(way.tasks) > 1 for way in tour.WAYS)
    assert {"lora", "bottleneck", "full"} <= {way.method for way in tour.WAYS if way.tasks}
    assert all(way.how or len(way.tasks) < 2 for way in tour.WAYS)
    assert len({way.name for way in tour.WAYS}) == len(tour.WAYS)
    assert not tour.WAYS[0].tasks  # what all others are measured by


def test_the_baselines_are_the_papers_and_averaged_runs_beside_the_plain_task():
    ways = {way.name: way for way in tour.BASELINES}
    assert ways["snli"] == Way("snli", "lora", ("snli",))
    assert 0 < ways["with-mlm"].mlm < 1
    assert {way.language for way in ways.values()} == {None, "de", "sw"}
    assert ways["multi-task"].tasks == tour.INTERMEDIATE
    assert not ways["multi-task"].composed
    assert ways["averaged"].runs > 1
    assert not set(ways) & {way.name for way in tour.WAYS}


def test_its_targets_are_of_many_formats_and_reach_every_language_of_the_world():
    targets = [tasks.get(name) for name in tour.TARGETS]
    assert all("target" in task.roles for task in targets)
    assert len({task.format for task in targets}) >= 4
    reached = {language for task in targets for language in task.configs} & set(languages.names())
    assert reached == set(languages.names())
