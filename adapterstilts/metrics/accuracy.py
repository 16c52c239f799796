"""Share of right labels: XNLI, PAWS-X and the inference tasks (XTREME evaluate.py, `accuracy`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapterstilts.metrics import Metric, Scores


def _score(gold: Sequence[str], prediction: Sequence[str]) -> Scores:
    right = np.asarray(gold, dtype=object) == np.asarray(prediction, dtype=object)
    return {"accuracy": 100.0 * float(np.mean(right))}


METRIC = Metric(main="accuracy", version=1, score=_score)
