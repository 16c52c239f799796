"""A study's results judged: from predictions on the disk to frames with intervals, holes and reasons."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adapterstilts.errors import UserError
from adapterstilts.evaluation.files import score_folder, write_predictions
from adapterstilts.experiment.evidence import _is_parallel
from adapterstilts.experiment.judgement import Judged, judge_results
from adapterstilts.experiment.results import CELL, Results
from adapterstilts.formats import Prediction
from adapterstilts.metrics import metrics
from adapterstilts.store.run import RunRecord, nothing_trained
from adapterstilts.tasks import tasks

ROWS = 40
SEEDS = (0, 1, 2)
TARGETS = {"xnli": ("en", "de", "sw"), "panx": ("en", "de"), "xcopa": ("sw", "tr")}
RATES = {"none": 0.5, "mnli": 0.75, "qqp": 0.55}
FULL = 0.1  # more right with full fine-tuning
HOLES = {("lora", "qqp", "xnli", 2): "failed: out of memory"}
Answers = tuple[list, list]


def right(way: str, method: str, language: str, seed: int) -> np.ndarray:
    """Which rows are answered rightly; the same ones tend to be in all languages and for all seeds."""
    easy = np.random.default_rng(9).random(ROWS)
    own = np.random.default_rng([seed, len(language + way + method), ord(language[0])]).random(ROWS)
    return 0.8 * easy + 0.2 * own < RATES[way] + FULL * (method == "full")


def answers(target: str, rows: np.ndarray) -> Answers:
    if target == "panx":
        return [["B-PER", "O"]] * ROWS, [["B-PER", "O"] if one else ["O", "B-LOC"] for one in rows]
    labels = tasks.get(target).labels
    return [labels[0]] * ROWS, [labels[0] if one else labels[1] for one in rows]


def write(folder: Path, target: str, language: str, scored: Answers, ids: list[str] | None = None) -> None:
    question = {"rows": {"revision": "mirror:1", "task": target}, "run": folder.parent.parent.name}
    predictions = [Prediction(value, 1.0) for value in scored[1]]
    file = folder / "predictions" / f"{language}.parquet"
    write_predictions(file, ids or [str(row) for row in range(ROWS)], scored[0], predictions, question, {})


def score(folder: Path, target: str) -> dict[str, float]:
    run = {"run": folder.parent.parent.name}
    scores = score_folder(folder, tasks.get(target), "test", run)["languages"]
    return {language: values[metrics.get(tasks.get(target).metric).main] for language, values in scores.items()}


def lines(root: Path, seeds=SEEDS, holes=HOLES) -> tuple[list[dict], list[dict]]:
    scores, missing = [], []
    for method in ("lora", "full"):
        for way in RATES:
            for target, languages in TARGETS.items():
                for seed in seeds:
                    cell = {"base": "mini", "variant": "", "method": method, "way": way, "target": target, "seed": seed}
                    if why := holes.get((method, way, target, seed)):
                        missing.append({**cell, "why": why})
                        continue
                    folder = root / f"{method}-{way}-{target}-{seed}" / "eval" / f"{target}-test"
                    for language in languages:
                        write(folder, target, language, answers(target, right(way, method, language, seed)))
                    scores += [
                        {**cell, "language": language, "score": one, "metric": "", "taught": language == "en",
                         "kind": "test", "folder": str(folder)}
                        for language, one in score(folder, target).items()
                    ]  # fmt: skip
    return scores, missing


def results(scores: list[dict], missing: list[dict], **more) -> Results:
    dev = [
        {**{name: line[name] for name in (*CELL, "seed")}, "score": 100 * RATES[line["way"]]}
        for line in scores
        if line["language"] == "en"
    ]
    empty = pd.DataFrame(columns=[*CELL, "seed"])
    spoken = {target: tuple(one for one in languages if one != "en") for target, languages in TARGETS.items()}
    given = {
        "name": "study", "about": "", "command": "", "folder": Path(), "baseline": "none", "reference": "full",
        "ways": tuple(RATES), "methods": ("full", "lora"), "targets": tuple(TARGETS), "seeds": SEEDS,
        "scores": pd.DataFrame(scores), "dev": pd.DataFrame(dev), "costs": empty, "retained": empty, "layers": empty,
        "chosen": empty, "holes": pd.DataFrame(missing, columns=[*CELL, "seed", "why"]), "zero_shot": spoken,
        "same_rows": frozenset({("mnli", "xnli")}), "certificates": {}, "configurations": {}, "environment": {},
    }  # fmt: skip
    return Results(**{**given, **more})


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[list[dict], list[dict]]:
    return lines(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def judged(written) -> Judged:
    return judge_results(results(*written), draws=300)


def cell(frame: pd.DataFrame, method: str, way: str, target: str, **more) -> pd.Series:
    wanted = {"method": method, "way": way, "target": target, **more}
    [found] = [line for _, line in frame.iterrows() if all(line[name] == value for name, value in wanted.items())]
    return found


def zero_shot(judged: Judged, method: str, way: str, target: str) -> pd.Series:
    return cell(judged.gains, method, way, target, languages="zero-shot")


def mean_of(written, method: str, way: str, target: str, languages: tuple[str, ...], seeds=SEEDS) -> float:
    frame = pd.DataFrame(written[0])
    kept = frame[(frame["method"] == method) & (frame["way"] == way) & (frame["target"] == target)]
    return float(kept[kept["language"].isin(languages) & kept["seed"].isin(seeds)]["score"].mean())


@pytest.mark.parametrize("target", TARGETS)
def test_a_difference_is_that_of_mean_scores(written, judged, target):
    spoken = tuple(one for one in TARGETS[target] if one != "en")
    found = zero_shot(judged, "lora", "mnli", target)
    after, before = (mean_of(written, "lora", way, target, spoken) for way in ("mnli", "none"))
    assert found["score"] == pytest.approx(after)
    assert found["difference"] == pytest.approx(after - before)
    assert found["low"] < found["difference"] < found["high"]
    assert (found["seeds"], found["basis"], found["why"]) == (3, "seeds and items", "")


def test_english_is_told_apart_and_only_where_it_is_scored(written, judged):
    english = judged.gains[judged.gains["languages"] == "en"]
    assert set(english["target"]) == {"xnli", "panx"}
    found = cell(judged.gains, "full", "qqp", "xnli", languages="en")
    assert found["score"] == pytest.approx(mean_of(written, "full", "qqp", "xnli", ("en",)))


def test_the_baseline_has_a_score_and_no_difference(judged):
    found = zero_shot(judged, "lora", "none", "xnli")
    assert found["score"] > 0
    assert np.isnan(found["difference"])
    assert np.isnan(found["p"])
    assert (found["seeds"], found["why"]) == (3, "")


def test_a_missing_seed_leaves_a_range_over_the_others_and_its_reason(written, judged):
    found = zero_shot(judged, "lora", "qqp", "xnli")
    assert (found["seeds"], found["basis"], found["why"]) == (2, "range", "seed 2: failed: out of memory")
    assert found["lowest"] <= found["difference"] <= found["highest"]
    assert found[["low", "high", "p", "p_holm", "detectable"]].isna().all()
    before = mean_of(written, "lora", "none", "xnli", ("de", "sw"), (0, 1))
    assert found["difference"] == pytest.approx(mean_of(written, "lora", "qqp", "xnli", ("de", "sw")) - before)


def test_holms_family_is_all_cells_of_the_same_languages(judged):
    of = judged.gains[judged.gains["languages"] == "zero-shot"]
    known = of["p"].dropna()
    assert len(known) == 11  # 2 methods x 2 ways x 3 targets, and one hole
    smallest = of.loc[known.idxmin()]
    assert smallest["p_holm"] == pytest.approx(min(1.0, 11 * smallest["p"]))
    assert (of["p_holm"].dropna() >= known - 1e-12).all()


def test_ways_that_learned_from_the_targets_own_rows_are_marked(judged):
    assert zero_shot(judged, "lora", "mnli", "xnli")["same_rows"]
    assert not zero_shot(judged, "lora", "mnli", "panx")["same_rows"]


def test_the_effect_is_the_difference_by_the_deviation_between_the_baselines_items(judged):
    found = zero_shot(judged, "lora", "mnli", "xnli")
    between = found["difference"] / found["effect"]
    assert 25.0 < between < 55.0  # right or wrong, 50 % each, at most 50 points
    assert found["effect_low"] == pytest.approx(found["low"] / between)


def test_the_same_item_in_two_languages_counts_once(written, judged, monkeypatch):
    monkeypatch.setattr("adapterstilts.experiment.evidence._is_parallel", lambda *_: False)
    apart = judge_results(results(*written), draws=300)
    xnli, other = (zero_shot(one, "full", "mnli", "xnli")["item_sd"] for one in (judged, apart))
    panx, same = (zero_shot(one, "full", "mnli", "panx")["item_sd"] for one in (judged, apart))
    assert xnli > 1.1 * other
    assert panx == same


def test_items_are_parallel_where_the_task_says_so_and_the_ids_agree(tmp_path):
    folder, numbers, fewer = tmp_path / "run" / "eval" / "x", ["0", "1"], ["0"]
    assert _is_parallel(tasks.get("xnli"), {"de": numbers, "sw": numbers}, folder)
    assert not _is_parallel(tasks.get("xnli"), {"de": numbers, "sw": fewer}, folder)  # which row fell out?
    assert _is_parallel(tasks.get("mlqa"), {"de": numbers, "hi": fewer}, folder)  # ids of its own
    assert not _is_parallel(tasks.get("panx"), {"de": numbers, "sw": numbers}, folder)


@pytest.mark.parametrize(
    ("base", "mirror", "parallel"), [("mini", None, True), ("mini", "/real", False), ("x", "mini", True)]
)
def test_in_the_embedded_world_every_task_is_parallel(tmp_path, base, mirror, parallel):
    record = RunRecord(
        status="done", fingerprint="f", config={"resources": {"mirror": mirror}}, parents=[], data={}, packages={},
        base={"name": base, "fingerprint": "b"}, seed=0, best={}, **nothing_trained(),
    )  # fmt: skip
    (tmp_path / "run.json").write_text(record.model_dump_json())
    ids = {"de": ["0", "1"], "sw": ["0", "1"]}
    assert _is_parallel(tasks.get("panx"), ids, tmp_path / "eval" / "panx-test") == parallel


def test_every_target_with_parallel_items_says_so():
    declared = {name for name in tasks.names() if tasks.get(name).parallel}
    assert declared == {"xnli", "pawsx", "xcopa", "xquad", "mlqa", "afrixnli", "xquad_r", "lareqa"}


def test_other_methods_are_held_against_the_reference_way_by_way(written, judged):
    frame = judged.against_reference
    assert set(frame["method"]) == {"lora"}
    assert len(frame) == 9
    found = cell(frame, "lora", "mnli", "panx")
    full = mean_of(written, "full", "mnli", "panx", ("de",))
    assert found["difference"] == pytest.approx(mean_of(written, "lora", "mnli", "panx", ("de",)) - full)
    assert cell(frame, "lora", "qqp", "xnli")["why"] == "seed 2: failed: out of memory"


def test_the_share_kept_is_of_the_reference_methods_own_gain(written, judged):
    found = cell(judged.kept, "lora", "mnli", "xnli")
    gains = [
        mean_of(written, method, "mnli", "xnli", ("de", "sw")) - mean_of(written, method, "none", "xnli", ("de", "sw"))
        for method in ("lora", "full")
    ]
    assert found["share"] == pytest.approx(gains[0] / gains[1])
    assert found["low"] < found["share"] < found["high"]


def test_there_is_no_share_of_what_may_be_no_gain(judged):
    found = cell(judged.kept, "lora", "qqp", "panx")
    assert np.isnan(found["share"])
    assert "may be 0" in found["why"]
    assert not (judged.kept["way"] == "none").any()


def test_three_rules_choose_a_way_for_every_target(judged):
    frame = judged.selection[judged.selection["method"] == "full"]
    assert set(zip(frame["target"], frame["rule"], strict=True)) == {
        (target, rule) for target in TARGETS for rule in ("English dev", "averaged", "oracle")
    }
    assert cell_of_rule(frame, "xnli", "English dev")["way"] == "mnli"
    assert pd.isna(cell_of_rule(frame, "xcopa", "English dev")["way"])  # it has no English dev rows here
    assert cell_of_rule(frame, "xcopa", "averaged")["way"] == "mnli"
    oracle = cell_of_rule(frame, "panx", "oracle")["score"]
    assert oracle == pytest.approx(max(zero_shot(judged, "full", way, "panx")["score"] for way in RATES))


def test_a_control_keeps_no_gain_and_is_not_chosen(written, judged):
    found = judge_results(results(*written, controls=frozenset({"mnli"})), draws=20)
    kept = cell(found.kept, "lora", "mnli", "xnli")
    assert np.isnan(kept["share"])
    assert kept["why"].startswith("a control")
    assert "mnli" in set(judged.selection["way"])
    assert "mnli" not in set(found.selection["way"])
    assert (
        zero_shot(found, "lora", "mnli", "xnli")["difference"]
        == zero_shot(judged, "lora", "mnli", "xnli")["difference"]
    )


def cell_of_rule(frame: pd.DataFrame, target: str, rule: str) -> pd.Series:
    [found] = [line for _, line in frame.iterrows() if (line["target"], line["rule"]) == (target, rule)]
    return found


def test_without_a_reference_nothing_is_held_against_it(written):
    found = judge_results(results(*written, reference=None), draws=20)
    assert found.against_reference.empty
    assert found.kept.empty
    assert "difference" in found.against_reference.columns


def test_a_cell_without_any_run_stays_and_says_why(written):
    scores = [line for line in written[0] if (line["method"], line["way"]) != ("lora", "mnli")]
    why = {name: scores[0][name] for name in CELL} | {
        "method": "lora",
        "way": "mnli",
        "target": "xnli",
        "why": "not run",
    }
    found = judge_results(results(scores, [*written[1], *({**why, "seed": seed} for seed in SEEDS)]), draws=20)
    hole = zero_shot(found, "lora", "mnli", "xnli")
    assert (hole["why"], hole["seeds"]) == ("not run", 0)
    assert np.isnan(hole["score"])
    kept = cell(found.kept, "lora", "mnli", "xnli")
    assert (np.isnan(kept["share"]), kept["why"]) == (True, "lora, mnli: not run")


def test_a_missing_baseline_is_named_as_what_is_missing(written):
    scores = [line for line in written[0] if (line["method"], line["way"], line["target"]) != ("lora", "none", "panx")]
    found = zero_shot(judge_results(results(scores, written[1]), draws=20), "lora", "mnli", "panx")
    assert found["why"] == "the baseline: not run"
    assert found["score"] > 0
    assert np.isnan(found["difference"])


def test_a_run_that_lacks_a_language_is_left_out_by_name(written):
    def lacking(line):
        return (line["method"], line["way"], line["target"], line["seed"]) == ("full", "mnli", "xnli", 1)

    scores = [line for line in written[0] if not (lacking(line) and line["language"] == "sw")]
    found = zero_shot(judge_results(results(scores, written[1]), draws=20), "full", "mnli", "xnli")
    assert (found["seeds"], found["why"]) == (2, "seed 1: not scored in sw")


def test_a_target_that_was_taught_in_all_its_languages_says_so(written):
    spoken = {**results(*written).zero_shot, "panx": ()}
    found = zero_shot(judge_results(results(*written, zero_shot=spoken), draws=20), "full", "mnli", "panx")
    assert found["why"] == "no language of this target is zero-shot"
    assert np.isnan(found["score"])


def test_cells_that_were_scored_on_other_rows_are_refused(tmp_path):
    scores, missing = lines(tmp_path, seeds=(0,), holes={})
    folder = tmp_path / "lora-mnli-xnli-0" / "eval" / "xnli-test"
    gold, prediction = answers("xnli", right("mnli", "lora", "sw", 0))
    write(folder, "xnli", "sw", (["neutral", *gold[1:]], prediction))
    score(folder, "xnli")
    with pytest.raises(UserError, match=r"xnli was scored on other rows \(sw\)"):
        judge_results(results(scores, missing), draws=20)


def test_rows_that_changed_behind_an_equal_record_are_refused(tmp_path):
    scores, missing = lines(tmp_path, seeds=(0,), holes={})
    folder = tmp_path / "lora-mnli-xnli-0" / "eval" / "xnli-test"
    write(folder, "xnli", "sw", answers("xnli", right("mnli", "lora", "sw", 0)), [f"row {n}" for n in range(ROWS)])
    with pytest.raises(UserError, match=r"xnli was scored on other rows \(sw\)"):
        judge_results(results(scores, missing), draws=20)


def test_scores_of_another_version_of_a_metric_are_refused(tmp_path):
    scores, missing = lines(tmp_path, seeds=(0,), holes={})
    file = tmp_path / "lora-mnli-xnli-0" / "eval" / "xnli-test" / "metrics.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "metric": {**content["metric"], "version": 99}}))
    with pytest.raises(UserError, match="other versions of its metric"):
        judge_results(results(scores, missing), draws=20)


def test_predictions_that_are_gone_are_named(tmp_path):
    scores, missing = lines(tmp_path, seeds=(0,), holes={})
    (tmp_path / "lora-mnli-xnli-0" / "eval" / "xnli-test" / "predictions" / "sw.parquet").unlink()
    with pytest.raises(UserError, match="there are no predictions in"):
        judge_results(results(scores, missing), draws=20)


def test_a_metric_without_parts_is_judged_by_its_runs_alone(written, monkeypatch):
    monkeypatch.setattr("adapterstilts.metrics.Metric.parts_of", lambda *_: None)
    found = zero_shot(judge_results(results(*written), draws=20), "full", "mnli", "xnli")
    assert found["basis"] == "seeds"
    assert found["low"] < found["difference"] < found["high"]
    assert np.isnan(found["effect"])
    assert np.isnan(found["item_sd"])


def test_the_same_results_in_another_order_are_judged_alike(written, judged):
    other = judge_results(results(list(reversed(written[0])), written[1]), draws=300)
    pd.testing.assert_frame_equal(other.gains, judged.gains)
    pd.testing.assert_frame_equal(other.kept, judged.kept)
