"""A study of the paper's baselines: translated rows, masked LM beside a task, several tasks at once, runs averaged."""

from __future__ import annotations

import json

import pytest
from safetensors.torch import load_file

from adapterstilts.mini.embedded import MINI
from adapterstilts.report.overview import overview
from adapterstilts.report.study import TOGETHER, Study, Way
from adapterstilts.store.run import read_run

PLAIN, TRANSLATED, MLM, BOTH, MERGED, MEAN = WAYS = (
    Way("plain", "lora", ("snli",)),
    Way("translated", "lora", ("snli",), language="de"),
    Way("with-mlm", "lora", ("snli",), mlm=0.5),
    Way("both", "lora", ("snli", "hellaswag"), TOGETHER),
    Way("merged", "lora", ("snli", "hellaswag"), "mean"),
    Way("mean", "lora", ("snli",), runs=2),
)


@pytest.fixture(scope="module")
def study(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapterstilts.mini.embedded._SIZE", 24)
        patch.setenv("ADAPTERSTILTS_CACHE", str(folder / "cache"))
        settings = {"resources.mirror": MINI, "precision": "fp32", "train.learning_rate": 1e-2, "seed": 3}
        settings |= {"train.max_steps": 2, "train.eval_every": 2, "train.warmup_ratio": 0, "train.batch_size": 8}
        done = Study(folder / "all", str(base), WAYS, ("xnli",), settings, {"lora": {"method.r": 4}})
        done.run()
        yield done


def records(study):
    return {path.parent.name: read_run(path.parent).record for path in study.folder.glob("intermediate/*/run.json")}


def test_each_intermediate_run_is_done_once_and_named_by_what_is_unlike_in_it(study):
    averaged = ["snli-2runs-lora", "snli-2runs-lora-0", "snli-2runs-lora-1"]
    alone = ["snli-lora", "hellaswag-lora", "snli-de-lora", "snli-mlm0.5-lora", "snli+hellaswag-lora"]
    assert sorted(records(study)) == sorted([*alone, *averaged])
    assert [path.name for path in study.folder.glob("composed/*")] == ["merged"]


def test_the_translated_rows_are_those_of_the_world_and_known_in_the_results(study):
    found = records(study)["snli-de-lora"]
    assert found.source_languages == ["de"]
    assert read_run(study.folder / "targets/xnli/translated").source_languages == ["de", "en"]
    scores = overview(study).scores
    taught = scores[scores["taught"]].groupby("way")["language"].agg(set).to_dict()
    assert taught == {way.name: {"en"} for way in WAYS} | {"translated": {"en", "de"}}
    report = json.loads((study.folder / "translated/report-snli.json").read_text())
    assert report["by"]["model"] == MINI
    assert report["languages"]["de"]["train"]["written"] > 0


def test_masked_lm_comes_on_top_of_the_tasks_own_steps(study):
    plain, mixed = records(study)["snli-lora"], records(study)["snli-mlm0.5-lora"]
    assert plain.config["mlm"]["ratio"] is None
    assert mixed.config["mlm"]["ratio"] == 0.5
    assert mixed.config["train"]["max_steps"] == plain.config["train"]["max_steps"] == 2
    assert mixed.held_out is not None
    assert plain.held_out is None


def test_one_run_on_two_tasks_has_the_steps_of_two_and_both_heads(study):
    assert records(study)["snli+hellaswag-lora"].config["train"]["max_steps"] == 4
    heads = {path.stem for path in study.prepared(BOTH).path.glob("heads/*.safetensors")}
    assert heads == {"snli", "hellaswag"}
    assert study.prepared(BOTH).record.parents == []


def test_averaged_runs_share_first_weights_and_differ_in_their_seeds_for_the_target_too(study):
    for folder in (study.folder / "intermediate/snli-2runs-lora", study.folder / "targets/xnli/mean"):
        members = [read_run(folder.with_name(f"{folder.name}-{number}")) for number in range(2)]
        assert [one.record.config["seed"] for one in members] == [6, 7]
        assert [one.record.config["init_seed"] for one in members] == [3, 3]
        whole = read_run(folder)
        assert whole.record.config["phase"] == "average"
        assert {parent.path for parent in whole.record.parents} == {str(one.path.resolve()) for one in members}
        [head] = [load_file(file) for file in whole.path.glob("heads/*.safetensors")]
        heads = [load_file(file) for one in members for file in one.path.glob("heads/*.safetensors")]
        for name, weight in head.items():
            assert weight.numpy() == pytest.approx((heads[0][name] + heads[1][name]).numpy() / 2, abs=1e-6)
        assert any(not heads[0][name].equal(heads[1][name]) for name in head)
    started = [parent.path for one in members for parent in one.record.parents]
    assert started == [str((study.folder / "intermediate/snli-2runs-lora").resolve())] * 2


def test_run_again_nothing_is_learned_anew(study):
    files = {path: path.stat().st_mtime_ns for path in study.folder.rglob("log.jsonl")}
    assert len(files) == 7 + 7
    first = overview(study).as_json()
    study.run()
    assert {path: path.stat().st_mtime_ns for path in study.folder.rglob("log.jsonl")} == files
    assert overview(study).as_json() == first


def test_an_average_costs_all_its_runs_and_what_came_before_them_once(study):
    costs = overview(study).costs.set_index("way")
    members = [read_run(study.folder / f"targets/xnli/mean-{number}").record for number in range(2)]
    before = [read_run(study.folder / f"intermediate/snli-2runs-lora-{number}").record for number in range(2)]
    expected = sum(record.cost.train_s for record in (*members, *before))
    assert costs.loc["mean", "seconds"] == pytest.approx(expected)
    assert costs.loc["mean", "trained"] == members[0].cost.trainable_params.adapter > 0
    assert costs.loc["mean", "bytes"] == read_run(study.folder / "targets/xnli/mean").record.cost.adapter_bytes > 0
