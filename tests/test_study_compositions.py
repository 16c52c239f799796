"""A study of compositions: merges that are measured first, fusions that are learned with each target, a search."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_studies import HAS_ADAPTERS, Done, small

from adapterstilts.experiment.collect import collect
from adapterstilts.experiment.open import open_study
from adapterstilts.report.overview import Overview

TWO = ["snli", "squad_v2"]
FUSED = {"layer-weights": "lora"} | ({"fusion": "bottleneck"} if HAS_ADAPTERS else {})
TARGETS = ["xnli", "udpos", "tatoeba"]


@pytest.fixture(scope="module")
def study(base, mirror, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compositions")
    ways = {
        "none": {"methods": ["lora"]},
        "{task}": {"learn": "{task}", "shown": False, "each": {"task": TWO}},
        "regmean": {"merge": TWO, "how": "regmean", "methods": ["lora"]},
        "layer-weights": {"fuse": TWO, "how": "layer_weights"},
        "search": {"fuse": TWO, "how": "search"},
        "full-mean": {"merge": TWO, "methods": ["full"]},
    }
    if HAS_ADAPTERS:
        ways["fusion"] = {"fuse": TWO, "how": "attention"}
    opened = small(
        folder / "small.yaml",
        base,
        mirror=str(mirror),
        targets=TARGETS,
        methods={
            "lora": {"settings": {"method.r": 4}},
            **{one: {} for one in ("bottleneck", "full")[not HAS_ADAPTERS :]},
        },
        ways=ways,
        scores={"layers": True, "retention": True},
    )
    return Done(opened, folder / "all")


@pytest.fixture(scope="module")
def results(study):
    return collect(study.opened, study.folder)


def test_what_a_merge_needs_is_measured_once_on_every_member(study):
    files = sorted(path.parent.resolve() for path in study.folder.rglob("gram.safetensors"))
    assert files == sorted(study.of(task).path.resolve() for task in TWO)
    assert [step.kind for step in study.opened.graph].count("measure") == len(TWO)
    assert study.of("regmean").record.config["phase"] == "merge"


def test_a_merge_is_trained_on_in_its_own_shape(study):
    [parent] = study.parents(study.of("regmean", "udpos"))
    assert parent.path == study.of("regmean").path.resolve()
    rank = study.of("regmean").record.config["method"]["r"]
    assert study.of("regmean", "udpos").record.config["method"]["r"] == rank > 4


@pytest.mark.parametrize("way", FUSED)
def test_a_fusion_is_learned_with_each_target_from_all_members(study, way):
    method = FUSED[way]
    for target in TARGETS[:2]:
        parents = study.parents(study.of(way, target, method))
        assert [parent.path for parent in parents] == [study.of(task, method=method).path.resolve() for task in TWO]


def test_a_search_prepares_targets_that_a_members_head_can_answer(study):
    [found] = study.parents(study.of("search", "xnli"))
    assert "snli" in found.heads
    assert (found.path / "search.jsonl").is_file()
    assert [step.settings["task"] for step in study.opened.graph if step.settings.get("how") == "search"] == ["xnli"]


def test_a_target_that_a_way_cannot_reach_is_a_hole_in_the_tables(results):
    found = Overview(results)
    rows = {row[0]: row[1:] for row in found.tables()[0].rows}
    assert [cell == "-" for cell in rows["search, lora"]] == [True, False, True, True]
    assert [cell == "-" for cell in rows["layer-weights, lora"]] == [True, False, False, True]
    assert "-" not in rows["regmean, lora"] + rows["full-mean, full"]
    assert json.loads(json.dumps(found.as_json())) == found.as_json()


@pytest.fixture
def mini_study(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import mini_study

    return mini_study


def test_the_benchmark_tells_scores_layers_and_what_is_retained(mini_study, results):
    figures = json.loads(json.dumps(mini_study.figures(results)))
    assert len(figures["scores"]) == len(results.scores)
    assert {one["layer"] for one in figures["layers"]} == {0, 1, 2}
    assert {one["way"] for one in figures["layers"]} == {"none", "regmean", "full-mean"}
    assert {one["way"] for one in figures["retained"]} == {"regmean", "full-mean", "each alone"}
    page = mini_study.report(figures)
    [line] = [line for line in page.splitlines() if line.startswith("| search | ") and line.count("|") == 5]
    mean = Overview(results).zero_shot().loc[("search", "lora"), "xnli"]
    assert line == f"| search | - | - | {mean:.1f} ({mean:.1f}-{mean:.1f}) |"
    assert page.count("**") == 2 * (2 + len(TARGETS) + 2)


def test_the_benchmarks_studies_have_the_ways_of_the_tables_in_the_documents(mini_study):
    documents = {"ways": "results", "baselines": "baselines", "compositions": "compositions"}
    assert set(mini_study.STUDIES) == set(documents)
    for name, page in documents.items():
        study = open_study(f"mini/{name}").study
        text = (Path(__file__).parents[1] / f"docs/mini/{page}.md").read_text(encoding="utf-8")
        rows = {
            line.split(" ")[1] for line in text.splitlines() if line.startswith("| ") and not line.startswith("| :")
        }
        assert {way for way, one in study.ways.items() if one.shown} == rows - {"way", "each"}, name
        assert study.seeds == [0, 1, 2]
