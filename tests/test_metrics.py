"""What the metrics do at their edges, and behind the interface of `evaluate`; the official answers: test_golden.py."""

from __future__ import annotations

import math

import evaluate
import pytest

from adapterstilts.errors import UserError
from adapterstilts.evaluation.library import as_evaluate_metric, load_metric
from adapterstilts.metrics import average, metrics
from adapterstilts.metrics.chunk_f1 import chunks
from adapterstilts.metrics.mlqa import normalise


def score(metric: str, gold: list, prediction: list) -> dict[str, float]:
    return metrics.get(metric).score(gold, prediction)


def test_equal_tags_in_a_row_are_one_chunk_but_tags_with_s_are_not():
    assert chunks(["NOUN", "NOUN", "VERB"]) == {("NOUN", 0, 1), ("VERB", 2, 2)}
    assert chunks(["SYM", "SYM"]) == {("SYM", 0, 0), ("SYM", 1, 1)}


def test_no_chunk_on_either_side_scores_zero_as_official():
    assert score("chunk_f1", [["O", "O"]], [["O", "O"]])["f1"] == 0.0


def test_f1_without_a_positive_prediction_is_zero():
    scores = score("accuracy_f1", ["duplicate", "not_duplicate"], ["not_duplicate", "not_duplicate"])
    assert scores == {"accuracy": 50.0, "f1": 0.0, "accuracy_and_f1": 25.0}


def test_an_average_is_the_plain_mean_over_languages_without_the_count_of_rows():
    languages = {"en": {"f1": 90.0, "n": 1000}, "sw": {"f1": 40.0, "n": 10}}
    assert average(languages) == {"f1": 65.0}


def test_articles_and_punctuation_go_by_the_language_in_mlqa():
    assert normalise("Der Turm, eine Burg!", "de") == "turm burg"
    assert normalise("Der Turm, eine Burg!", "en") == "der turm eine burg"
    assert normalise("¿El río Ebro?", "es") == "río ebro"
    assert normalise("\u0627\u0644\u0643\u062a\u0627\u0628", "ar") == "\u0643\u062a\u0627\u0628"  # "the book"
    assert normalise("2007年2月", "zh") == "2007 年 2 月"
    assert normalise("भारत।", "hi") == "भारत"


def test_mlqa_is_scored_by_the_rules_of_each_language_and_of_no_other():
    metric = metrics.get("mlqa")
    assert metric.of("de")([["das Haus"]], ["Haus"])["exact_match"] == 100.0
    assert metric.of("en")([["das Haus"]], ["Haus"])["exact_match"] == 0.0
    with pytest.raises(UserError, match=r"no rules for language 'th'\n.*ar, de, en, es, hi, vi, zh"):
        metric.of("th")
    assert metrics.get("squad_v1").of("th") is metrics.get("squad_v1").score


def test_the_evaluate_library_gives_the_same_scores():
    gold, guess = [["NOUN", "VERB"], ["DET"]], [["NOUN", "NOUN"], ["DET"]]
    ours = score("chunk_f1", gold, guess)
    assert as_evaluate_metric("udpos").compute(predictions=guess, references=gold) == ours
    span = as_evaluate_metric("xquad").compute(predictions=["the cat"], references=[["a dog", "Cat."]])
    assert span["exact_match"] == 100
    pair = as_evaluate_metric("snli").compute(predictions=["neutral"], references=["neutral"])
    assert pair == {"accuracy": 100.0}


ROWS = {"prediction": ["x y", "z"], "gold": ["x y", "w"]}


@pytest.mark.parametrize("name", [name for name in metrics.names() if name != "masked_tokens"])
def test_every_metric_is_an_evaluate_module_that_takes_batches(name):
    metric = metrics.get(name)
    rows = {side: [[row] for row in ROWS[side]] if side in metric.lists else ROWS[side] for side in ROWS}
    module = load_metric(name, language="de")
    assert isinstance(module, evaluate.EvaluationModule)
    for row in range(2):
        module.add_batch(predictions=rows["prediction"][row : row + 1], references=rows["gold"][row : row + 1])
    assert module.compute() == metric.of("de")(rows["gold"], rows["prediction"])


def test_hidden_tokens_are_scored_from_numbers():
    module = load_metric("masked_tokens")
    found = module.compute(predictions=[[4.0, 3.0, 2.0]], references=[""])
    assert found == pytest.approx({"accuracy": 75.0, "loss": 0.5, "perplexity": math.exp(0.5)})


def test_a_metric_with_rules_by_language_must_be_told_the_language():
    answers = {"predictions": ["Haus"], "references": [["das Haus"]]}
    assert load_metric("mlqa", "de").compute(**answers)["exact_match"] == 100.0
    assert as_evaluate_metric("mlqa", "en").compute(**answers)["exact_match"] == 0.0
    with pytest.raises(UserError, match="rules of its own for each language"):
        load_metric("mlqa")
    with pytest.raises(UserError, match="did you mean 'squad_v1'"):
        load_metric("squad_v11")
