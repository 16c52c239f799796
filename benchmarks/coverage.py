"""How often the 95 % intervals of differences hold the truth, and how often a whole family of comparisons is wrong.

python benchmarks/coverage.py [--studies N] [--families N] [--processes N]

Studies are made up, so the truth is known. A difference of two systems on one item with one seed is the truth, plus
what the seed adds to all items, plus what the item adds with all seeds, plus what this seed makes of this item; each
part is drawn from a normal distribution of its own standard deviation (points). Every study goes through the same
functions as a report. As it comes it takes some 20 minutes of CPU time; the standard error of a coverage of 95 % over
2,000 studies is 0.5.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from _common import machine, say, write_results
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from adapterstilts.stats.clusters import clusters
from adapterstilts.stats.difference import FEWEST_SEEDS, judge, standard_errors
from adapterstilts.stats.holm import holm
from adapterstilts.stats.resampling import Language, resample

Numbers = npt.NDArray[np.float64]
Facts = dict[str, Any]
Make = Callable[[np.random.Generator, int], Numbers]  # so many studies' differences: (studies, seeds, languages, items)

SEEDS = (3, 5, 10)
OF_SEEDS, OF_ITEMS, OF_BOTH = (0.0, 0.5, 1.0, 2.0), (0.0, 10.0, 20.0, 40.0), (0.0, 30.0)
ITEMS = 200
WAYS, TARGETS = 9, 4  # a family of 36
NULLS = ((1.0, 0.0, 0.0), (0.0, 20.0, 0.0), (1.0, 20.0, 0.0), (1.0, 20.0, 30.0))
NOMINAL = 0.95
_MORE = 20  # times as many families where no item is drawn: a standard error of 0.15 instead of 0.7
_AT_ONCE = 4000  # columns of draws: 64 MB


def main() -> None:
    """Simulate, print the tables and write results/coverage.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000, help="studies of each setting")
    parser.add_argument("--families", type=int, default=1000, help="families of comparisons of each setting")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        grid = [*pool.map(partial(on_the_grid, studies=options.studies), grid_settings())]
        say(f"{len(grid)} settings of the grid")
        beyond = [*pool.map(partial(beyond_the_grid, studies=options.studies), BEYOND)]
        null = itertools.product(SEEDS, NULLS)
        families = [*pool.map(partial(under_the_null, families=options.families), null)]
        many = _MORE * options.families
        by_seeds = [*pool.map(partial(under_the_null_by_seeds, families=many), SEEDS)]
    for table in (
        grid_table(grid),
        plain_table("Beyond the grid", beyond),
        plain_table(f"Families of {WAYS * TARGETS}", families),
        plain_table(f"Families of {WAYS * TARGETS}, judged by their seeds alone", by_seeds),
    ):
        Console().print(table)
    worst, best = min(one["coverage"] for one in grid), max(one["coverage"] for one in grid)
    record = {
        "studies": options.studies, "families": options.families, "items": ITEMS, "nominal": NOMINAL,
        "lowest_coverage": worst, "highest_coverage": best,
        "most_false_families": max(one["false_families"] for one in families),
        "grid": grid, "beyond": beyond, "null": families, "null_by_seeds": by_seeds,
        "machine": machine(["adapterstilts", "numpy", "scipy"]),
    }  # fmt: skip
    say(f"written: {write_results('coverage', record)}")


def grid_settings() -> list[tuple[int, float, float, float]]:
    """Return seeds and the three standard deviations, without what does not vary at all."""
    return [one for one in itertools.product(SEEDS, OF_SEEDS, OF_ITEMS, OF_BOTH) if any(one[1:])]


def on_the_grid(setting: tuple[int, float, float, float], studies: int) -> Facts:
    """Return the coverage at one place of the grid."""
    seeds, of_seeds, of_items, of_both = setting
    make = partial(normal, seeds=seeds, of_seeds=of_seeds, of_items=of_items, of_both=of_both)
    facts = {"seeds": seeds, "seed_sd": of_seeds, "item_sd": of_items, "both_sd": of_both}
    return {**facts, **coverage(make, studies, parallel=True)}


