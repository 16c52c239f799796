"""Mean average precision of the twenty best answers: LAReQA as XTREME-R scores it.

A question's average precision is the mean, over its right answers, of the precision at each one's place among the
twenty; one that is not there counts 0. Where there are more than twenty right answers, twenty are enough: the mean is
over the smaller number (google-research/xtreme, third_party/utils_lareqa.py, `mean_avg_prec_at_k` with k 20, which does
not count an answer that comes twice a second time either). LAReQA's own paper ranks the whole pool instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapterstilts.metrics import Metric, Parts, Scores
from adapterstilts.metrics._sums import Numbers, share

RANKED = 20


def _score(gold: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> Scores:
    return {"map@20": 100.0 * sum(_precisions(gold, prediction)) / len(gold)}


def _parts(gold: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> Numbers:
    """Return each question's average precision, and 1: (questions, 2)."""
    return np.array([(precision, 1.0) for precision in _precisions(gold, prediction)])


def _precisions(gold: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> list[float]:
    return [average_precision(right, ranked) for right, ranked in zip(gold, prediction, strict=True)]


def average_precision(right: Sequence[str], ranked: Sequence[str], count: int = RANKED) -> float:
    """Return the average precision (0 to 1) of the first `count` of `ranked`, best first; 0 where nothing is right."""
    wanted, found, total = set(right), 0, 0.0
    for place, name in enumerate(ranked[:count], start=1):
        if name in wanted and name not in ranked[: place - 1]:
            found += 1
            total += found / place
    return total / min(len(wanted), count) if wanted else 0.0


METRIC = Metric(
    main="map@20", version=1, score=_score, lists=frozenset({"gold", "prediction"}), parts=Parts(_parts, share)
)
