"""Accuracy and the F1 of the positive class, and their mean: QQP (jiant 2, AccAndF1EvaluationScheme).

The positive class is the one whose label is `duplicate`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapterstilts.metrics import Metric, Parts, Scores
from adapterstilts.metrics._sums import Numbers, ratio

POSITIVE = "duplicate"


def _score(gold: Sequence[str], prediction: Sequence[str]) -> Scores:
    accuracy, f1, both = map(float, _numbers(_parts(gold, prediction).sum(axis=0)))
    return {"accuracy": accuracy, "f1": f1, "accuracy_and_f1": both}


def _parts(gold: Sequence[str], prediction: Sequence[str]) -> Numbers:
    """Return whether each is right, is found, is positive (twice where gold and guess are), and 1: (examples, 4)."""
    truth = np.asarray(gold, dtype=object) == POSITIVE
    guess = np.asarray(prediction, dtype=object) == POSITIVE
    columns = [truth == guess, truth & guess, truth.astype(int) + guess, np.ones(len(truth))]
    return np.column_stack(columns).astype(np.float64)


def _numbers(sums: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return accuracy, F1 and their mean in percent, of sums (..., 4)."""
    right, found, positive, rows = np.moveaxis(sums, -1, 0)
    accuracy, f1 = 100.0 * ratio(right, rows), ratio(100.0 * 2 * found, positive)
    return accuracy, f1, (accuracy + f1) / 2


METRIC = Metric(main="accuracy_and_f1", version=1, score=_score, parts=Parts(_parts, lambda sums: _numbers(sums)[2]))
