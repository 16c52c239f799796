"""How well hidden tokens are guessed: the share that is right, the mean loss of one (XLM-R's own objective) in nats,
and its exponential.

A prediction is (tokens hidden, tokens guessed right, summed loss); the gold was hidden in the text itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from adapterstilts.metrics import Metric, Parts, Scores
from adapterstilts.metrics._sums import Numbers, share


def _score(gold: Sequence[str], prediction: Sequence[Sequence[float]]) -> Scores:
    hidden, right, loss = (sum(column) for column in zip(*prediction, strict=True))
    mean = loss / max(1.0, hidden)
    perplexity = math.exp(min(mean, 700.0))  # JSON has no number for what lies beyond
    return {"accuracy": 100.0 * right / max(1.0, hidden), "loss": mean, "perplexity": perplexity}


def _parts(gold: Sequence[str], prediction: Sequence[Sequence[float]]) -> Numbers:
    """Return how many hidden tokens of each text are right, and how many there are: (texts, 2)."""
    return np.array([(right, hidden) for hidden, right, _ in prediction], dtype=np.float64)


METRIC = Metric(
    main="accuracy",
    version=1,
    score=_score,
    lists=frozenset({"prediction"}),
    predicted="float64",
    parts=Parts(_parts, share),
)
