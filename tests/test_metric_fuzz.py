"""Seeded random cases: our metrics against seqeval, scikit-learn and plain references that count in another way."""

from __future__ import annotations

import itertools
import random
import string
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import seqeval.metrics
import sklearn.metrics
from sklearn.preprocessing import MultiLabelBinarizer

from adapterstilts.metrics import metrics
from adapterstilts.tasks import tasks

UPOS = list(tasks.get("udpos").labels)
# seqeval 1.2.2 takes the first letter off a bare tag: these have no type of their own there (the last tests here).
UNLIKE = {"CCONJ", "SCONJ", "X"}
WORDS = [
    "a",
    "an",
    "The",
    "theatre",
    "blue",
    "Blue",
    "sky",
    "3.5",
    "35",
    "twenty-one",
    "one",
    "北京",
    "naïve",
    "ال",
    "।",
]
GAPS = [" ", "  ", "\n", "\t", "-", ". ", ", "]

Scores = dict[str, float]
Case = Callable[[random.Random], tuple[Scores, Scores]]  # ours, and theirs under the same names


def score(metric: str, gold: list, prediction: list) -> dict[str, float]:
    return metrics.get(metric).score(gold, prediction)


def corrupted(draw: random.Random, gold: list, tags: list[str]) -> list:
    """Return the gold with a random share of its tags drawn anew."""
    rate = draw.choice([0.0, 0.1, 0.3, 0.6, 1.0])
    return [[draw.choice(tags) if draw.random() < rate else tag for tag in sentence] for sentence in gold]


def tagged(draw: random.Random, tags: list[str]) -> tuple[list, list]:
    gold = [[draw.choice(tags) for _ in range(draw.randint(1, 12))] for _ in range(draw.randint(1, 6))]
    return gold, corrupted(draw, gold, tags)


