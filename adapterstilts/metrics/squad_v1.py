"""Exact match and token F1 of answers: SQuAD 1.1, XQuAD, TyDiQA (SQuAD evaluate-v1.1; XTREME evaluate_squad.py).

Gold of a row is its list of accepted answers, the prediction one string. Each number takes the best of the
answers, on its own. An answer of nothing but articles and punctuation, predicted as such, is an exact match of
F1 0, as in the official scripts. `em_f1`, the mean of both, is what XTREME averages over languages and tasks.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapterstilts.metrics import Metric, Scores
from adapterstilts.metrics._answers import answer_parts, best_of_answers


def _score(gold: Sequence[Sequence[str]], prediction: Sequence[str]) -> Scores:
    return best_of_answers(gold, prediction)


METRIC = Metric(main="em_f1", version=1, score=_score, lists=frozenset({"gold"}), parts=answer_parts())
