"""What a study leaves and what is collected of it: choices, controls, costs, holes; by a small study, really run."""

from __future__ import annotations

import json

import pytest
import yaml

from adapterstilts.errors import UserError
from adapterstilts.evaluation.files import read_metrics
from adapterstilts.experiment.build import Cell
from adapterstilts.experiment.collect import collect
from adapterstilts.experiment.names import BY_NAME, link_runs
from adapterstilts.experiment.open import open_study
from adapterstilts.experiment.record import read_done, write_failure
from adapterstilts.experiment.step import folder_of
from adapterstilts.experiment.work import Place, do
from adapterstilts.store.run import read_run

RATES = [1e-4, 1e-2]


@pytest.fixture(scope="module")
def opened(base, mirror, tmp_path_factory):
    recipe = {
        "study": "Does it work?",
        "base": str(base),
        "mirror": str(mirror),
        "seeds": [0, 1],
        "targets": ["pawsx", "tatoeba"],
        "reference": "full",
        "settings": {
            "all": {"precision": "fp32", "train.batch_size": 8, "train.eval_every": 1, "train.warmup_ratio": 0},
            "intermediate": {"train.max_steps": 3},
            "target": {"train.max_steps": 2},
        },
        "methods": {"full": {"tried": {"train.learning_rate": RATES}}, "lora": {"settings": {"method.r": 2}}},
        "ways": {
            "none": {},
            "paws": {"learn": "paws"},
            "mnli": {"learn": "mnli", "shown": False},
            "both": {"stack": ["paws", "mnli"]},
            "longer": {"match": "paws"},
        },
        "scores": {"layers": True, "retention": True},
    }
    file = tmp_path_factory.mktemp("recipe") / "small.yaml"
    file.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return open_study(str(file))


@pytest.fixture(scope="module")
def folder(opened, tmp_path_factory):
    """The study, run step by step in this process."""
    place = Place(tmp_path_factory.mktemp("study") / "small")
    ended = [do(step, place) for step in opened.graph]
    assert {one.state for one in ended} == {"done"}, [one.error for one in ended if one.error]
    return place.study


@pytest.fixture(scope="module")
def results(opened, folder):
    return collect(opened, folder)


def run_of(opened, folder, way, target, seed, method="full"):
    cell = next(cell for cell in opened.layout.cells if cell[2:] == (method, way, target, seed))
    return read_run(read_done(folder, opened.layout.cells[cell].trained).run(folder))


def test_scores_are_those_of_the_metrics_files_in_every_cell_and_language(opened, folder, results):
    lines = results.scores.set_index(["method", "way", "target", "seed", "language"])["score"]
    seen = 0
    for cell, steps in opened.layout.cells.items():
        metrics = read_metrics(folder / read_done(folder, steps.scored).facts["scores"][0])
        for language, values in metrics["languages"].items():
            assert lines[(*cell[2:], language)] == values[metrics["metric"]["main"]]
            seen += 1
    assert seen == len(results.scores)


def test_zero_shot_languages_are_those_that_no_way_was_taught_in(results):
    assert set(results.zero_shot["pawsx"]) == {"de", "es"}
    assert "en" not in results.zero_shot["tatoeba"]
    assert results.scores[results.scores["taught"]]["language"].unique().tolist() == ["en"]


def test_the_best_on_dev_rows_is_kept_and_the_other_seed_follows_it(opened, folder, results):
    chosen = results.chosen[results.chosen["way"] == "paws"]
    for _, tried in chosen.groupby("step"):
        kept = tried[tried["kept"]]
        assert len(kept) == 1
        assert kept["score"].item() == tried["score"].max()
        assert tried["value"].tolist() == RATES
    place = chosen[(chosen["target"] == "pawsx") & chosen["kept"]]
    for seed in (0, 1):
        config = run_of(opened, folder, "paws", "pawsx", seed).record.config
        assert config["train"]["learning_rate"] == place["value"].item()
        assert config["seed"] == seed


def test_a_control_sees_as_many_examples_as_the_way_that_it_is_matched_with(opened, folder, results):
    examples = results.costs[results.costs["target"] == "pawsx"].set_index(["method", "way", "seed"])["examples"]
    for method in ("full", "lora"):
        for seed in (0, 1):
            assert examples[method, "longer", seed] == examples[method, "paws", seed] == 5 * 8
            assert examples[method, "none", seed] == 2 * 8
    assert run_of(opened, folder, "longer", "pawsx", 0).record.parents == []


