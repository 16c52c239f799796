"""A difference between two systems: how sure it is over other seeds and other test items, and how large it is.

Values are by seed, both systems with the same one. What seeds and items each add is estimated apart; the interval is
the wider of two, a t interval over the seeds and a hierarchical bootstrap over seeds and items.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from adapterstilts.errors import UserError
from adapterstilts.stats import Numbers

LEVEL, POWER = 0.95, 0.8
FEWEST_SEEDS = 3
Basis = Literal["seeds and items", "seeds", "range"]

_NOTHING = 1e-9  # points: spreads below it are rounding


@dataclass(frozen=True)
class Difference:
    """A mean difference (points) and what is known of it.

    `low` to `high` is the 95 % interval, `basis` what it takes into account; `lowest` to `highest` is merely the range
    over seeds. With the basis "range" there is no interval, no `p` and nothing `detectable`: there are under three
    seeds, or nothing varies at all (then p is 1 where the difference is 0). `seed_sd` is the standard
    deviation that other seeds would add to one run's difference, `item_sd` the one that another set of as many test
    items would add, the same to all seeds; None where one seed cannot tell. `detectable` is the true
    difference that 80 % of such studies would find (two-sided, 5 %, before a correction for many comparisons).
    """

    value: float
    low: float | None
    high: float | None
    lowest: float
    highest: float
    basis: Basis
    seeds: int
    p: float | None
    seed_sd: float | None
    item_sd: float | None
    detectable: float | None


@dataclass(frozen=True)
class Spread:
    """A standard error (points) and the degrees of freedom of its estimate."""

    error: float
    freedom: float

    def quantile(self, share: float) -> float:
        """Return the quantile of Student's distribution, the normal one's where the freedom is infinite."""
        return float(stdtrit(min(self.freedom, 1e12), share))


def judge(values: Numbers, draws: Numbers | None, items: float = math.inf) -> Difference:
    """Judge differences `values` (seeds,) and, on items drawn anew, `draws` (draws, seeds); None: no items are known.

    `items`: how many there are to draw from, which is felt where they are few.

    Raises UserError for numbers that are not finite.
    """
    _must_be_finite(values, draws)
    value, seeds = float(values.mean()), len(values)
    spreads = standard_errors(values, draws, items) if seeds >= FEWEST_SEEDS else []
    seed_sd, item_sd = components(values, draws)
    known = Difference(
        value, None, None, float(values.min()), float(values.max()), "range", seeds, None, seed_sd, item_sd, None
    )
    if all(spread.error < _NOTHING for spread in spreads):
        return replace(known, p=1.0) if spreads and abs(value) < _NOTHING else known
    above = 0.5 + LEVEL / 2
    half = max(spread.quantile(above) * spread.error for spread in spreads)
    return replace(
        known,
        low=value - half,
        high=value + half,
        basis="seeds" if draws is None else "seeds and items",
        p=p_value(value, spreads),
        detectable=max((spread.quantile(above) + spread.quantile(POWER)) * spread.error for spread in spreads),
    )


def standard_errors(values: Numbers, draws: Numbers | None, items: float = math.inf) -> list[Spread]:
    """Return the spread over seeds and, where `draws` are known, the bootstrap's over seeds and items."""
    seeds = len(values)
    over_seeds = Spread(float(values.std(ddof=1)) / math.sqrt(seeds), seeds - 1)
    if draws is None:
        return [over_seeds]
    return [over_seeds, Spread(math.sqrt(crossed(draws[:, None, :])[0, 0]), items - 1)]


def crossed(draws: Numbers) -> Numbers:
    """Return the covariance (m, m) of m means over seeds, seeds and items both drawn anew; `draws` (draws, m, seeds).

    Items have been drawn. Seeds are drawn in all ways at once, in closed form, one fewer than there are: as many would
    make their variance too small by 1 / seeds, a third with three; items are drawn so, too (`resampling.py`).
    """
    count, _, seeds = draws.shape
    means = draws.mean(axis=-1)
    apart = draws - means[..., None]
    within = np.einsum("bms,bns->mn", apart, apart) / (count * (seeds - 1)) / seeds
    over_items = np.atleast_2d(np.cov(means, rowvar=False))
    total: Numbers = over_items + within
    return total


def p_value(value: float, spreads: Sequence[Spread]) -> float:
    """Return the two-sided p of no difference, the largest of all spreads: below 0.05 where the interval lacks 0."""
    each = [2 * stdtr(min(one.freedom, 1e12), -abs(value) / one.error) for one in spreads if one.error >= _NOTHING]
    return float(max(each))


def components(values: Numbers, draws: Numbers | None) -> tuple[float | None, float | None]:
    """Return the standard deviations that seeds and items add, by moments; None for what cannot be told.

    Of a draw of items, all seeds have one part in common (the items' own) and each a part for itself (what its training
    makes of just these items): the first is the covariance between seeds, the second what their variance has beyond it,
    and is taken off the variance over seeds. Without `draws` nothing is taken off.
    """
    seeds = len(values)
    if seeds < 2:
        return None, None
    if draws is None:
        return float(values.std(ddof=1)), None
    own, mean = draws.var(axis=0, ddof=1).mean(), draws.mean(axis=1).var(ddof=1)
    shared = max(0.0, (seeds * mean - own) / (seeds - 1))
    of_seeds = values.var(ddof=1) - max(0.0, own - shared)
    return math.sqrt(max(0.0, of_seeds)), math.sqrt(shared)


def item_deviation(draws: Numbers, items: float) -> float:
    """Return the standard deviation between test items of one system's score, from its `draws` (draws, seeds).

    For accuracy in one language it is 100 sqrt(p (1 - p)); for scores that are no mean it is that of an item's
    influence. An item in several languages counts once, with their mean.
    """
    return math.sqrt(float(draws.var(axis=0, ddof=1).mean()) * items)


def _must_be_finite(values: Numbers, draws: Numbers | None) -> None:
    if not np.isfinite(values).all() or (draws is not None and not np.isfinite(draws).all()):
        raise UserError(
            "a difference is not a number, so nothing can be said of it",
            where=f"by seed: {', '.join(f'{value:g}' for value in values)}",
            fix="look at the runs' scores; score those that are broken again",
        )
