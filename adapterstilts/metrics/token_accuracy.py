"""Share of words with the right tag, over all sentences: CCG supertags (jiant evaluate/core.py, CCG)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapterstilts.metrics import Metric, Parts, Scores
from adapterstilts.metrics._sums import Numbers, share


def _score(gold: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> Scores:
    """Return the accuracy of lists of tags; a sentence counts by its words."""
    right, words = map(float, _parts(gold, prediction).sum(axis=0))
    return {"token_accuracy": 100.0 * right / words if words else 0.0}


def _parts(gold: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> Numbers:
    """Return how many words of each sentence have the right tag, and how many there are: (sentences, 2)."""
    pairs = [list(zip(tags, guesses, strict=True)) for tags, guesses in zip(gold, prediction, strict=True)]
    rows = [(sum(tag == guess for tag, guess in sentence), len(sentence)) for sentence in pairs]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2)


METRIC = Metric(
    main="token_accuracy",
    version=1,
    score=_score,
    lists=frozenset({"gold", "prediction"}),
    parts=Parts(_parts, share),
)
