"""The quickstart: the whole method from nothing, then nothing more to do; what it tells to try next works."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
from xml.etree import ElementTree

import pytest
import yaml
from small_studies import Here

from adapterstilts.cli import call
from adapterstilts.experiment.build import build
from adapterstilts.experiment.open import open_study
from adapterstilts.experiment.record import write_failure
from adapterstilts.experiment.step import folder_of
from adapterstilts.mini.languages import languages
from adapterstilts.report import quickstart as tour
from adapterstilts.store.run import read_run
from adapterstilts.tasks import tasks

TWO = ["snli", "hellaswag"]
MEMBERS = {task: {"learn": task, "shown": False} for task in TWO}
COMPOSED = {**MEMBERS, "none": {}, "merged": {"merge": TWO}, "stacked": {"stack": TWO}}
TARGETS = ["xnli", "tatoeba"]


@pytest.fixture
def short(base, tmp_path, monkeypatch):
    """The quickstart with little to do, on a tiny base and a tiny mirror, in this process; its recipes may be set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("adapterstilts.base.embedded_base", lambda: base)
    monkeypatch.setattr("adapterstilts.mini.embedded._SIZE", 24)
    monkeypatch.setattr(tour, "LocalRunner", Here)

    def write(ways, recipe="RECIPE", targets=TARGETS):
        few = {"train.max_steps": 2, "train.eval_every": 2, "train.eval_examples": 10, "train.warmup_ratio": 0}
        study = {"study": "?", "base": "mini", "seeds": [0], "targets": targets, "settings": {"all": few}}
        (tmp_path / f"{recipe}.yaml").write_text(yaml.safe_dump({**study, "methods": {"lora": {}}, "ways": ways}))
        monkeypatch.setattr(tour, recipe, f"{recipe}.yaml")

    return write


