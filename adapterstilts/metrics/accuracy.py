"""Share of right labels: XNLI, PAWS-X and the inference tasks (XTREME evaluate.py, `accuracy`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapterstilts.metrics import Metric, Parts, Scores
from adapterstilts.metrics._sums import Numbers, share


def _score(gold: Sequence[str], prediction: Sequence[str]) -> Scores:
    return {"accuracy": float(share(_parts(gold, prediction).sum(axis=0)))}


def _parts(gold: Sequence[str], prediction: Sequence[str]) -> Numbers:
    """Return whether each is right, and 1, (examples, 2)."""
    right = np.asarray(gold, dtype=object) == np.asarray(prediction, dtype=object)
    return np.column_stack([right, np.ones(len(right))]).astype(np.float64)


METRIC = Metric(main="accuracy", version=1, score=_score, parts=Parts(_parts, share))
