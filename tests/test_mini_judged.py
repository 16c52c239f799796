"""Rows that ask whether something is so: feelings, answers, preferences. Labels follow, and are not too easy."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import numpy as np
import pytest

from adapterstilts.mini._catalog import MAKERS, kinds
from adapterstilts.mini._columns import hub_table
from adapterstilts.mini._makers import Source, split_of
from adapterstilts.mini.said import Property, Statement, joined
from adapterstilts.mini.world import ACTIONS, QUALITIES, TIMES
from adapterstilts.tasks import tasks

FELT = dict.fromkeys(("happy", "rich", "clean", "cheap"), 1) | dict.fromkeys(("sad", "poor", "dirty", "expensive"), -1)
VALUES = {"negative": -1, "neutral": 0, "positive": 1}
OPPOSITE = {**TIMES, **{word: about.opposite for word, about in {**ACTIONS, **QUALITIES}.items()}}


def drawn(name, split="train", count=300):
    source = Source(random.Random(f"{name} {split}"), split)
    return [MAKERS[name](source, number % kinds(tasks.get(name))) for number in range(count)]


def words(text):
    return set(re.findall(r"\w+", text.lower()))


def differences(rows, vocabulary):
    """Encode pairs as the words that one side has and the other has not (rows, 2 x words + 1)."""
    encoded = np.zeros((len(rows), 2 * len(vocabulary) + 1))
    encoded[:, -1] = 1
    for line, (first, second) in zip(encoded, rows, strict=True):
        for offset, only in ((0, words(first) - words(second)), (len(vocabulary), words(second) - words(first))):
            line[[offset + vocabulary[word] for word in only if word in vocabulary]] = 1
    return encoded


def labelled(name, language, split, count):
    """Draw pairs, or texts, and their labels through the maker, said by the language."""
    task = tasks.get(name)
    source = Source(random.Random(f"{name} {split}"), split)
    rows = [MAKERS[name](source, number % len(task.labels)) for number in range(count)]
    there = hub_table(task, language, rows).to_pydict()
    second = there[task.columns["text_b"]] if "text_b" in task.columns else [""] * count
    return list(zip(there[task.columns["text_a"]], second, strict=True)), np.array(there["label"])


@pytest.mark.parametrize(
    ("name", "language", "least", "most"),
    [("snli", "en", 0.5, 0.95), ("xnli", "de", 0.5, 0.95), ("xnli", "ru", 0.5, 0.95), ("xnli", "sw", 0.5, 0.95),
     ("qqp", "en", 0.6, 0.9), ("pawsx", "es", 0.7, 0.95), ("qnli", "en", 0.55, 0.95), ("boolq", "en", 0.5, 0.9),
     ("sst2", "en", 0.6, 0.9), ("afrisenti", "sw", 0.5, 0.9), ("afrisenti", "yo", 0.5, 0.9)],
)  # fmt: skip
def test_a_linear_model_on_the_words_that_differ_neither_fails_nor_saturates(name, language, least, most):
    (train, gold), (test, expected) = labelled(name, language, "train", 1200), labelled(name, language, "dev", 400)
    vocabulary = {
        word: place for place, word in enumerate(sorted({word for pair in train for word in words(" ".join(pair))}))
    }
    x, y = differences(train, vocabulary), np.eye(gold.max() + 1)[gold]
    weights = np.zeros((x.shape[1], y.shape[1]))
    for _ in range(300):  # softmax regression
        scores = np.exp(x @ weights)
        weights -= 0.5 * (x.T @ (scores / scores.sum(1, keepdims=True) - y) / len(x) + 1e-3 * weights)
    right = (differences(test, vocabulary) @ weights).argmax(1) == expected
    assert least < right.mean() < most


@pytest.mark.parametrize("name", ["sst2", "afrisenti"])
def test_a_feeling_follows_from_what_somebody_or_something_is_like(name):
    denied = 0
    for row in drawn(name):
        [(said,)] = row.texts
        if isinstance(said, Property):
            value = FELT.get(said.quality, 0)
        else:
            fact = said.fact
            of_thing = FELT.get(fact.thing_quality, 0) * (-1 if fact.negated else 1)
            value = FELT.get(fact.agent_quality, 0) + of_thing
            denied += fact.negated
        assert VALUES[tasks.get(name).labels[row.label]] == value
    assert 300 / 4 < denied < 300 / 2


def answers(question, told):
    """Whether a told fact says what is asked for: all that the question says, and the part that it asks for."""
    fact = question.fact
    parts = ("agent", "action", "thing", "agent_quality", "thing_quality", "recipient", "place", "time")
    said = [part for part in parts if part != question.asked and getattr(fact, part) is not None]
    return getattr(told, question.asked) is not None and all(getattr(fact, p) == getattr(told, p) for p in said)


def test_a_sentence_holds_the_answer_where_the_label_says_so():
    for row in drawn("qnli"):
        (question,), (sentence,) = row.texts
        assert answers(question, sentence.fact) == (tasks.get("qnli").labels[row.label] == "entailment")


def test_a_question_for_yes_or_no_is_answered_by_the_passage():
    for row in drawn("boolq"):
        (question,), passage = row.texts
        fact = question.fact
        assert (fact.place is None) + (fact.time is None) == 1
        kept = {part: None for part in ("place", "time") if getattr(fact, part) is None}
        same = [replace(said.fact, **kept) == fact for said in passage]
        assert sum(same) == row.label
        assert re.fullmatch(r"Does the [a-z ,A-Z]+\?", joined(row.texts[0], "en"))


def test_one_of_two_people_is_meant_and_the_gap_is_where_they_are_told_of_again():
    rows = drawn("winogrande")
    table = hub_table(tasks.get("winogrande"), "en", rows).to_pylist()
    for row, raw in zip(rows, table, strict=True):
        *passage, again = (said.fact for said in row.texts[0])
        options = [raw["option1"], raw["option2"]]
        assert raw["sentence"].count("_") == 1
        assert options[int(raw["answer"]) - 1].split()[-1] == again.agent.split()[-1]
        assert [again.agent == fact.agent and again.action == fact.action for fact in passage].count(True) == 1
        assert {fact.agent for fact in passage} == {option.removeprefix("the ") for option in options}


@pytest.mark.parametrize("name", ["hh_rlhf", "oasst1", "helpsteer3"])
def test_the_preferred_answer_is_true_and_on_the_point_and_the_other_is_not(name):
    kinds_of_wrong = {True: 0, False: 0}
    for row in drawn(name):
        (*passage, question), (right,), (wrong,) = row.texts
        told = [said.fact for said in passage]
        assert answers(question, right.fact)
        assert any(is_told(right.fact, fact) for fact in told)
        true = any(is_told(wrong.fact, fact) for fact in told)
        assert not (true and answers(question, wrong.fact))
        kinds_of_wrong[true] += 1
    assert min(kinds_of_wrong.values()) > 100


def is_told(fact, told):
    return all(getattr(told, part) == value for part, value in vars(fact).items() if value is not None)


@pytest.mark.parametrize("name", ["bucc", "bucc_mteb"])
def test_what_has_no_partner_differs_in_one_word_from_what_has(name):
    for row in drawn(name, "test"):
        (told,), (like,) = row.texts
        assert isinstance(told, Statement)
        changed = [part for part, value in vars(told.fact).items() if value != vars(like.fact)[part]]
        assert len(set(changed) - {"recipient"}) == 1
        assert {split_of(told.fact), split_of(like.fact)} == {"test"}


@pytest.mark.parametrize("language", ["de", "ru", "zh"])
def test_pools_name_the_partner_that_says_the_same(language):
    task = tasks.get("bucc")
    rows = drawn("bucc", "test", 40)
    there = hub_table(task, language, rows).to_pylist()
    texts = {one["id"]: one["text"] for one in there}
    partners = {one["id"]: one["partners"] for one in there if one["partners"]}
    said = {(joined(row.texts[0], language), joined(row.texts[0], "en")) for row in rows}
    assert {(texts[one], texts[other]) for one, [other] in partners.items()} == said
    [whole] = hub_table(tasks.get("bucc_mteb"), language, rows).to_pylist()
    assert {(whole["sentence1"][one - 1], whole["sentence2"][other - 1]) for one, other in whole["gold"]} == said
    assert len(whole["sentence1"]) == len(whole["sentence2"]) == 60
