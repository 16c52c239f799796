"""Exact match and token F1 where some questions have no answer: SQuAD 2.0 (official evaluate-v2.0).

Gold of a row is its list of accepted answers, empty where the question has none; the prediction is one string,
'' for "no answer". The official `exact` (here `exact_match`) and `f1` at the model's own decisions: no threshold
is searched on the gold answers. `has_answer_f1` and `no_answer_accuracy` are the official HasAns_f1 and
NoAns_exact; each is left out where there are no such rows, as the official script does.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from adapterstilts.metrics import Metric, Parts, Scores
from adapterstilts.metrics._answers import em_f1_parts, exact_match, normalise, token_f1
from adapterstilts.metrics._sums import Numbers, share


def _score(gold: Sequence[Sequence[str]], prediction: Sequence[str]) -> Scores:
    rows = _rows(gold, prediction)
    exact, f1 = (100.0 * fmean(column) for column in zip(*rows, strict=True))
    scores = {"exact_match": exact, "f1": f1, "em_f1": (exact + f1) / 2}
    has_answer = [row_f1 for answers, (_, row_f1) in zip(gold, rows, strict=True) if answers]
    no_answer = [row_exact for answers, (row_exact, _) in zip(gold, rows, strict=True) if not answers]
    if has_answer:
        scores["has_answer_f1"] = 100.0 * fmean(has_answer)
    if no_answer:
        scores["no_answer_accuracy"] = 100.0 * fmean(no_answer)
    return scores


def _parts(gold: Sequence[Sequence[str]], prediction: Sequence[str]) -> Numbers:
    return em_f1_parts(_rows(gold, prediction))


def _rows(gold: Sequence[Sequence[str]], prediction: Sequence[str]) -> list[tuple[float, float]]:
    return [_score_row(answers, given) for answers, given in zip(gold, prediction, strict=True)]


def _score_row(answers: Sequence[str], given: str) -> tuple[float, float]:
    """Return exact match and F1 of one row, each 0 to 1, against the best of the answers.

    Answers that are empty once normalised do not count. Where none is left, "" is the only answer, also for a
    question that has one; unlike in SQuAD 1.1, "" for "" has an F1 of 1.
    """
    counted = [answer for answer in answers if normalise(answer)] or [""]
    exact = max(exact_match(answer, given) for answer in counted)
    return exact, max(exact, *(token_f1(answer, given) for answer in counted))


METRIC = Metric(main="em_f1", version=1, score=_score, lists=frozenset({"gold"}), parts=Parts(_parts, share))
