"""Scores that equal the official scorers' digit for digit; numpy and the standard library only.

One file a metric. All scores are percentages, as XTREME reports them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from adapterstilts.errors import UserError
from adapterstilts.registry import Catalog

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

Scores = dict[str, float]
Score = Callable[[Sequence[Any], Sequence[Any]], Scores]


@dataclass(frozen=True)
class Parts:
    """How the main score follows from numbers that are added up over examples, so that examples can be drawn anew.

    `of(gold, prediction)` returns the numbers of each example, (examples, k); `main(sums)` takes sums of them over
    any examples, (..., k), and returns what those score, (...).
    """

    of: Callable[[Sequence[Any], Sequence[Any]], Numbers]
    main: Callable[[Numbers], Numbers]


@dataclass(frozen=True)
class Metric:
    """How the predictions of one task in one language become numbers.

    `score(gold, prediction)` takes two equally long sequences, one item an example, and returns every
    number of the metric; `main` names the one that selection and averages use. `version` grows when a
    number could change, so that `compare` never lays old scores beside new ones. `lists` says which of the
    two holds a list an example (tags of words, several right answers), not one label or text; `predicted` what
    predictions are made of.

    `languages` holds the scorers of a metric whose rules are not the same in every language (MLQA), by language;
    `score` is English's then. Empty: one for all. `parts` is what examples are drawn anew by, `parts_by_language` the
    same where rules differ; None: nobody has said, and statistics know only whole runs.
    """

    main: str
    version: int
    score: Score
    lists: frozenset[Literal["gold", "prediction"]] = frozenset()
    predicted: Literal["string", "float64"] = "string"
    languages: Mapping[str, Score] = field(default_factory=dict)
    parts: Parts | None = None
    parts_by_language: Mapping[str, Parts] = field(default_factory=dict)

    def of(self, language: str) -> Score:
        """Return how answers in `language` are scored; a UserError where the metric has no rules for it."""
        if self.languages and language not in self.languages:
            raise UserError(
                f"this metric has no rules for language {language!r}",
                fix=f"it has: {', '.join(sorted(self.languages))}",
            )
        return self.languages.get(language, self.score)

    def parts_of(self, language: str) -> Parts | None:
        """Return what the main score in `language` is added up from; None where nobody has said."""
        return self.parts_by_language.get(language, self.parts)


metrics: Catalog[Metric] = Catalog("adapterstilts.metrics", "METRIC", "metric")


def average(languages: Mapping[str, Mapping[str, float]]) -> Scores:
    """Return the plain mean over languages of every metric (XTREME evaluate.py; English included)."""
    names = [name for name in next(iter(languages.values())) if name != "n"]
    return {name: sum(scores[name] for scores in languages.values()) / len(languages) for name in names}
