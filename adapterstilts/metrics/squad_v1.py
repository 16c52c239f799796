"""Exact match and token F1 of answers: SQuAD 1.1, XQuAD, TyDiQA (SQuAD evaluate-v1.1; XTREME evaluate_squad.py).

Gold of a row is its list of accepted answers, the prediction one string. Each number takes the best of the
answers, on its own. An answer of nothing but articles and punctuation, predicted as such, is an exact match of
F1 0, as in the official scripts. `em_f1`, the mean of both, is what XTREME averages over languages and tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from adapterstilts.errors import UserError
from adapterstilts.metrics import Metric, Scores
from adapterstilts.metrics._answers import exact_match, token_f1


def _score(gold: Sequence[Sequence[str]], prediction: Sequence[str]) -> Scores:
    if not all(gold):
        row = next(number for number, answers in enumerate(gold) if not answers)
        raise UserError(f"row {row} has no answer, and squad_v1 scores only questions with one", fix="use squad_v2")
    rows = list(zip(gold, prediction, strict=True))
    exact = 100.0 * fmean(max(exact_match(answer, given) for answer in answers) for answers, given in rows)
    f1 = 100.0 * fmean(max(token_f1(answer, given) for answer in answers) for answers, given in rows)
    return {"exact_match": exact, "f1": f1, "em_f1": (exact + f1) / 2}


METRIC = Metric(main="em_f1", version=1, score=_score, lists=frozenset({"gold"}))
