"""A study of the paper's baselines: translated rows, masked LM beside a task, several tasks at once, runs averaged."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from safetensors.torch import load_file
from small_studies import SHORT, Done, small

from adapterstilts.experiment.collect import collect
from adapterstilts.experiment.record import read_done
from adapterstilts.mini.embedded import MINI
from adapterstilts.report.overview import Overview

WAYS = {
    "plain": {"learn": "snli"},
    "translated": {"learn": "snli", "translated": "de"},
    "with-mlm": {"learn": "snli", "settings": {"mlm.ratio": 0.5}},
    "both": {"learn": ["snli", "hellaswag"], "settings": {"train.max_steps": 4}},
    "mean": {"learn": "snli", "runs": 2},
}


@pytest.fixture(scope="module")
def study(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapterstilts.mini.embedded._SIZE", 24)
        patch.setenv("ADAPTERSTILTS_CACHE", str(folder / "cache"))
        opened = small(
            folder / "small.yaml",
            base,
            mirror=MINI,
            seeds=[3],
            targets=["xnli"],
            settings={"all": SHORT, "target": {"train.max_steps": 3}},
            baseline="plain",
            ways=WAYS,
        )
        yield Done(opened, folder / "all")


def of(study, way, target=""):
    return study.of(way, target, seed=3)


def test_every_way_does_its_own_trainings_and_no_other(study):
    kinds = Counter(step.kind for step in study.opened.graph)
    assert kinds == {"train": 6 + 6, "average": 2, "translate": 1, "evaluate": 5}
    for way in WAYS:
        trained = of(study, way, "xnli")
        members = study.parents(trained) if trained.phase == "average" else [trained]
        for one in members:
            assert [parent.path for parent in study.parents(one)] == [of(study, way).path.resolve()]
            assert one.record.config["train"]["max_steps"] == 3


def test_the_translated_rows_are_those_of_the_world_and_known_in_the_results(study):
    assert of(study, "translated").record.source_languages == ["de"]
    assert of(study, "translated", "xnli").source_languages == ["de", "en"]
    [translation] = study.step("translated", seed=3).parents["translated"]
    mirror = study.folder / read_done(study.folder, translation).facts["mirror"]
    report = json.loads((mirror / "report-snli.json").read_text())
    assert report["by"]["model"] == MINI
    assert report["languages"]["de"]["train"]["written"] > 0
    assert of(study, "translated").record.config["resources"]["mirror"] == str(mirror)


def test_a_language_that_one_way_was_taught_is_zero_shot_for_none(study):
    results = collect(study.opened, study.folder)
    taught = results.scores[results.scores["taught"]].groupby("way")["language"].agg(set).to_dict()
    assert taught == {way: {"en"} for way in WAYS} | {"translated": {"en", "de"}}
    assert {"en", "de"}.isdisjoint(results.zero_shot["xnli"])
    assert len(results.zero_shot["xnli"]) == 6
    found = Overview(results)
    means = found.by_language("xnli").drop(columns=["en", "de"]).mean(axis=1)
    assert found.zero_shot()["xnli"].tolist() == pytest.approx(means.tolist())
    assert found.tables()[0].notes == ["xnli: left out for all, as some ways were trained on rows in de"]


def test_masked_lm_comes_on_top_of_the_tasks_own_steps_and_not_with_the_target(study):
    plain, mixed = of(study, "plain").record, of(study, "with-mlm").record
    assert plain.config["mlm"]["ratio"] is None
    assert mixed.config["mlm"]["ratio"] == 0.5
    assert mixed.config["train"]["max_steps"] == plain.config["train"]["max_steps"] == 2
    assert mixed.held_out is not None
    assert plain.held_out is None
    assert of(study, "with-mlm", "xnli").record.config["mlm"]["ratio"] is None


def test_one_run_on_two_tasks_has_the_steps_of_two_and_both_heads(study):
    run = of(study, "both")
    assert run.record.config["train"]["max_steps"] == 4
    assert set(run.heads) == {"snli", "hellaswag"}
    assert run.record.parents == []


def test_averaged_runs_share_first_weights_and_differ_in_their_seeds_for_the_target_too(study):
    for whole in (of(study, "mean"), of(study, "mean", "xnli")):
        members = sorted(study.parents(whole), key=lambda one: one.record.config["seed"])
        assert whole.phase == "average"
        assert [one.record.config["seed"] for one in members] == [6, 7]
        assert [one.record.config["init_seed"] for one in members] == [3, 3]
        [head] = [load_file(file) for file in whole.path.glob("heads/*.safetensors")]
        heads = [load_file(file) for one in members for file in one.path.glob("heads/*.safetensors")]
        for name, weight in head.items():
            assert weight.numpy() == pytest.approx((heads[0][name] + heads[1][name]).numpy() / 2, abs=1e-6)
        assert any(not heads[0][name].equal(heads[1][name]) for name in head)


def test_an_average_costs_all_its_runs_and_what_came_before_them_once(study):
    costs = collect(study.opened, study.folder).costs.set_index("way").loc["mean"]
    whole = of(study, "mean", "xnli")
    runs = [*study.parents(whole), *study.parents(of(study, "mean"))]
    assert costs["train_s"] == pytest.approx(sum(run.record.cost.train_s for run in runs))
    assert costs["examples"] == (2 * 3 + 2 * 2) * 8
    assert costs["trained"] == runs[0].record.cost.trainable_params.adapter > 0
    assert costs["bytes"] == whole.record.cost.adapter_bytes > 0
