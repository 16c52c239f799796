"""A study at a glance: means and costs by hand, holes, what must not change them; its picture."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from statistics import mean
from xml.etree import ElementTree

import page_results
import pandas as pd
import pytest
from small_studies import HAS_ADAPTERS, Done, small

from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.files import read_metrics
from adapterstilts.experiment.collect import collect
from adapterstilts.experiment.results import CELL
from adapterstilts.report.overview import Overview
from adapterstilts.report.picture import draw

OTHER = "bottleneck" if HAS_ADAPTERS else "full"
ROWS = [("none", "lora"), ("merged", "lora"), ("module", OTHER)]
TARGETS = ["udpos", "pawsx", "tatoeba"]


@pytest.fixture(scope="module")
def study(base, mirror, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    opened = small(
        folder / "small.yaml",
        base,
        mirror=str(mirror),
        targets=TARGETS,
        methods={"lora": {"settings": {"method.r": 4}}, OTHER: {"settings": {"train.max_steps": 1}}},
        ways={
            "a": {"learn": "snli", "methods": ["lora"], "shown": False},
            "b": {"learn": "hellaswag", "methods": ["lora"], "shown": False},
            "none": {"methods": ["lora"]},
            "merged": {"merge": ["a", "b"], "methods": ["lora"]},
            "module": {"learn": "snli", "methods": [OTHER]},
        },
    )
    return Done(opened, folder / "all")


@pytest.fixture
def found(study):
    return Overview(collect(study.opened, study.folder))


def scores_of(run, part):
    metrics = read_metrics(run.path / "eval" / part)
    return {code: values[metrics["metric"]["main"]] for code, values in metrics["languages"].items()}


def test_zero_shot_leaves_english_out_and_is_the_mean_of_the_others(study, found):
    means = found.zero_shot()
    assert found.rows == means.index.tolist() == ROWS
    assert list(means.columns) == TARGETS
    for way, method in ROWS:
        by_language = scores_of(study.of(way, "udpos", method), "udpos-test")
        assert set(by_language) == {"en", "de", "es"}
        assert means.loc[(way, method), "udpos"] == pytest.approx(mean((by_language["de"], by_language["es"])))
    for way, method in ROWS[1:]:
        searched = scores_of(study.of(way, method=method), "tatoeba-test-layer1")  # XTREME's, of two layers
        assert means.loc[(way, method), "tatoeba"] == pytest.approx(mean(searched.values()))


def test_costs_are_means_over_the_targets_that_are_trained_with_all_that_came_before(study, found):
    costs = found.costs()
    assert costs.index.tolist() == ROWS
    for way, method in ROWS:
        records = [study.of(way, target, method).record for target in ("udpos", "pawsx")]
        line = costs.loc[(way, method)]
        assert line["trained"] == records[0].cost.trainable_params.adapter > 0
        assert line["bytes"] == mean(one.cost.adapter_bytes for one in records)
        assert line["train_s"] == pytest.approx(mean(one.budget.train_s_with_parents for one in records))
    before = sum(study.of(way).record.cost.train_s for way in ("a", "b"))
    own = mean(study.of("merged", target).record.cost.train_s for target in ("udpos", "pawsx"))
    assert costs.loc[("merged", "lora"), "train_s"] == pytest.approx(before + own)
    assert costs["examples"].tolist() == [2 * 8, (2 + 2 + 2) * 8, (1 + 1) * 8]


def test_what_is_only_searched_has_scores_alone(found):
    [scores] = found.details("tatoeba")
    assert scores.headings == ["", "de", "es", "sw"]


def test_the_tables_show_every_row_and_target_and_every_language_of_one(found):
    scores, costs = found.tables()
    assert scores.headings == ["", "mean", *TARGETS]
    assert [row[0] for row in scores.rows] == [row[0] for row in costs.rows] == [", ".join(row) for row in ROWS]
    merged = found.zero_shot().loc[("merged", "lora")]
    assert scores.rows[1][1:] == [f"{value:.1f}" for value in (merged.mean(), *merged)]
    languages, spent = found.details("udpos")
    assert languages.headings == ["", "de", "en", "es"]
    assert languages.rows[0][2] == f"{found.by_language('udpos').loc[('none', 'lora'), 'en']:.1f}"
    assert spent.headings == ["", "trained", "saved", "training", "examples", "memory"]
    assert spent.rows[0][4] == "16"
    assert costs.headings == spent.headings[:4]


def test_as_json_it_is_plain_values_of_every_score_and_cost(found):
    plain = found.as_json()
    assert json.loads(json.dumps(plain)) == plain
    assert {(one["way"], one["method"], one["target"]) for one in plain["scores"]} == {
        (*row, target) for row in ROWS for target in TARGETS
    }
    assert [(one["way"], one["method"]) for one in plain["costs"]] == ROWS


def test_scores_of_other_layers_beside_it_change_nothing(study, found, mirror):
    where = {"resources.mirror": str(mirror)}
    assert len(evaluate(study.of("merged"), "tatoeba", layer="sweep", settings=where)) == 3
    assert Overview(collect(study.opened, study.folder)).as_json() == found.as_json()


def overview_of(zero_shot, *scores):
    """Return an overview of scores: way, target, seed, language, score, whether it was taught."""
    frame = pd.DataFrame(scores, columns=["way", "target", "seed", "language", "score", "taught"])
    frame = frame.assign(base="mini", variant="", method="lora")
    costs = pd.DataFrame(columns=[*CELL, "trained", "bytes", "train_s", "examples", "peak_memory_bytes"])
    names = {"ways": ("a", "b"), "methods": ("lora",), "targets": ("xnli", "udpos")}
    results = replace(page_results.results(), scores=frame, zero_shot=zero_shot, costs=costs, **names)
    return Overview(results)


def test_all_ways_are_averaged_over_what_none_was_trained_on_and_the_others_are_named():
    found = overview_of(
        {"xnli": ("sw",), "udpos": ("en",)},
        ("a", "xnli", 0, "en", 100.0, True), ("a", "xnli", 0, "de", 10.0, False), ("a", "xnli", 0, "sw", 30.0, False),
        ("b", "xnli", 0, "en", 20.0, False), ("b", "xnli", 0, "de", 100.0, True), ("b", "xnli", 0, "sw", 50.0, False),
        ("a", "udpos", 0, "en", 7.0, False), ("b", "udpos", 0, "en", 8.0, False),
    )  # fmt: skip
    assert found.zero_shot()["xnli"].tolist() == [30.0, 50.0]
    assert found.zero_shot()["udpos"].tolist() == [7.0, 8.0]
    assert found.tables()[0].notes == ["xnli: left out for all, as some ways were trained on rows in de en"]


def test_what_every_way_was_trained_on_goes_without_saying():
    found = overview_of({"xnli": ("sw",)}, ("a", "xnli", 0, "en", 1.0, True), ("a", "xnli", 0, "sw", 2.0, False))
    assert found.tables()[0].notes == []


def test_scores_are_means_over_seeds_and_a_hole_leaves_its_row_without_a_mean():
    found = overview_of(
        {"xnli": ("sw",), "udpos": ("sw",)},
        ("a", "xnli", 0, "sw", 10.0, False), ("a", "xnli", 1, "sw", 20.0, False),
        ("b", "xnli", 0, "sw", 40.0, False), ("b", "udpos", 0, "sw", 60.0, False),
    )  # fmt: skip
    scores, costs = found.tables()
    assert [row[1:] for row in scores.rows] == [["-", "15.0", "-"], ["50.0", "40.0", "60.0"]]
    assert costs.rows[0] == ["a, lora", "-", "-", "-"]


def test_the_picture_names_every_row_and_target_and_is_the_same_twice(found, tmp_path):
    first, again = (draw(found, tmp_path / name, "A <title> & more") for name in ("one.svg", "two.svg"))
    assert first.read_bytes() == again.read_bytes()
    root = ElementTree.fromstring(first.read_bytes())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
    words = [element.text or "" for element in texts]
    assert {*TARGETS, "A <title> & more"} <= set(words)
    named = [[one for one in texts if (one.text or "").startswith(f"{', '.join(row)}  (")] for row in ROWS]
    assert all(len(some) == 1 for some in named)
    for score in found.zero_shot().to_numpy().flatten():
        assert f"{score:.1f}" in words
    heights = [place(text) for [text] in named]
    assert all(above < below for above, below in pairwise(heights))


def place(text):
    """Return how far down a text stands in its drawing."""
    moved = re.search(r"translate\(\S+ (\S+)\)", text.get("transform", ""))
    return float(text.get("y") or moved[1])
