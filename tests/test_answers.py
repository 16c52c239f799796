"""Answers to questions are scored as the official SQuAD scripts do, oddities included (more: test_golden.py)."""

from __future__ import annotations

import pytest

from adapterstilts.errors import UserError
from adapterstilts.metrics import metrics
from adapterstilts.metrics._answers import exact_match, normalise, token_f1

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"  # é as one code point, and as e with an accent of its own


def score(metric: str, gold: list[list[str]], prediction: list[str]) -> dict[str, float]:
    return metrics.get(metric).score(gold, prediction)


def test_nothing_for_an_answer_of_articles_is_exact_with_f1_zero_in_v1_and_one_in_v2():
    assert score("squad_v1", [["The"]], ["..."]) == {"exact_match": 100.0, "f1": 0.0, "em_f1": 50.0}
    assert score("squad_v2", [["The"]], ["..."]) == {
        "exact_match": 100.0,
        "f1": 100.0,
        "em_f1": 100.0,
        "has_answer_f1": 100.0,
    }


def test_english_rules_hold_in_every_language():
    assert normalise("Das ist a Haus, the Ende!") == "das ist haus ende"
    assert normalise("长城。") == "长城。"
    assert [normalise(text) for text in ("है।", "نعم،", "«ja»")] == ["है।", "نعم،", "«ja»"]
    assert token_f1("长城", "长城很长") == 0.0  # one token each
    assert token_f1("长城 很长", "很长") == pytest.approx(2 / 3)


def test_punctuation_goes_without_a_blank_and_before_the_articles():
    assert exact_match("3.5", "35") == 1.0
    assert exact_match("twenty-one", "twentyone") == 1.0
    assert exact_match("twenty-one", "twenty one") == 0.0
    assert exact_match("vitamin A", "vitamin") == 1.0
    assert exact_match("Plan A-Team", "plan ateam") == 1.0  # an article only before the hyphen goes
    assert exact_match("Theatre", "The atre") == 0.0
    assert normalise("An apple a day") == "apple day"
    assert normalise("是。the。好") == "是。 。好"  # an article leaves a blank


def test_composed_and_decomposed_letters_differ():
    assert COMPOSED != DECOMPOSED
    assert exact_match(COMPOSED, DECOMPOSED) == token_f1(COMPOSED, DECOMPOSED) == 0.0
    assert exact_match(COMPOSED, COMPOSED.upper()) == 1.0


def test_tokens_count_as_often_as_they_occur():
    assert token_f1("to be or not to be", "to be") == pytest.approx(0.5)
    assert token_f1("to be or not to be", "to be to be to be") == pytest.approx(2 * 4 / 12)


def test_exact_match_and_f1_take_the_best_answer_each():
    scores = score("squad_v1", [["10 km", "ten long kilometres"], ["x"]], ["ten kilometres", "y"])
    assert scores == {"exact_match": 0.0, "f1": pytest.approx(40.0), "em_f1": pytest.approx(20.0)}
    assert score("squad_v1", [["x y", "y"]], ["y"]) == {"exact_match": 100.0, "f1": 100.0, "em_f1": 100.0}


def test_squad_v2_drops_answers_of_nothing_beside_others():
    assert score("squad_v2", [["the", "The End"]], [""])["exact_match"] == 0.0
    assert score("squad_v2", [["the"]], [""])["exact_match"] == 100.0


def test_the_parts_of_squad_v2_stand_only_where_there_are_such_rows():
    both = score("squad_v2", [["blue sky"], [], []], ["blue", "", "green"])
    assert both["has_answer_f1"] == pytest.approx(200 / 3)
    assert both["no_answer_accuracy"] == 50.0
    assert both["exact_match"] == pytest.approx(100 / 3)
    assert set(score("squad_v2", [["blue"]], ["blue"])) == {"exact_match", "f1", "em_f1", "has_answer_f1"}
    assert set(score("squad_v2", [[]], [""])) == {"exact_match", "f1", "em_f1", "no_answer_accuracy"}


def test_squad_v1_refuses_a_question_without_an_answer():
    with pytest.raises(UserError, match=r"row 1 has no answer(.|\n)*squad_v2"):
        score("squad_v1", [["x"], []], ["x", ""])


@pytest.mark.parametrize("name", ["squad_v1", "squad_v2"])
def test_the_number_that_xtreme_averages_is_the_main_one(name):
    assert metrics.get(name).main == "em_f1"
    assert score(name, [["blue sky"], ["x"]], ["blue", "x"])["em_f1"] == pytest.approx((50 + 500 / 6) / 2)