def normal(
    rng: np.random.Generator, studies: int, *, seeds: int, of_seeds: float, of_items: float, of_both: float,
    items: int = ITEMS,
) -> Numbers:  # fmt: skip
    """Return differences whose truth is 0, in one language."""
    seed = rng.normal(0, of_seeds, (studies, seeds, 1))
    item = rng.normal(0, of_items, (studies, 1, items))
    return (seed + item + rng.normal(0, of_both, (studies, seeds, items)))[:, :, None, :]


def languages(rng: np.random.Generator, studies: int, *, shared: float, count: int = 10, items: int = 100) -> Numbers:
    """Return differences in several languages; an item adds the same to all of them, to a share of its variance."""
    seed = rng.normal(0, 0.3, (studies, 5, 1, 1))
    same = rng.normal(0, 20.0 * math.sqrt(shared), (studies, 1, 1, items))
    own = rng.normal(0, 20.0 * math.sqrt(1 - shared), (studies, 1, count, items))
    return seed + same + own


def rare(rng: np.random.Generator, studies: int, *, items: int, flipped: float = 0.01) -> Numbers:
    """Return differences of 100 points in a few items and none elsewhere, less their mean, which is the truth."""
    return np.broadcast_to(
        100.0 * (rng.random((studies, 1, 1, items)) < flipped) - 100 * flipped, (studies, 5, 1, items)
    )


FEW = partial(normal, seeds=5, of_seeds=0.0, of_items=40.0, of_both=0.0)
BEYOND: list[tuple[str, Make, bool]] = [
    *((f"{items} items, sd 40, 5 seeds", partial(FEW, items=items), True) for items in (10, 20, 50)),
    *((f"1 % of {items} items differ, by 100 points", partial(rare, items=items), True) for items in (200, 1000)),
    *(
        (f"10 languages, {share:.0%} of an item's variance shared, {drawn}", partial(languages, shared=share), parallel)
        for share in (0.0, 0.5, 1.0)
        for drawn, parallel in (("items drawn", True), ("rows drawn", False))
    ),
]


def beyond_the_grid(case: tuple[str, Make, bool], studies: int) -> Facts:
    """Return the coverage of one further case."""
    name, make, parallel = case
    return {"case": name, **coverage(make, studies, parallel=parallel)}


def coverage(make: Make, studies: int, *, parallel: bool) -> Facts:
    """Return how often the interval, and each of the two that it is the wider one of, holds 0; its mean half-width."""
    held = np.array([_held(*study) for study in judged(make, studies, parallel=parallel)])
    interval, over_seeds, bootstrap, half = map(float, held.mean(axis=0))
    return {"coverage": interval, "t_alone": over_seeds, "bootstrap_alone": bootstrap, "half_width": half}


def _held(values: Numbers, draws: Numbers, items: int) -> tuple[float, float, float, float]:
    found = judge(values, draws, items)
    low, high = (found.lowest, found.highest) if found.low is None or found.high is None else (found.low, found.high)
    above = 0.5 + NOMINAL / 2
    each = [
        abs(found.value) <= spread.quantile(above) * spread.error for spread in standard_errors(values, draws, items)
    ]
    return float(low <= 0 <= high), float(each[0]), float(each[1]), (high - low) / 2


