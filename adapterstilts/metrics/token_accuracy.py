"""Share of words with the right tag, over all sentences: CCG supertags (jiant evaluate/core.py, CCG)."""

from __future__ import annotations

from collections.abc import Sequence

from adapterstilts.metrics import Metric, Scores


def _score(gold: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> Scores:
    """Return the accuracy of lists of tags; a sentence counts by its words."""
    sentences = zip(gold, prediction, strict=True)
    right = [tag == guess for tags, guesses in sentences for tag, guess in zip(tags, guesses, strict=True)]
    return {"token_accuracy": 100.0 * sum(right) / len(right) if right else 0.0}


METRIC = Metric(main="token_accuracy", version=1, score=_score, lists=frozenset({"gold", "prediction"}))
