"""Precision, recall and F1 of mined sentence pairs, and the threshold that decides which pairs are mined: BUCC.

The scores of XTREME third_party/utils_retrieve.py (`bucc_optimize`, `bucc_extract`, `bucc_eval`). One item is one
sentence of the first language: its gold is the ids of the sentences that translate it, its prediction the ids that were
mined for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from adapterstilts.metrics import Metric, Scores


def best_threshold(scores: Sequence[float], right: Sequence[bool], gold: int) -> float:
    """Return the threshold at which the F1 of mined pairs is best; a pair is mined whose score reaches it.

    `scores` (candidates,) falling, `right` whether each is a gold pair, `gold` how many gold pairs there are. It lies
    halfway between the last pair mined and the first one left; of equal F1s the highest threshold wins. Where no
    candidate is right it is 0, as in the official search. Choose it on dev gold: on a test's own gold it flatters.
    """
    found = np.cumsum(np.asarray(right, dtype=np.int64))
    if not len(found) or not found[-1]:
        return 0.0
    f1 = _f1(found, np.arange(1, len(found) + 1), gold)
    last = int(np.argmax(f1))
    if last + 1 == len(scores):
        # Here the official search reads past the end and stops. The lowest score keeps what gave the best F1: all.
        return float(scores[last])
    return (float(scores[last]) + float(scores[last + 1])) / 2


def _f1(found: npt.NDArray[np.int64], mined: npt.NDArray[np.int64], gold: int) -> npt.NDArray[np.float64]:
    """Return the F1 (0 to 1) of `found` right pairs among `mined`; 0 where none is right."""
    precision, recall = found / mined, found / gold
    f1: npt.NDArray[np.float64] = 2 * precision * recall / np.where(found > 0, precision + recall, 1.0)
    return f1


def _score(gold: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> Scores:
    truth, mined = _pairs(gold), _pairs(prediction)
    found = len(truth & mined)
    precision = found / len(mined) if mined else 0.0
    recall = found / len(truth) if truth else 0.0
    f1 = 2 * precision * recall / (precision + recall) if found else 0.0
    return {"f1": 100.0 * f1, "precision": 100.0 * precision, "recall": 100.0 * recall}


def _pairs(items: Sequence[Sequence[str]]) -> set[tuple[int, str]]:
    return {(sentence, other) for sentence, others in enumerate(items) for other in others}


METRIC = Metric(main="f1", version=1, score=_score, lists=frozenset({"gold", "prediction"}))
