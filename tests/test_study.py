"""A study: every target from every way, each step once; what it came to, by hand; its picture."""

from __future__ import annotations

import importlib.metadata
import json
import re
from dataclasses import replace
from itertools import pairwise
from statistics import mean
from xml.etree import ElementTree

import pandas as pd
import pytest

from adapterstilts.errors import Interrupted
from adapterstilts.evaluation.command import evaluate
from adapterstilts.report import study as rooms
from adapterstilts.report.overview import Overview, overview
from adapterstilts.report.picture import draw
from adapterstilts.report.study import Study, Way
from adapterstilts.store.run import read_run

OTHER = "bottleneck" if any(found.name == "adapters" for found in importlib.metadata.distributions()) else "full"
NONE, MERGED, MODULE = WAYS = (
    Way("none", "lora"),
    Way("merged", "lora", ("snli", "hellaswag"), "mean"),
    Way("module", OTHER, ("snli",)),
)
TARGETS = ("udpos", "tatoeba")


@pytest.fixture(scope="module")
def asked(base, mirror):
    """All of a study but its folder."""
    settings = {
        "resources.mirror": str(mirror),
        "precision": "fp32",
        "train.max_steps": 2,
        "train.eval_every": 2,  # one look, at the end: what is merged has really been trained
        "train.warmup_ratio": 0,
        "train.batch_size": 8,
        "train.learning_rate": 1e-2,
    }
    by_method = {"lora": {"method.r": 4}, OTHER: {"train.max_steps": 1}}
    return {"base": str(base), "ways": WAYS, "targets": TARGETS, "settings": settings, "by_method": by_method}


@pytest.fixture(scope="module")
def study(asked, tmp_path_factory):
    done = Study(folder=tmp_path_factory.mktemp("study") / "all", **asked)
    done.run()
    return done


@pytest.fixture
def found(study):
    return overview(study)


def times(study):
    """When each weight, each training's log and each prediction was written."""
    files = [path for path in study.folder.rglob("*") if path.suffix in {".safetensors", ".parquet", ".jsonl"}]
    return {path: path.stat().st_mtime_ns for path in files}


def scores_on_disk(study, where):
    metrics = json.loads((study.folder / where / "metrics.json").read_text())
    return {code: values[metrics["metric"]["main"]] for code, values in metrics["languages"].items()}


def test_every_run_is_where_it_should_be(study):
    runs = {str(path.parent.relative_to(study.folder)) for path in study.folder.rglob("run.json")}
    assert runs == {
        "intermediate/snli-lora",
        "intermediate/hellaswag-lora",
        f"intermediate/snli-{OTHER}",
        "composed/merged",
        "base",
        "targets/udpos/none",
        "targets/udpos/merged",
        "targets/udpos/module",
    }
    retrieval = {path.parent.parent.name for path in study.folder.rglob("tatoeba-test*") if path.is_dir()}
    assert retrieval == {"base", "merged", f"snli-{OTHER}"}


def test_each_way_has_its_own_method_and_settings(study):
    configs = [study.scored(way, "udpos").record.config for way in WAYS]
    assert [config["method"]["name"] for config in configs] == ["lora", "lora", OTHER]
    assert [config["train"]["max_steps"] for config in configs] == [2, 2, 1]
    assert [config["method"]["r"] for config in configs[:2]] == [4, 8]  # two of 4, merged, are one of 8


def test_a_target_starts_from_what_its_way_has_prepared(study):
    assert study.prepared(NONE) is None
    assert study.scored(NONE, "udpos").record.parents == []
    for way, folder in ((MERGED, "composed/merged"), (MODULE, f"intermediate/snli-{OTHER}")):
        prepared = study.prepared(way)
        assert prepared.path == study.folder / folder
        [parent] = study.scored(way, "udpos").record.parents
        assert (parent.path, parent.fingerprint) == (str(prepared.path.resolve()), prepared.record.fingerprint)
    merged = study.prepared(MERGED).record
    assert merged.config["phase"] == "merge"
    members = [study.folder / f"intermediate/{task}-lora" for task in MERGED.tasks]
    assert [parent.path for parent in merged.parents] == [str(member.resolve()) for member in members]


def test_zero_shot_leaves_english_out_and_is_the_mean_of_the_others(study, found):
    assert "en" in set(found.scores["language"])
    means = found.zero_shot()
    assert list(means.index) == [way.name for way in WAYS]
    assert list(means.columns) == list(TARGETS)
    for way in WAYS:
        by_language = scores_on_disk(study, f"targets/udpos/{way.name}/eval/udpos-test")
        assert set(by_language) == {"en", "de", "es"}
        assert means.loc[way.name, "udpos"] == pytest.approx(mean((by_language["de"], by_language["es"])))
    for name, where in (("none", "base"), ("merged", "composed/merged")):
        searched = scores_on_disk(study, f"{where}/eval/tatoeba-test-layer1")  # XTREME's, of two layers
        assert means.loc[name, "tatoeba"] == pytest.approx(mean(searched.values()))


def overview_of(*scores):
    return Overview(pd.DataFrame(scores, columns=["way", "target", "language", "score", "taught"]), pd.DataFrame())


def test_a_language_that_was_trained_on_never_counts_as_zero_shot():
    found = overview_of(
        ("a", "t", "en", 100.0, True), ("a", "t", "de", 10.0, False), ("a", "t", "sw", 30.0, False),
        ("b", "t", "en", 100.0, True), ("b", "t", "de", 50.0, False),
    )  # fmt: skip
    assert found.zero_shot()["t"].to_dict() == {"a": 20.0, "b": 50.0}
    assert found._notes() == []


