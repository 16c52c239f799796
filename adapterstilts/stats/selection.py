"""What choosing a way is worth: the test result by three rules, from honest to impossible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

Rule = Literal["dev", "dev average", "oracle"]
RULES: tuple[Rule, ...] = ("dev", "dev average", "oracle")
ByTarget = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Choice:
    """The way that a rule takes for a target, and its test score; None where `why` says so."""

    way: str | None
    score: float | None
    why: str = ""


def select(dev: ByTarget, test: ByTarget) -> dict[tuple[str, Rule], Choice]:
    """Return what each rule comes to on each target of `test`; both are scores by target and way.

    `dev`: the best way on the target's own dev rows. `dev average`: one way for all targets, the best on average of
    all that have dev scores. `oracle`: the best on the test rows themselves, which nobody can know: an upper bound.
    Of equally good ways the first by name is taken.
    """
    everywhere = _best_on_average(dev)
    found: dict[tuple[str, Rule], Choice] = {}
    for target, scores in test.items():
        known = {way: score for way, score in dev.get(target, {}).items() if way in scores}
        found[target, "dev"] = _take(_best(known), scores, "no way has both a dev and a test score")
        found[target, "dev average"] = _take(everywhere, scores, "no way has dev scores on all targets that have any")
        found[target, "oracle"] = _take(_best(scores), scores, "no way has a test score")
    return found


def _take(way: str | None, scores: Mapping[str, float], why: str) -> Choice:
    if way is None:
        return Choice(None, None, why)
    if way not in scores:
        return Choice(way, None, f"{way} was chosen, and has no test score here")
    return Choice(way, scores[way])


def _best(scores: Mapping[str, float]) -> str | None:
    return min(scores, key=lambda way: (-scores[way], way), default=None)


def _best_on_average(dev: ByTarget) -> str | None:
    targets = [scores for scores in dev.values() if scores]
    if not targets:
        return None
    ways = set.intersection(*(set(scores) for scores in targets))
    return _best({way: fmean(scores[way] for scores in targets) for way in ways})