def judged(make: Make, studies: int, *, parallel: bool) -> Iterator[tuple[Numbers, Numbers, int]]:
    """Yield every study's differences by seed, those on items drawn anew, and how many items there are."""
    rng, left = np.random.default_rng(0), studies
    while left:
        one = make(rng, 1)
        many = min(left, max(1, _AT_ONCE // one.shape[1]))
        made = make(rng, many)
        scores, draws, items = drawn(made.reshape(many * made.shape[1], *made.shape[2:]), parallel=parallel)
        values, anew = scores.reshape(many, -1), draws.reshape(len(draws), many, -1)
        for study in range(many):
            yield values[study], np.ascontiguousarray(anew[:, study]), items
        left -= many


def drawn(differences: Numbers, *, parallel: bool) -> tuple[Numbers, Numbers, int]:
    """Return the scores of (runs, languages, items), those on items drawn anew (draws, runs), and how many items."""
    _, count, items = differences.shape
    ids = [f"{number:05d}" for number in range(items)]
    of = clusters({f"{number:03d}": ids for number in range(count)}, parallel=parallel)
    parts = np.stack([differences, np.ones_like(differences)], axis=-1)
    each = [Language(parts[:, number], of[f"{number:03d}"]) for number in range(count)]
    with threadpool_limits(1):
        found = resample(each, lambda sums: sums[..., 0] / sums[..., 1])
    assert found.draws is not None
    return found.scores, found.draws, found.items


def under_the_null(setting: tuple[int, tuple[float, float, float]], families: int) -> Facts:
    """Return how often a family of ways that are all no better than the baseline has a finding, and single ones do."""
    seeds, (of_seeds, of_items, of_both) = setting
    make = partial(normal, seeds=seeds, of_seeds=of_seeds, of_items=of_items, of_both=of_both)
    rng, anything, single = np.random.default_rng(1), [], []
    for _ in range(families):
        ps = [p for _ in range(TARGETS) for p in _one_target(make(rng, WAYS + 1))]
        anything.append(min(holm(ps)) < 1 - NOMINAL)
        single.append(np.mean([p < 1 - NOMINAL for p in ps]))
    facts = {"seeds": seeds, "seed_sd": of_seeds, "item_sd": of_items, "both_sd": of_both}
    return {**facts, "false_families": float(np.mean(anything)), "false_single": float(np.mean(single))}


def under_the_null_by_seeds(seeds: int, families: int) -> Facts:
    """Return the same where only seeds differ, and nothing is known of items: p is never below that of seeds alone."""
    rng, anything = np.random.default_rng(2), []
    for _ in range(families):
        systems = rng.normal(0, 1, (TARGETS, WAYS + 1, seeds))
        ps = [judge(way - ways[0], None).p for ways in systems for way in ways[1:]]
        anything.append(min(p for p in holm(ps) if p is not None) < 1 - NOMINAL)
    return {"seeds": seeds, "families": families, "false_families": float(np.mean(anything))}


def _one_target(systems: Numbers) -> list[float]:
    """Return the p value of each way beside the baseline, which is the first system."""
    count, seeds = systems.shape[:2]
    scores, draws, items = drawn(systems.reshape(count * seeds, *systems.shape[2:]), parallel=True)
    scores, draws = scores.reshape(count, seeds), draws.reshape(len(draws), count, seeds)
    found = [judge(scores[way] - scores[0], draws[:, way] - draws[:, 0], items) for way in range(1, count)]
    return [one.p for one in found if one.p is not None]


def grid_table(grid: Sequence[Facts]) -> Table:
    """Return the coverages, a row a number of seeds and two standard deviations, a column one of items."""
    table = Table(title=f"Coverage of the 95 % interval, {ITEMS} items", title_justify="left")
    for heading in ("seeds", "seed sd", "seed x item sd", *(f"item sd {sd:g}" for sd in OF_ITEMS)):
        table.add_column(heading, justify="right")
    found = {(one["seeds"], one["seed_sd"], one["both_sd"], one["item_sd"]): one["coverage"] for one in grid}
    for seeds, both, seed in itertools.product(SEEDS, OF_BOTH, OF_SEEDS):
        row = [found.get((seeds, seed, both, item)) for item in OF_ITEMS]
        table.add_row(str(seeds), f"{seed:g}", f"{both:g}", *("" if one is None else f"{100 * one:.1f}" for one in row))
    return table


def plain_table(title: str, rows: Sequence[Facts]) -> Table:
    """Return facts as they are, shares in percent."""
    table = Table(title=title, title_justify="left")
    for heading in rows[0]:
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for row in rows:
        table.add_row(*(_said(name, value) for name, value in row.items()))
    return table


def _said(name: str, value: str | float) -> str:
    if isinstance(value, str):
        return value
    return (
        f"{value:.5g}"
        if name in ("seeds", "seed_sd", "item_sd", "both_sd", "half_width", "families")
        else f"{100 * value:.1f}"
    )


if __name__ == "__main__":
    assert min(SEEDS) >= FEWEST_SEEDS
    main()
