"""F1 over chunks of tags, as XTREME scores UDPOS and PAN-X (evaluate.py, `f1`, with seqeval 0.0.12).

On BIO tags this is the usual entity F1. On bare part-of-speech tags it is odd: a run of equal tags is ONE
chunk (so one wrong tag in a run loses the run), except that tags beginning with S are chunks of one. XTREME
publishes that number, so it keeps the name `f1`; `token_accuracy` stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapterstilts.metrics import Metric, Parts, Scores
from adapterstilts.metrics._sums import Numbers, agreement, f1_share

Chunk = tuple[str, int, int]  # type, first and last position

_OUTSIDE = "O"


def chunks(tags: Sequence[str]) -> set[Chunk]:
    """Return the chunks of one sentence by the CoNLL-2000 rules on the first letter of each tag.

    The first letter counts as the prefix (B, I, E, S, O) and what follows the last '-' as the type; a bare
    tag is its own type and its first letter its prefix, hence the oddity above.
    """
    found: set[Chunk] = set()
    begin, before, type_before = 0, _OUTSIDE, ""
    for position, tag in enumerate([*tags, _OUTSIDE]):
        prefix, kind = tag[0], tag.rsplit("-", 1)[-1]
        if _ends(before, type_before, prefix, kind):
            found.add((type_before, begin, position - 1))
        if _begins(before, type_before, prefix, kind):
            begin = position
        before, type_before = prefix, kind
    return found


def _ends(before: str, type_before: str, prefix: str, kind: str) -> bool:
    if before in "ES" or (before in "BI" and prefix in "BSO"):
        return True
    return before not in "O." and type_before != kind


def _begins(before: str, type_before: str, prefix: str, kind: str) -> bool:
    if prefix in "BS" or (before in "ESO" and prefix in "EI"):
        return True
    return prefix not in "O." and type_before != kind


def _score(gold: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> Scores:
    precision, recall, f1 = map(float, agreement(*_parts(gold, prediction).sum(axis=0)))
    pairs = [p for tags, guesses in zip(gold, prediction, strict=True) for p in zip(tags, guesses, strict=True)]
    accuracy = sum(a == b for a, b in pairs) / len(pairs) if pairs else 0.0
    scores = {"f1": f1, "precision": precision, "recall": recall, "token_accuracy": accuracy}
    return {name: 100.0 * value for name, value in scores.items()}


def _parts(gold: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> Numbers:
    """Return how many chunks of each sentence are right, guessed and true: (sentences, 3)."""
    rows = [_count(chunks(tags), chunks(guesses)) for tags, guesses in zip(gold, prediction, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 3)


def _count(truth: set[Chunk], guess: set[Chunk]) -> tuple[int, int, int]:
    return len(truth & guess), len(guess), len(truth)


METRIC = Metric(
    main="f1", version=1, score=_score, lists=frozenset({"gold", "prediction"}), parts=Parts(_parts, f1_share)
)
