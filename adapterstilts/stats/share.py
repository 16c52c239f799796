"""The share of one method's gain that another one keeps: a ratio of two gains that are both uncertain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from adapterstilts.errors import UserError
from adapterstilts.stats import Numbers
from adapterstilts.stats.difference import FEWEST_SEEDS, LEVEL, Difference, Spread, crossed, judge


@dataclass(frozen=True)
class Share:
    """1.0: as much as the other method gains. `value` is None where `why` says so, the ends also under three seeds."""

    value: float | None
    low: float | None
    high: float | None
    why: str = ""


def share_kept(
    gain: Numbers, reference: Numbers, draws: tuple[Numbers, Numbers] | None, items: float = math.inf
) -> Share:
    """Return `gain` by `reference`, both (seeds,) in points, with an interval by Fieller's theorem (1954).

    `draws`: both on items drawn anew, (draws, seeds), of which there are `items`; None: none are known. The interval is
    the smallest one that holds Fieller's over seeds and that of the hierarchical bootstrap. There is no share where the
    reference's own gain may be 0 or is a loss, and no interval under three seeds.
    """
    if len(gain) != len(reference):
        raise UserError(f"a share needs the same seeds on both sides, not {len(gain)} and {len(reference)}")
    judged = judge(reference, draws[1] if draws else None, items)
    low, high = _ends(judged)
    if low <= 0 <= high:
        return Share(None, None, None, f"the reference's own gain may be 0 ({low:+.1f} to {high:+.1f})")
    if judged.value < 0:
        return Share(None, None, None, f"the reference loses {-judged.value:.1f}: there is no gain to keep")
    value = float(gain.mean() / reference.mean())
    if len(gain) < FEWEST_SEEDS:
        return Share(value, None, None, "under three seeds there is no interval")
    seeds = len(gain)
    ends = [_fieller(gain, reference, np.cov(gain, reference) / seeds, Spread(1.0, seeds - 1))]
    if draws:
        ends.append(_fieller(gain, reference, crossed(np.stack(draws, axis=1)), Spread(1.0, items - 1)))
    return Share(value, min(low for low, _ in ends), max(high for _, high in ends))


def _ends(judged: Difference) -> tuple[float, float]:
    """Return the interval's ends, the range's where there is no interval."""
    if judged.low is None or judged.high is None:
        return judged.lowest, judged.highest
    return judged.low, judged.high


def _fieller(gain: Numbers, reference: Numbers, covariance: Numbers, spread: Spread) -> tuple[float, float]:
    """Return the ratios that the data do not contradict: roots of a quadratic, since the reference is not 0 by it."""
    squared = spread.quantile(0.5 + LEVEL / 2) ** 2
    above, below = float(gain.mean()), float(reference.mean())
    a = below**2 - squared * covariance[1, 1]
    b = above * below - squared * covariance[0, 1]
    c = above**2 - squared * covariance[0, 0]
    root = math.sqrt(max(0.0, b * b - a * c))
    return float((b - root) / a), float((b + root) / a)