def test_ways_of_other_source_languages_are_averaged_over_what_neither_was_trained_on():
    found = overview_of(
        ("a", "t", "en", 100.0, True), ("a", "t", "de", 10.0, False), ("a", "t", "sw", 30.0, False),
        ("b", "t", "en", 20.0, False), ("b", "t", "de", 100.0, True), ("b", "t", "sw", 50.0, False),
        ("a", "u", "en", 7.0, False), ("b", "u", "en", 8.0, False),
    )  # fmt: skip
    assert found.zero_shot()["t"].to_dict() == {"a": 30.0, "b": 50.0}
    assert found.zero_shot()["u"].to_dict() == {"a": 7.0, "b": 8.0}
    assert found._notes() == ["t: left out for all, as some ways were trained on rows in de en"]


def test_costs_are_means_over_the_targets_that_were_trained(study, found):
    costs = found.costs.set_index("way")
    assert list(costs.index) == [way.name for way in WAYS]
    for way in WAYS:
        record = read_run(study.folder / "targets/udpos" / way.name).record
        assert costs.loc[way.name, "method"] == way.method
        assert costs.loc[way.name, "trained"] == record.cost.trainable_params.adapter > 0
        assert costs.loc[way.name, "bytes"] == record.cost.adapter_bytes
        assert costs.loc[way.name, "seconds"] == record.budget.train_s_with_parents
    before = sum(
        read_run(study.folder / f"intermediate/{task}-lora").record.budget.train_s_with_parents for task in MERGED.tasks
    )
    own = study.scored(MERGED, "udpos").record.cost.train_s
    assert costs.loc["merged", "seconds"] == pytest.approx(before + own)


def test_two_trained_targets_count_half_each(study, asked, tmp_path):
    both = Study(tmp_path / "two", **{**asked, "ways": (NONE,), "targets": ("udpos", "pawsx", "tatoeba")})
    both.run()
    records = [both.scored(NONE, target).record for target in ("udpos", "pawsx")]
    [costs] = overview(both).costs.to_dict("records")
    assert costs["seconds"] == pytest.approx(mean(record.budget.train_s_with_parents for record in records))
    assert costs["bytes"] == mean(record.cost.adapter_bytes for record in records)


def test_the_tables_show_every_way_and_target(found):
    scores, costs = found.tables()
    assert scores.headings == ["", "mean", *TARGETS]
    assert [row[0] for row in scores.rows] == [row[0] for row in costs.rows] == [way.name for way in WAYS]
    means = found.zero_shot()
    assert scores.rows[1][1:] == [f"{value:.1f}" for value in (means.loc["merged"].mean(), *means.loc["merged"])]
    assert set(found.as_json()) == {"scores", "costs"}
    assert json.loads(json.dumps(found.as_json())) == found.as_json()


def test_run_again_it_trains_and_predicts_nothing(study, capsys):
    before, first = times(study), overview(study)
    study.run()
    assert times(study) == before
    assert overview(study).as_json() == first.as_json()
    assert "[10/10] target tatoeba, module" in capsys.readouterr().err


def test_scores_of_other_layers_beside_it_change_nothing(study, asked, found):
    where = {"resources.mirror": asked["settings"]["resources.mirror"]}
    layers = evaluate(study.prepared(MERGED), "tatoeba", layer="sweep", settings=where)
    assert len(layers) == 3
    assert overview(study).as_json() == found.as_json()
    assert study.scores(MERGED, "tatoeba") == layers[1].path  # XTREME's, of two
    top = replace(study, ways=(MERGED,), targets=("tatoeba",), layer=2)
    assert top.scores(MERGED, "tatoeba") == layers[2].path
    assert set(overview(top).scores["language"]) == {"de", "es", "sw"}


def test_interrupted_in_the_middle_it_goes_on_with_what_is_left(study, found, asked, tmp_path, monkeypatch):
    broken = Study(tmp_path / "broken", **asked)
    calls = []

    def stopped(task, **options):
        calls.append(task)
        if len(calls) == 2:
            raise Interrupted("SIGTERM")
        return real(task, **options)

    real = rooms.train_target
    with monkeypatch.context() as patch:
        patch.setattr(rooms, "train_target", stopped)
        with pytest.raises(Interrupted):
            broken.run()
    half = times(broken)
    assert (tmp_path / "broken/targets/udpos/none/log.jsonl") in half
    assert not (tmp_path / "broken/targets/udpos/merged").exists()
    broken.run()
    assert {path: stamp for path, stamp in times(broken).items() if path in half} == half
    assert overview(broken).scores.equals(found.scores)


def test_the_picture_names_every_way_and_target_and_is_the_same_twice(found, tmp_path):
    first, again = (draw(found, tmp_path / name, "A <title> & more") for name in ("one.svg", "two.svg"))
    assert first.read_bytes() == again.read_bytes()
    root = ElementTree.fromstring(first.read_bytes())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
    words = [element.text or "" for element in texts]
    assert {*TARGETS, "A <title> & more"} <= set(words)
    for way in WAYS:
        assert sum(word.startswith(f"{way.name}  (") for word in words) == 1
    means = found.zero_shot()
    for target in TARGETS:
        for way in means.index:
            assert f"{means.loc[way, target]:.1f}" in words
    heights = [place(element) for way in WAYS for element in texts if (element.text or "").startswith(f"{way.name}  (")]
    assert all(above < below for above, below in pairwise(heights))


def place(text):
    """Return how far down a text stands in its drawing."""
    moved = re.search(r"translate\(\S+ (\S+)\)", text.get("transform", ""))
    return float(text.get("y") or moved[1])
