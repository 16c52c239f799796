"""Many comparisons at once: Holm's correction (Holm 1979), which holds however they depend on each other."""

from __future__ import annotations

from collections.abc import Sequence


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Return p values of one family, corrected: below 0.05, at most 5 % of families have a false one.

    What has no p (None) keeps none, and does not count as a comparison.
    """
    known = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    reached = 0.0
    for rank, (p, place) in enumerate(known):
        reached = max(reached, min(1.0, p * (len(known) - rank)))
        corrected[place] = reached
    return corrected
