"""Differences of two systems: hand-computed, against scipy, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from adapterstilts.errors import UserError
from adapterstilts.stats.difference import components, crossed, item_deviation, judge
from adapterstilts.stats.holm import holm
from adapterstilts.stats.share import share_kept

VALUES = np.array([1.0, 2.0, 4.0])


def drawn(values: np.ndarray, of_items: float, of_both: float, count: int = 4000, seed: int = 0) -> np.ndarray:
    """Draws of scores whose spread is known: one part in common to all seeds, one for each."""
    rng = np.random.default_rng(seed)
    shared, apart = rng.normal(0, of_items, (count, 1)), rng.normal(0, of_both, (count, len(values)))
    return values + shared + apart


def test_over_seeds_alone_it_is_the_t_test():
    found = judge(VALUES, None)
    theirs = scipy.stats.ttest_1samp(VALUES, 0.0)
    interval = theirs.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert found.p == pytest.approx(theirs.pvalue, abs=1e-12)
    assert (found.value, found.seeds, found.basis) == (pytest.approx(7 / 3), 3, "seeds")


def test_the_hierarchical_bootstrap_is_what_drawing_seeds_and_items_one_by_one_gives():
    rng, draws = np.random.default_rng(1), drawn(np.array([1.0, 3.0, 2.0, 6.0]), 0.5, 0.8)
    picked = rng.integers(4, size=(200, len(draws), 3))  # one seed fewer than there are
    one_by_one = np.take_along_axis(draws[None], picked, axis=2).mean(axis=2)
    assert float(crossed(draws[:, None, :])[0, 0]) == pytest.approx(one_by_one.var(), rel=0.01)


def test_the_interval_is_the_wider_of_both_and_p_goes_with_it():
    few_items, many_items = drawn(VALUES, 5.0, 0.0), drawn(VALUES, 0.001, 0.0)
    by_items, by_seeds = judge(VALUES, few_items), judge(VALUES, many_items)
    alone = judge(VALUES, None)
    error = np.sqrt(crossed(few_items[:, None, :])[0, 0])
    assert by_items.high - by_items.value == pytest.approx(1.959964 * error, rel=1e-6)
    assert by_items.p == pytest.approx(2 * scipy.stats.norm.sf(by_items.value / error))
    assert (by_seeds.low, by_seeds.high, by_seeds.p) == (alone.low, alone.high, alone.p)
    assert by_items.basis == "seeds and items"


def test_few_items_have_students_quantile():
    draws = drawn(VALUES, 5.0, 0.0)
    many, few = judge(VALUES, draws), judge(VALUES, draws, items=10)
    assert (few.high - few.value) / (many.high - many.value) == pytest.approx(scipy.stats.t.ppf(0.975, 9) / 1.959964)


@pytest.mark.parametrize("shift", [-6.0, -2.0, 0.0, 0.5, 3.0, 7.0, 11.0])
def test_the_interval_excludes_0_just_where_p_is_below_5_percent(shift):
    values = VALUES + shift
    found = judge(values, drawn(values, 1.0, 0.5))
    assert (found.low > 0 or found.high < 0) == (found.p < 0.05)


def test_fewer_than_three_seeds_have_a_range_and_nothing_else():
    found = judge(VALUES[:2], drawn(VALUES[:2], 1.0, 0.1))
    assert (found.lowest, found.highest, found.basis) == (1.0, 2.0, "range")
    assert [found.low, found.high, found.p, found.detectable] == [None] * 4


def test_one_seed_cannot_tell_what_seeds_and_items_add():
    found = judge(VALUES[:1], drawn(VALUES[:1], 1.0, 0.1))
    assert (found.value, found.lowest, found.highest, found.seed_sd, found.item_sd) == (1.0, 1.0, 1.0, None, None)


def test_where_nothing_varies_there_is_no_interval():
    always, never = judge(np.full(3, 2.0), np.full((50, 3), 2.0)), judge(np.zeros(3), np.zeros((50, 3)))
    assert (always.basis, always.low, always.p) == ("range", None, None)
    assert (never.basis, never.p) == ("range", 1.0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_difference_that_is_no_number_is_refused(wrong):
    with pytest.raises(UserError, match="not a number"):
        judge(np.array([1.0, wrong, 2.0]), None)
    with pytest.raises(UserError, match="not a number"):
        judge(VALUES, np.array([[1.0, 2.0, wrong]]))


def test_the_order_of_seeds_changes_nothing():
    draws, order = drawn(VALUES, 1.0, 0.3), [2, 0, 1]
    one, other = judge(VALUES, draws), judge(VALUES[order], draws[:, order])
    assert [other.low, other.high, other.p, other.seed_sd] == pytest.approx([one.low, one.high, one.p, one.seed_sd])


def test_a_constant_on_top_moves_the_interval_and_keeps_its_width():
    draws = drawn(VALUES, 1.0, 0.3)
    one, other = judge(VALUES, draws), judge(VALUES + 5, draws + 5)
    assert (other.low, other.high) == pytest.approx((one.low + 5, one.high + 5))
    assert (other.detectable, other.seed_sd, other.item_sd) == pytest.approx((one.detectable, one.seed_sd, one.item_sd))


def test_seeds_and_items_are_told_apart():
    rng = np.random.default_rng(3)
    pairs = []
    for number in range(300):
        values = rng.normal(0, 2.0, 5) + rng.normal(0, 1.5, 5)  # of seeds, and what seeds make of these items
        seed_sd, item_sd = components(values, drawn(values, 1.5, 1.5, 300, number))
        pairs.append((seed_sd**2, item_sd**2))
    of_seeds, of_items = np.mean(pairs, axis=0)
    assert of_seeds == pytest.approx(4.0, rel=0.15)
    assert of_items == pytest.approx(2.25, rel=0.05)


def test_the_detectable_difference_is_found_four_times_in_five():
    rng = np.random.default_rng(5)
    detectable = np.mean([judge(rng.normal(0, 1, 10), None).detectable for _ in range(400)])
    found = [judge(rng.normal(detectable, 1, 10), None).p < 0.05 for _ in range(600)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)


def test_the_deviation_between_items_of_an_accuracy_is_that_of_right_and_wrong():
    rng = np.random.default_rng(0)
    draws = 100 * rng.binomial(500, 0.7, (4000, 3)) / 500
    assert item_deviation(draws, 500) == pytest.approx(100 * np.sqrt(0.7 * 0.3), rel=0.02)


def test_holm_goes_down_the_sorted_p_values_and_never_back():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_has_no_p_value_is_no_comparison():
    assert holm([None, 0.02, None, 0.03]) == [None, pytest.approx(0.04), None, pytest.approx(0.04)]


# shares of a gain


def test_a_share_is_the_ratio_of_mean_gains_between_two_ends():
    found = share_kept(np.array([4.0, 4.2, 3.9]), np.array([5.0, 5.1, 4.9]), None)
    assert found.value == pytest.approx(12.1 / 15.0)
    assert found.low < found.value < found.high
    assert found.why == ""


def test_fiellers_interval_holds_just_the_ratios_that_a_t_test_does_not_reject():
    gain, reference = np.array([3.0, 4.5, 3.5, 5.0]), np.array([5.0, 6.0, 5.5, 6.5])
    found = share_kept(gain, reference, None)
    for end in (found.low, found.high):
        assert scipy.stats.ttest_1samp(gain - end * reference, 0.0).pvalue == pytest.approx(0.05, abs=1e-9)


def test_items_widen_the_share():
    gain, reference = np.array([4.0, 4.2, 3.9]), np.array([5.0, 5.1, 4.9])
    alone = share_kept(gain, reference, None)
    both = share_kept(gain, reference, (drawn(gain, 0.9, 0.1), drawn(reference, 0.9, 0.1, seed=1)))
    assert both.high - both.low > 2 * (alone.high - alone.low)
    assert both.value == alone.value


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ([1.0, -1.0, 0.5], "may be 0"),
        ([-5.0, -5.1, -4.9], "loses 5.0"),
        ([1.0, -0.5], "may be 0"),
    ],
)
def test_there_is_no_share_of_a_gain_that_may_be_none(reference, why):
    found = share_kept(np.ones(len(reference)), np.array(reference), None)
    assert (found.value, found.low, found.high) == (None, None, None)
    assert why in found.why


def test_a_share_of_two_seeds_has_no_interval():
    found = share_kept(np.array([2.0, 3.0]), np.array([4.0, 5.0]), None)
    assert (found.value, found.low, found.high) == (pytest.approx(5 / 9), None, None)


def test_a_share_needs_the_same_seeds_on_both_sides():
    with pytest.raises(UserError, match="not 2 and 3"):
        share_kept(np.ones(2), np.ones(3), None)