def like_seqeval(gold: list, prediction: list) -> tuple[Scores, Scores]:
    names = {
        "f1": "f1_score",
        "precision": "precision_score",
        "recall": "recall_score",
        "token_accuracy": "accuracy_score",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where nothing is predicted, and gives 0 as we do
        theirs = {ours: 100 * getattr(seqeval.metrics, name)(gold, prediction) for ours, name in names.items()}
    return score("chunk_f1", gold, prediction), theirs


def entities(draw: random.Random) -> tuple[Scores, Scores]:
    """Any order of B-, I- and O, also those that no annotator would write."""
    types = draw.sample(["PER", "ORG", "LOC", "DATE", "WORK-OF-ART"], draw.randint(1, 4))
    tags = ["O", *(f"{prefix}-{kind}" for prefix in "BI" for kind in types)]
    return like_seqeval(*tagged(draw, tags))


def parts_of_speech(draw: random.Random) -> tuple[Scores, Scores]:
    return like_seqeval(*tagged(draw, draw.sample([tag for tag in UPOS if tag not in UNLIKE], draw.randint(2, 8))))


def runs(sentences: list) -> set:
    """Chunks of bare tags as seqeval 0.0.12 counts them: runs of equal tags, and tags with S one by one."""
    found = set()
    for number, tags in enumerate(sentences):
        numbered = enumerate(tags)
        for tag, group in itertools.groupby(numbered, key=lambda pair: pair[1]):
            places = [place for place, _ in group]
            ends = [(place, place) for place in places] if tag[0] == "S" else [(places[0], places[-1])]
            found |= {(number, tag, *both) for both in ends}
    return found


def all_parts_of_speech(draw: random.Random) -> tuple[Scores, Scores]:
    gold, prediction = tagged(draw, draw.sample(UPOS, draw.randint(2, len(UPOS))))
    right, found = runs(gold), runs(prediction)
    both = len(right & found)
    return (
        score("chunk_f1", gold, prediction),
        {
            "precision": 100 * both / len(found),
            "recall": 100 * both / len(right),
            "f1": 200 * both / (len(found) + len(right)),
        },
    )


def labelled(draw: random.Random, names: list[str]) -> tuple[list, list]:
    gold = [draw.choice(names) for _ in range(draw.randint(1, 40))]
    rate = draw.random()
    return gold, [draw.choice(names) if draw.random() < rate else label for label in gold]


def labels(draw: random.Random) -> tuple[Scores, Scores]:
    gold, prediction = labelled(draw, [f"label {number}" for number in range(draw.randint(2, 7))])
    return (score("accuracy", gold, prediction), {"accuracy": 100 * sklearn.metrics.accuracy_score(gold, prediction)})


def duplicates(draw: random.Random) -> tuple[Scores, Scores]:
    gold, prediction = labelled(draw, ["not_duplicate", "duplicate"])
    accuracy = 100 * sklearn.metrics.accuracy_score(gold, prediction)
    f1 = 100 * sklearn.metrics.f1_score(gold, prediction, pos_label="duplicate", zero_division=0)
    ours = score("accuracy_f1", gold, prediction)
    return ours, {"accuracy": accuracy, "f1": f1, "accuracy_and_f1": (accuracy + f1) / 2}


def supertags(draw: random.Random) -> tuple[Scores, Scores]:
    gold, prediction = tagged(draw, ["N", "NP/N", r"S\NP", r"(S\NP)/NP", "."])
    flat = [list(itertools.chain.from_iterable(sentences)) for sentences in (gold, prediction)]
    return (score("token_accuracy", gold, prediction), {"token_accuracy": 100 * sklearn.metrics.accuracy_score(*flat)})


def mined_pairs(draw: random.Random) -> tuple[Scores, Scores]:
    """As labels of a sentence: micro averages over the matrix of all pairs."""
    ids = [f"en-{number}" for number in range(draw.randint(2, 8))]
    sides = [[draw.sample(ids, draw.randint(0, min(2, len(ids)))) for _ in range(6)] for _ in range(2)]
    gold, prediction = (MultiLabelBinarizer(classes=ids).fit_transform(side) for side in sides)
    options = {"average": "micro", "zero_division": 0}
    names = {"f1": "f1_score", "precision": "precision_score", "recall": "recall_score"}
    theirs = {ours: 100 * getattr(sklearn.metrics, name)(gold, prediction, **options) for ours, name in names.items()}
    return score("mining_f1", *sides), theirs


def plain_tokens(text: str) -> list[str]:
    """SQuAD's normalisation, letter by letter; an article is one that no letter or digit stands beside."""
    kept = "".join(sign for sign in text.lower() if sign not in string.punctuation)
    parts = ["".join(group) for _, group in itertools.groupby(kept, key=str.isalnum)]
    return "".join(" " if part in {"a", "an", "the"} else part for part in parts).split()


def plain_f1(answer: str, given: str) -> float:
    """Cross out equal tokens one by one."""
    wanted, offered, shared = plain_tokens(answer), plain_tokens(given), 0
    total = len(wanted) + len(offered)
    for token in offered:
        if token in wanted:
            wanted.remove(token)
            shared += 1
    return 2 * shared / total if shared else 0.0


def text(draw: random.Random) -> str:
    words = [draw.choice(WORDS) for _ in range(draw.randint(0, 5))]
    return "".join(word + draw.choice(GAPS) for word in words)


def asked(draw: random.Random, fewest: int) -> tuple[list, list]:
    gold = [[text(draw) for _ in range(draw.randint(fewest, 3))] for _ in range(draw.randint(1, 6))]
    given = [draw.choice([*answers, text(draw), ""]) for answers in gold]
    return gold, given


def answers(draw: random.Random) -> tuple[Scores, Scores]:
    gold, given = asked(draw, 1)
    pairs = list(zip(gold, given, strict=True))
    exact = np.mean([max(plain_tokens(one) == plain_tokens(text) for one in many) for many, text in pairs])
    f1 = np.mean([max(plain_f1(one, text) for one in many) for many, text in pairs])
    return score("squad_v1", gold, given), {"exact_match": 100 * exact, "f1": 100 * f1, "em_f1": 50 * (exact + f1)}


def answers_or_none(draw: random.Random) -> tuple[Scores, Scores]:
    gold, given = asked(draw, 0)
    exact, f1 = [], []
    for many, text in zip(gold, given, strict=True):
        counted = [one for one in many if plain_tokens(one)] or [""]
        nothing = not plain_tokens(text)
        exact.append(max(plain_tokens(one) == plain_tokens(text) for one in counted))
        f1.append(float(nothing) if counted == [""] else max(plain_f1(one, text) for one in counted))
    return score("squad_v2", gold, given), {"exact_match": 100 * np.mean(exact), "f1": 100 * np.mean(f1)}


CASES: dict[Case, int] = {
    entities: 600,
    parts_of_speech: 300,
    all_parts_of_speech: 300,
    labels: 300,
    duplicates: 300,
    supertags: 150,
    mined_pairs: 150,
    answers: 400,
    answers_or_none: 300,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_random_cases_agree_with_an_independent_scorer(case):
    for seed in range(CASES[case]):
        ours, theirs = case(random.Random(f"{case.__name__} {seed}"))
        assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=0, abs=1e-9), seed


def test_there_are_at_least_two_thousand_cases():
    assert sum(CASES.values()) >= 2000


@pytest.mark.filterwarnings("ignore:.*seems not to be NE tag")
def test_seqeval_1_takes_two_conjunctions_for_one_and_ours_does_not():
    gold, prediction = [["CCONJ", "NOUN", "SCONJ"]], [["SCONJ", "NOUN", "CCONJ"]]
    assert seqeval.metrics.f1_score(gold, prediction) == 1.0
    assert score("chunk_f1", gold, prediction)["f1"] == pytest.approx(100 / 3)


@pytest.mark.filterwarnings("ignore:.*seems not to be NE tag")
def test_seqeval_1_loses_an_x_at_the_end_of_a_sentence_and_ours_does_not():
    gold, prediction = [["NOUN", "X"]], [["NOUN", "VERB"]]
    assert seqeval.metrics.recall_score(gold, prediction) == 1.0
    assert score("chunk_f1", gold, prediction)["recall"] == 50.0
