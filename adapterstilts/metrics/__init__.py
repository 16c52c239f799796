"""Scores that equal the official scorers' digit for digit; numpy and the standard library only.

One file a metric. All scores are percentages, as XTREME reports them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from adapterstilts.registry import Catalog

Scores = dict[str, float]


@dataclass(frozen=True)
class Metric:
    """How the predictions of one task in one language become numbers.

    `score(gold, prediction)` takes two equally long sequences, one item an example, and returns every
    number of the metric; `main` names the one that selection and averages use. `version` grows when a
    number could change, so that `compare` never lays old scores beside new ones. `lists` says which of the
    two holds a list an example (tags of words, several right answers), not one label or text.
    """

    main: str
    version: int
    score: Callable[[Sequence[Any], Sequence[Any]], Scores]
    lists: frozenset[Literal["gold", "prediction"]] = frozenset()


metrics: Catalog[Metric] = Catalog("adapterstilts.metrics", "METRIC", "metric")


def average(languages: Mapping[str, Mapping[str, float]]) -> Scores:
    """Return the plain mean over languages of every metric (XTREME evaluate.py; English included)."""
    names = [name for name in next(iter(languages.values())) if name != "n"]
    return {name: sum(scores[name] for scores in languages.values()) / len(languages) for name in names}
