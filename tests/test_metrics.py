"""Our scores equal the official scorers' on the official scorers' own inputs."""

from __future__ import annotations

import json

import pytest

from adapterstilts.evaluation.library import as_evaluate_metric
from adapterstilts.metrics import average, metrics
from adapterstilts.metrics.chunk_f1 import chunks


def score(metric: str, gold: list, prediction: list) -> dict[str, float]:
    return metrics.get(metric).score(gold, prediction)


def official_cases(real_data, file: str) -> list[dict]:
    cases = json.loads((real_data / "golden" / file).read_text(encoding="utf-8"))["cases"]
    return [case for case in cases if not case.get("port_may_differ")]


@pytest.mark.real
@pytest.mark.parametrize(("file", "least"), [("udpos_seqeval.json", 16), ("ner_bio_seqeval.json", 15)])
def test_chunk_f1_equals_xtreme(real_data, file, least):
    cases = official_cases(real_data, file)
    assert len(cases) >= least
    for case in cases:
        ours = score("chunk_f1", case["references"], case["predictions"])
        for name, value in case["expected"].items():
            assert ours[name] == pytest.approx(value, abs=1e-9), (case["name"], name)


@pytest.mark.real
def test_accuracy_equals_xtreme(real_data):
    for case in official_cases(real_data, "classification_accuracy.json"):
        ours = score("accuracy", case["references"], case["predictions"])
        assert ours["accuracy"] == pytest.approx(case["expected"]["accuracy"], abs=1e-9), case["name"]


@pytest.mark.real
def test_qqp_equals_jiant(real_data):
    cases = [c for c in official_cases(real_data, "jiant_intermediate.json") if c["name"].startswith("qqp")]
    assert len(cases) == 3
    names = {0: "not_duplicate", 1: "duplicate"}
    for case in cases:
        gold = case["references"]["label_ids"] if isinstance(case["references"], dict) else case["references"]
        ours = score("accuracy_f1", [names[g] for g in gold], [names[p] for p in case["predictions"]])
        assert ours["accuracy_and_f1"] == pytest.approx(100 * case["expected"]["major"], abs=1e-9)
        assert ours["f1"] == pytest.approx(100 * case["expected"]["minor"]["f1"], abs=1e-9)


@pytest.mark.real
def test_averages_equal_xtreme(real_data):
    checked = 0
    for case in official_cases(real_data, "xtreme_average.json"):
        for task, languages in case["predictions"].items():
            if task in case["expected"]["tasks"]:
                ours = average(languages)
                assert set(ours) == set(next(iter(languages.values())))
                for name, value in ours.items():
                    assert value == pytest.approx(case["expected"]["tasks"][task][f"avg_{name}"], abs=1e-9)
                    checked += 1
    assert checked > 20


def test_equal_tags_in_a_row_are_one_chunk_but_tags_with_s_are_not():
    assert chunks(0, ["NOUN", "NOUN", "VERB"]) == {(0, "NOUN", 0, 1), (0, "VERB", 2, 2)}
    assert chunks(0, ["SYM", "SYM"]) == {(0, "SYM", 0, 0), (0, "SYM", 1, 1)}


def test_no_chunk_on_either_side_scores_zero_as_official():
    assert score("chunk_f1", [["O", "O"]], [["O", "O"]])["f1"] == 0.0


def test_f1_without_a_positive_prediction_is_zero():
    scores = score("accuracy_f1", ["duplicate", "not_duplicate"], ["not_duplicate", "not_duplicate"])
    assert scores == {"accuracy": 50.0, "f1": 0.0, "accuracy_and_f1": 25.0}


def test_the_evaluate_library_gives_the_same_scores():
    gold, guess = [["NOUN", "VERB"], ["DET"]], [["NOUN", "NOUN"], ["DET"]]
    ours = score("chunk_f1", gold, guess)
    assert as_evaluate_metric("udpos").compute(predictions=guess, references=gold) == ours
    span = as_evaluate_metric("xquad").compute(predictions=["the cat"], references=[["a dog", "Cat."]])
    assert span["exact_match"] == 100
    pair = as_evaluate_metric("snli").compute(predictions=["neutral"], references=["neutral"])
    assert pair == {"accuracy": 100.0}
