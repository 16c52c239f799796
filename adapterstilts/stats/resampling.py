"""Test rows drawn anew: what all runs of a target would have scored on other rows of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from adapterstilts.stats import Numbers
from adapterstilts.stats.clusters import Clusters

DRAWS = 2000
_MOST = 4_000_000  # weights that are held at a time: 32 MB


@dataclass(frozen=True)
class Language:
    """The rows of one language. `parts` (runs, rows, k) are added up over rows; all runs answer the same rows."""

    parts: Numbers
    clusters: Clusters


@dataclass(frozen=True)
class Resampled:
    """`scores` (runs,) as they are, `draws` (draws, runs) on rows drawn anew, and how many items were drawn from.

    A draw is the same for all runs, so differences between them are paired. `draws` is None where a pool has a single
    item: nothing can be said of others then.
    """

    scores: Numbers
    draws: Numbers | None
    items: int


def resample(
    languages: Iterable[Language], main: Callable[[Numbers], Numbers], *, draws: int = DRAWS, seed: int = 0
) -> Resampled:
    """Draw clusters with replacement, one fewer than there are, and score every run on each draw.

    As many would make the variance too small by 1 / size (McCarthy and Snowden 1985), which few items feel. A run's
    score is the plain mean over languages; `main` turns sums of parts (..., k) into a language's score (...).
    Languages are read one after the other, and weights made in blocks; equal seeds give equal draws.
    """
    totals, resampled, pools = [], [], {}
    for language in languages:
        totals.append(main(language.parts.sum(axis=1)))
        resampled.append(main(_drawn_sums(language, draws, seed)))
        pools[language.clusters.pool] = language.clusters.size
    alone = min(pools.values()) < 2
    return Resampled(np.mean(totals, axis=0), None if alone else np.mean(resampled, axis=0), sum(pools.values()))


def _drawn_sums(language: Language, draws: int, seed: int) -> Numbers:
    """Return the sums of parts over the rows of each draw: (draws, runs, k)."""
    runs, _, k = language.parts.shape
    size = language.clusters.size
    summed = _by_cluster(language)
    rng = np.random.default_rng([seed, language.clusters.pool])
    step = max(1, _MOST // size)
    blocks = [_weights(rng, min(step, draws - start), size) @ summed for start in range(0, draws, step)]
    return np.concatenate(blocks).reshape(draws, runs, k)


def _by_cluster(language: Language) -> Numbers:
    """Return the parts of all rows of each cluster added up: (clusters, runs * k)."""
    runs, rows, k = language.parts.shape
    by_row = language.parts.transpose(1, 0, 2).reshape(rows, runs * k)
    summed = np.zeros((language.clusters.size, runs * k))
    np.add.at(summed, language.clusters.of, by_row)
    return summed


def _weights(rng: np.random.Generator, draws: int, size: int) -> Numbers:
    """Return how often each of `size` clusters is drawn in each draw, (draws, size); all in all, size - 1 times."""
    picked = rng.integers(size, size=(draws, size - 1)) + size * np.arange(draws)[:, None]
    return np.bincount(picked.ravel(), minlength=draws * size).reshape(draws, size).astype(np.float64)
