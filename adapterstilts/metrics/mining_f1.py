"""Precision, recall and F1 of mined sentence pairs, and the threshold that decides which pairs are mined: BUCC.

The scores of XTREME third_party/utils_retrieve.py (`bucc_optimize`, `bucc_extract`, `bucc_eval`). One item is one
sentence of the first language: its gold is the ids of the sentences that translate it, its prediction the ids that were
mined for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapterstilts.metrics import Metric, Parts, Scores
from adapterstilts.metrics._sums import Numbers, agreement, f1_share


def best_threshold(scores: Sequence[float], right: Sequence[bool], gold: int) -> float:
    """Return the threshold at which the F1 of mined pairs is best; a pair is mined whose score reaches it.

    `scores` (candidates,) falling, `right` whether each is a gold pair, `gold` how many gold pairs there are. It lies
    halfway between the last pair mined and the first one left; of equal F1s the highest threshold wins. Where no
    candidate is right it is 0, as in the official search. Choose it on dev gold: on a test's own gold it flatters.
    """
    found = np.cumsum(np.asarray(right, dtype=np.int64))
    if not len(found) or not found[-1]:
        return 0.0
    *_, reached = agreement(found, np.arange(1, len(found) + 1), gold)
    last = int(np.argmax(reached))
    if last + 1 == len(scores):
        # Here the official search reads past the end and stops. The lowest score keeps what gave the best F1: all.
        return float(scores[last])
    return (float(scores[last]) + float(scores[last + 1])) / 2


def _score(gold: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> Scores:
    precision, recall, f1 = map(float, agreement(*_parts(gold, prediction).sum(axis=0)))
    return {"f1": 100.0 * f1, "precision": 100.0 * precision, "recall": 100.0 * recall}


def _parts(gold: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> Numbers:
    """Return how many pairs of each sentence are right, mined and true: (sentences, 3)."""
    pairs = [(set(true), set(mined)) for true, mined in zip(gold, prediction, strict=True)]
    rows = [(len(true & mined), len(mined), len(true)) for true, mined in pairs]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 3)


METRIC = Metric(
    main="f1", version=1, score=_score, lists=frozenset({"gold", "prediction"}), parts=Parts(_parts, f1_share)
)
