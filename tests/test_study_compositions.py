"""A study of compositions: merges that are measured first, fusions that are learned with each target, a search."""

from __future__ import annotations

import importlib.metadata
import json

import pytest

from adapterstilts.report.overview import overview
from adapterstilts.report.study import SEARCH, Study, Way
from adapterstilts.store.run import read_run

TWO = ("snli", "squad_v2")
WAYS = [
    Way("regmean", "lora", TWO, "regmean"),
    Way("layer-weights", "lora", TWO, "layer_weights"),
    Way("search", "lora", TWO, SEARCH),
    Way("full-mean", "full", TWO, "mean"),
]
if any(found.name == "adapters" for found in importlib.metadata.distributions()):
    WAYS.append(Way("fusion", "bottleneck", TWO, "attention"))
TARGETS = ("xnli", "udpos", "tatoeba")


@pytest.fixture(scope="module")
def study(base, mirror, tmp_path_factory):
    settings = {"resources.mirror": str(mirror), "precision": "fp32", "train.learning_rate": 1e-2}
    settings |= {"train.max_steps": 2, "train.eval_every": 2, "train.warmup_ratio": 0, "train.batch_size": 8}
    folder = tmp_path_factory.mktemp("compositions") / "all"
    done = Study(folder, str(base), tuple(WAYS), TARGETS, settings, {"lora": {"method.r": 4}})
    done.run()
    return done


def test_what_a_merge_needs_is_measured_once_on_every_member(study):
    files = sorted(path.relative_to(study.folder).as_posix() for path in study.folder.rglob("gram.safetensors"))
    assert files == [f"intermediate/{task}-lora/gram.safetensors" for task in TWO]
    before = [(study.folder / file).stat().st_mtime_ns for file in files]
    study.run()
    assert [(study.folder / file).stat().st_mtime_ns for file in files] == before


def test_a_fusion_is_learned_with_each_target_from_all_members(study):
    for way in (way for way in WAYS if way.how in ("layer_weights", "attention")):
        run = study.scored(way, "udpos")
        members = [str((study.folder / f"intermediate/{task}-{way.method}").resolve()) for task in TWO]
        assert [parent.path for parent in run.record.parents] == members
        assert study.prepared(way) is None


def test_a_search_prepares_targets_that_a_members_head_can_answer(study):
    [parent] = study.scored(WAYS[2], "xnli").record.parents
    found = read_run(parent.path)
    assert found.path == (study.folder / "targets/xnli/search-found").resolve()
    assert "snli" in found.heads
    assert (found.path / "search.jsonl").is_file()
    assert not (study.folder / "targets/udpos/search-found").exists()


def test_a_target_that_a_way_cannot_reach_is_a_hole_in_the_tables(study):
    found = overview(study)
    reached = found.scores.groupby("way")["target"].agg(set).to_dict()
    everywhere = set(TARGETS)
    assert reached["regmean"] == reached["full-mean"] == everywhere
    assert reached["layer-weights"] == everywhere - {"tatoeba"}
    assert reached["search"] == {"xnli"}
    [scores, _] = found.tables()
    rows = {row[0]: row[1:] for row in scores.rows}
    assert rows["search"][0] == "-"
    assert [cell == "-" for cell in rows["search"][1:]] == [False, True, True]
    assert "-" not in rows["regmean"]
    assert json.loads(json.dumps(found.as_json())) == found.as_json()
