"""What examples are drawn anew by: summed over all of them, every metric's parts give its main score."""

from __future__ import annotations

import random

import numpy as np
import pytest
from test_metric_fuzz import asked, labelled, tagged

from adapterstilts.metrics import metrics

CASES = 40


def ranked(draw: random.Random) -> tuple[list, list]:
    ids = [str(number) for number in range(30)]
    gold = [draw.sample(ids, draw.randint(0, 25)) for _ in range(draw.randint(1, 6))]
    return gold, [draw.sample(ids, draw.randint(0, 25)) for _ in gold]


def hidden(draw: random.Random) -> tuple[list, list]:
    counts = [draw.randint(0, 9) for _ in range(draw.randint(1, 6))]
    return [""] * len(counts), [[count, draw.randint(0, count), 5 * draw.random()] for count in counts]


MAKERS = {
    "accuracy": lambda draw: labelled(draw, ["a", "b", "c"]),
    "accuracy_f1": lambda draw: labelled(draw, ["not_duplicate", "duplicate"]),
    "chunk_f1": lambda draw: tagged(draw, ["O", "B-PER", "I-PER", "B-LOC", "NOUN", "SYM"]),
    "map_at_20": ranked,
    "masked_tokens": hidden,
    "mining_f1": ranked,
    "mlqa": lambda draw: asked(draw, 1),
    "squad_v1": lambda draw: asked(draw, 1),
    "squad_v2": lambda draw: asked(draw, 0),
    "token_accuracy": lambda draw: tagged(draw, ["N", "NP/N", "."]),
}


@pytest.mark.parametrize("name", metrics.names())
def test_the_parts_of_all_examples_give_the_main_score(name):
    metric = metrics.get(name)
    for language in metric.languages or ("en",):
        parts = metric.parts_of(language)
        for seed in range(CASES):
            gold, prediction = MAKERS[name](random.Random(f"{name} {language} {seed}"))
            each = parts.of(gold, prediction)
            assert len(each) == len(gold)
            wanted = metric.of(language)(gold, prediction)[metric.main]
            assert float(parts.main(each.sum(axis=0))) == pytest.approx(wanted, rel=0, abs=1e-9), (language, seed)


@pytest.mark.parametrize("name", metrics.names())
def test_sums_of_some_examples_give_what_those_examples_alone_score(name):
    metric, draw = metrics.get(name), random.Random(name)
    gold, prediction = MAKERS[name](draw)
    drawn = [[draw.randrange(len(gold)) for _ in gold] for _ in range(20)]
    each = metric.parts_of("en").of(gold, prediction)
    sums = np.stack([each[rows].sum(axis=0) for rows in drawn]).reshape(4, 5, -1)
    wanted = [metric.score([gold[r] for r in rows], [prediction[r] for r in rows])[metric.main] for rows in drawn]
    assert metric.parts_of("en").main(sums).ravel() == pytest.approx(wanted, rel=0, abs=1e-9)


def test_answers_are_drawn_by_the_rules_of_their_language():
    metric = metrics.get("mlqa")
    german, english = (metric.parts_of(language).of([["der Turm"]], ["Turm"]) for language in ("de", "en"))
    assert german.tolist() == [[1.0, 1.0]]
    assert english[0, 0] < 1.0