def test_what_was_tried_in_vain_is_charged_in_equal_shares(opened, folder, results):
    steps = opened.graph.steps
    costs = results.costs.set_index(["method", "way", "target", "seed"])

    def in_vain(way, target):
        cell = next(cell for cell in opened.layout.cells if cell[2:] == ("full", way, target, 0))
        select = steps[opened.layout.cells[cell].trained]
        kept = read_done(folder, select.id).facts["kept"]
        return read_run(read_done(folder, select.parents["tried"][1 - kept]).run(folder)).record.cost.train_s

    assert costs.loc[("full", "none", "pawsx", 0), "search_s"] == pytest.approx(in_vain("none", "pawsx") / 2)
    assert costs.loc[("full", "none", "pawsx", 0), "search_s"] == costs.loc[("full", "none", "pawsx", 1), "search_s"]
    assert costs.loc[("full", "paws", "pawsx", 0), "search_s"] > in_vain("paws", "pawsx") / 2  # and that of the encoder
    assert costs.loc[("lora", "paws", "pawsx", 0), "search_s"] == 0


def test_a_cost_is_that_of_the_run_and_of_all_before_it(opened, folder, results):
    cost = results.costs.set_index(["method", "way", "target", "seed"]).loc[("lora", "both", "pawsx", 1)]
    record = run_of(opened, folder, "both", "pawsx", 1, "lora").record
    assert cost["trained"] == record.cost.trainable_params.adapter
    assert cost["train_s"] == record.budget.train_s_with_parents > record.cost.train_s
    assert set(results.costs["target"]) == {"pawsx"}  # nothing is trained to search


def test_places_of_the_grid_without_scores_are_holes_with_their_reason(results):
    why = results.holes.groupby(["method", "way", "target"])["why"].unique().map(list).to_dict()
    assert why == {
        ("full", "both", "pawsx"): ["not with this method (only lora, bottleneck)"],
        ("full", "both", "tatoeba"): ["not with this method (only lora, bottleneck)"],
        ("full", "longer", "tatoeba"): ["nothing is trained for this target"],
        ("lora", "longer", "tatoeba"): ["nothing is trained for this target"],
    }


def test_compositions_are_asked_again_and_retrieval_is_read_in_every_layer(results):
    assert set(results.retained["task"]) == {"paws", "mnli"}
    assert set(results.retained["way"]) == {"both"}
    assert results.retained[["now", "alone"]].notna().all(axis=None)
    layers = results.layers.groupby(["method", "way", "seed"])["layer"].agg(list)
    assert all(found == [0, 1, 2] for found in layers)
    assert ("lora", "both", 1) in layers.index


def test_certificates_configurations_and_same_rows_stand_by_way_and_method(results):
    assert set(results.certificates) == {("both", "lora")}
    assert results.certificates["both", "lora"]["checks"]
    assert results.configurations["none", "lora"]["method.r"] == 2
    assert results.configurations["paws", "full"]["train.max_steps"] == 2
    assert results.same_rows == {("paws", "pawsx"), ("both", "pawsx")}
    assert "torch" in results.environment
    assert results.controls == {"longer"}


def test_a_study_that_has_scored_nothing_is_refused_with_the_command_that_runs_it(opened, tmp_path):
    with pytest.raises(UserError, match="nothing of the study small has been scored") as told:
        collect(opened, tmp_path / "empty")
    assert "adapterstilts run" in str(told.value)


def test_a_study_half_done_has_holes_with_the_failure_that_they_come_from(opened, folder, tmp_path):
    lost = Cell(*next(cell for cell in opened.layout.cells if cell[2:] == ("lora", "paws", "pawsx", 1)))
    trained, scored = opened.layout.cells[lost]
    names = {step.id for step in opened.graph} - {trained, scored}
    half = tmp_path / "half"
    (half / "steps").mkdir(parents=True)
    for name in names:
        (half / "steps" / name).symlink_to(folder_of(folder, name))
    found = collect(opened, half).holes.set_index(["method", "way", "target", "seed"])["why"]
    assert found["lora", "paws", "pawsx", 1] == "not run"
    write_failure(half, trained, "the disk is full\nand more")
    found = collect(opened, half).holes.set_index(["method", "way", "target", "seed"])["why"]
    assert found["lora", "paws", "pawsx", 1].startswith("failed: the disk is full (pawsx from paws, lora, seed 1)")


def test_runs_are_linked_by_name_and_links_of_what_is_gone_are_removed(opened, folder, tmp_path):
    moved = tmp_path / "moved"
    (moved / "steps").mkdir(parents=True)
    for step in opened.graph:
        (moved / "steps" / step.id).symlink_to(folder_of(folder, step.id))
    link_runs(opened.layout, moved)
    link = moved / BY_NAME / "lora" / "paws" / "pawsx" / "seed-1"
    assert json.loads((link / "run.json").read_text())["config"]["seed"] == 1
    assert (moved / BY_NAME / "lora" / "both" / "encoder" / "seed-0" / "certificate.json").is_file()
    (
        moved
        / "steps"
        / opened.layout.cells[next(c for c in opened.layout.cells if c[2:] == ("lora", "paws", "pawsx", 1))].trained
    ).unlink()
    link_runs(opened.layout, moved)
    assert not link.is_symlink()
    assert link.with_name("seed-0").is_symlink()