def written(folder):
    """Return when each weight, each training's log and each prediction was written."""
    files = [path for path in folder.rglob("*") if path.suffix in {".safetensors", ".parquet", ".jsonl"}]
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.mark.filterwarnings("error:Could not find a config file")  # peft has asked the Hub for a base called mini
def test_it_runs_repeats_nothing_and_its_advice_works(short, tmp_path, capfd):
    short(COMPOSED)
    assert call(["quickstart", "--out", "tour"]) == 0
    first = capfd.readouterr()
    assert "nothing to do" not in first.err
    for way in ("none", "merged", "stacked"):
        named = [line for line in first.out.splitlines() if line.startswith(f"{way}, lora ")]
        assert len(named) == 2  # its scores, its costs
    page = (tmp_path / "tour/comparison.md").read_text(encoding="utf-8")
    assert all(f"## {target}\n" in page for target in TARGETS)
    assert all(page.count(f"| {way}, lora |") == 2 + 2 + 1 for way in ("none", "merged", "stacked"))
    assert ElementTree.fromstring((tmp_path / "tour/result.svg").read_bytes()).tag.endswith("svg")
    scored = read_run(tmp_path / "tour/by-name/lora/none/xnli/seed-0").record
    assert (scored.base.name, scored.config["resources"]["mirror"]) == ("mini", "mini")

    before = written(tmp_path)
    assert call(["quickstart", "--out", "tour"]) == 0
    again = capfd.readouterr()
    assert "already done, nothing to do: tour" in again.err
    assert again.out == first.out
    assert written(tmp_path) == before
    assert (tmp_path / "tour/comparison.md").read_text(encoding="utf-8") == page

    advice = first.err.split("Try next:\n")[1].splitlines()
    assert len(advice) == 5
    for line in advice:
        words = shlex.split(line)
        more = ["--max-steps", "1"] if words[1].startswith("train-") else []
        assert words[0] == "adapterstilts"
        assert call([*words[1:], *more]) == 0, f"{line}\n{capfd.readouterr().err}"
    capfd.readouterr()
    assert call(["quickstart", "--out", "tour"]) == 0, "its own advice has made the folder unreadable"
    assert capfd.readouterr().out == first.out

    assert call(["quickstart", "--out", "tour", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert {(line["way"], line["target"]) for line in found["scores"]} == {
        (way, target) for way in ("none", "merged", "stacked") for target in TARGETS
    }


def test_what_was_left_half_done_is_finished(short, tmp_path, monkeypatch, capfd):
    short({"none": {}}, targets=["tatoeba"])
    with monkeypatch.context() as patch:
        patch.setattr(tour, "draw", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert call(["quickstart", "--out", "tour"]) == 130
    assert not (tmp_path / "tour/result.svg").exists()
    before = written(tmp_path)
    assert call(["quickstart", "--out", "tour"]) == 0
    assert (tmp_path / "tour/result.svg").is_file()
    assert written(tmp_path) == before


def test_stopped_among_its_steps_it_leaves_names_and_goes_on(short, tmp_path, monkeypatch, capfd):
    short({"none": {}})

    class Stopped(Here):
        def run(self, place, schedule, watch, stop):
            schedule.todo = {next(iter(schedule.graph.steps))}
            super().run(place, schedule, watch, stop)
            stop.signal_name, schedule.todo = "SIGTERM", {"some"}

    first = next(iter(open_study(tour.RECIPE).graph))
    with monkeypatch.context() as patch:
        patch.setattr(tour, "LocalRunner", Stopped)
        assert call(["quickstart", "--out", "tour"]) == 75
    assert (tmp_path / "tour/by-name/lora/none/xnli/seed-0").resolve() == folder_of(tmp_path / "tour", first.id) / "run"
    assert call(["quickstart", "--out", "tour"]) == 0
    assert "xnli" in capfd.readouterr().out


def test_the_baselines_join_what_is_done_already(short, tmp_path, capfd):
    short({"none": {}})
    short({"none": {}, "translated-de": {"learn": "snli", "translated": "de"}}, "WITH_BASELINES")
    assert call(["quickstart", "--out", "tour"]) == 0
    before = written(tmp_path / "tour")
    capfd.readouterr()
    assert call(["quickstart", "--out", "tour", "--baselines"]) == 0
    said = capfd.readouterr()
    assert "snli translated: de" in said.err
    assert sum(line.startswith("translated-de, lora ") for line in said.out.splitlines()) == 2  # its scores, its costs
    assert "as some ways were trained on rows in de" in said.out
    assert "| translated-de, lora |" in (tmp_path / "tour/comparison.md").read_text(encoding="utf-8")
    assert before.items() <= written(tmp_path / "tour").items()
    for words in (["--baselines"], []):
        assert call(["quickstart", "--out", "tour", *words]) == 0
        again = capfd.readouterr()
        assert "already done, nothing to do: tour" in again.err
        assert ("translated-de" in again.out) is bool(words)


def test_a_step_that_fails_is_named_with_its_log_and_tried_again_next_time(short, tmp_path, monkeypatch, capfd):
    short({"none": {}}, targets=["tatoeba"])
    [step] = open_study(tour.RECIPE).graph

    class Failing(Here):
        def run(self, place, schedule, watch, stop):
            schedule.stop()
            write_failure(place.study, step.id, "no room on the disk")

    with monkeypatch.context() as patch:
        patch.setattr(tour, "LocalRunner", Failing)
        assert call(["quickstart", "--out", "tour"]) == 2
    said = capfd.readouterr().err
    assert f"{step.label}: no room on the disk (tour/steps/{step.id}/log.txt)" in said
    assert call(["quickstart", "--out", "tour"]) == 0
    assert (tmp_path / "tour/result.svg").is_file()


@pytest.mark.parametrize("other", ["mine.txt", "quickstart.json"])  # the latter as earlier versions left it
def test_a_folder_of_something_else_is_left_alone(other, tmp_path, monkeypatch, capfd):
    monkeypatch.delattr(tour, "LocalRunner")  # nothing is to run
    (tmp_path / other).write_text("{}")
    assert call(["quickstart", "--out", str(tmp_path)]) == 2
    said = capfd.readouterr().err
    assert f"{tmp_path} holds something else" in said
    assert "choose another --out" in said
    assert [path.name for path in tmp_path.iterdir()] == [other]


def test_without_the_library_adapters_bottlenecks_are_left_out_aloud(monkeypatch, capfd):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    whole = open_study(tour.WITH_BASELINES)
    found = tour._possible(whole)
    assert "left out: bottleneck: the library adapters is not here" in capfd.readouterr().err
    assert {cell.method for cell in found.layout.cells} == {"lora", "full"}
    assert set(found.layout.cells) == {cell for cell in whole.layout.cells if cell.method != "bottleneck"}
    assert set(found.graph.steps) < set(whole.graph.steps)


def test_a_way_that_is_gone_by_no_other_method_goes_with_it():
    study = open_study("mini/ways").study
    found = tour.without(study, "bottleneck")
    assert set(study.ways) - set(found.ways) == {"bottleneck"}
    assert "bottleneck" not in {cell.method for cell in build(found).cells}


@pytest.fixture
def study():
    return open_study(tour.RECIPE).study


def test_it_shows_every_way_to_prepare_an_encoder(study):
    ways = study.ways
    assert {ways[one].verb for one in study.ways if ways[one].shown} == {"", "merge", "stack", "learn"}
    for members in (ways["merged"].merge, ways["stacked"].stack):
        learned = [task for one in members for task in ways[one].learn]
        assert len(learned) >= 3
        assert all("intermediate" in tasks.get(task).roles for task in learned)
    assert {"lora", "bottleneck", "full"} == {cell.method for cell in build(study).cells}
    assert next(one for one in study.ways if ways[one].shown) == study.baseline == "none"


def test_the_baselines_are_the_papers_and_averaged_runs_beside_the_plain_task(study):
    more = open_study(tour.WITH_BASELINES).study
    ways = {name: way for name, way in more.ways.items() if name not in study.ways}
    assert set(ways) == {"with-mlm", "translated-de", "translated-sw", "multi-task", "averaged"}
    assert 0 < ways["with-mlm"].settings["mlm.ratio"] < 1
    assert [ways[f"translated-{language}"].translated for language in ("de", "sw")] == ["de", "sw"]
    assert ways["multi-task"].learn == [task for name in study.ways["merged"].merge for task in study.ways[name].learn]
    assert ways["multi-task"].settings["train.max_steps"] == 3 * more.settings.intermediate["train.max_steps"]
    assert ways["averaged"].runs == 3
    assert {cell.method for cell in build(more).cells if cell.way == "snli"} == {"lora", "bottleneck", "full"}
    assert {cell.method for cell in build(more).cells if cell.way in ways} == {"lora"}


def test_with_baselines_it_holds_every_step_of_the_plain_one(study):
    plain, more = build(study), build(open_study(tour.WITH_BASELINES).study)
    assert set(plain.graph.steps) < set(more.graph.steps)
    assert set(plain.cells) < set(more.cells)


def test_its_targets_are_of_many_formats_and_reach_every_language_of_the_world(study):
    targets = [tasks.get(name) for name in study.targets]
    assert all("target" in task.roles for task in targets)
    assert len({task.format for task in targets}) >= 4
    reached = {language for task in targets for language in task.configs} & set(languages.names())
    assert reached == set(languages.names())
