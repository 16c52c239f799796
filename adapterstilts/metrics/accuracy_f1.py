"""Accuracy and the F1 of the positive class, and their mean: QQP (jiant 2, AccAndF1EvaluationScheme).

The positive class is the one whose label is `duplicate`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapterstilts.metrics import Metric, Scores

POSITIVE = "duplicate"


def _score(gold: Sequence[str], prediction: Sequence[str]) -> Scores:
    truth = np.asarray(gold, dtype=object) == POSITIVE
    guess = np.asarray(prediction, dtype=object) == POSITIVE
    accuracy = 100.0 * float(np.mean(truth == guess))
    found = int(np.sum(truth & guess))
    f1 = 100.0 * 2 * found / (int(truth.sum()) + int(guess.sum())) if found else 0.0
    return {"accuracy": accuracy, "f1": f1, "accuracy_and_f1": (accuracy + f1) / 2}


METRIC = Metric(main="accuracy_and_f1", version=1, score=_score)
