"""Test rows drawn anew, alone and together across languages; and what choosing a way comes to."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from adapterstilts.errors import UserError
from adapterstilts.metrics import metrics
from adapterstilts.metrics._sums import share as accuracy
from adapterstilts.stats import resampling
from adapterstilts.stats.clusters import Clusters, clusters
from adapterstilts.stats.resampling import Language, resample
from adapterstilts.stats.selection import Choice, select

IDS = [f"q{number}" for number in range(60)]


def shares(right: np.ndarray) -> np.ndarray:
    """Parts of an accuracy from (runs, rows) of right and wrong."""
    return np.stack([right, np.ones_like(right)], axis=-1).astype(float)


def test_draws_have_the_variance_of_a_mean():
    right = np.array([[1, 0, 1, 1, 0]])
    of = clusters({"en": IDS[:5]}, parallel=False)["en"]
    found = resample([Language(shares(right), of)], accuracy, draws=20000)
    assert float(found.draws.var()) == pytest.approx((100.0 * right[0]).var(ddof=1) / 5, rel=0.05)


def test_scores_are_plain_means_over_languages():
    of = clusters({"de": ["a", "b"], "sw": ["a", "b", "c", "d"]}, parallel=False)
    languages = [
        Language(shares(np.array([[1, 0], [1, 1]])), of["de"]),
        Language(shares(np.array([[1, 0, 0, 0], [0, 0, 0, 0]])), of["sw"]),
    ]
    found = resample(languages, accuracy, draws=10)
    assert found.scores.tolist() == [37.5, 50.0]
    assert (found.draws.shape, found.items) == ((10, 2), 6)


def test_the_spread_of_draws_is_scipys_bootstrap():
    right = np.random.default_rng(0).random((1, 60)) < 0.7
    found = resample([Language(shares(right), clusters({"en": IDS}, parallel=False)["en"])], accuracy, draws=4000)
    theirs = scipy.stats.bootstrap((100.0 * right[0],), np.mean, n_resamples=4000, rng=1, method="percentile")
    assert float(found.draws.std(ddof=1)) == pytest.approx(theirs.standard_error, rel=0.05)
    assert float(found.draws.mean()) == pytest.approx(100 * right.mean(), abs=0.5)


def test_a_draw_of_rows_scores_what_the_metric_gives_on_them():
    draw, metric = np.random.default_rng(2), metrics.get("chunk_f1")
    tags = ["O", "B-PER", "I-PER", "B-LOC"]
    gold = [[tags[number] for number in draw.integers(4, size=5)] for _ in range(12)]
    guess = [[tags[number] for number in draw.integers(4, size=5)] for _ in range(12)]
    of = clusters({"de": IDS[:12]}, parallel=False)["de"]
    found = resample([Language(metric.parts.of(gold, guess)[None], of)], metric.parts.main, draws=5)
    weights = resampling._weights(np.random.default_rng([0, 0]), 5, 12).astype(int)
    order = [int(name[1:]) for name in sorted(IDS[:12])]
    for drawn, times in zip(found.draws[:, 0], weights, strict=True):
        rows = [row for row, count in zip(order, times, strict=True) for _ in range(count)]
        wanted = metric.score([gold[row] for row in rows], [guess[row] for row in rows])["f1"]
        assert drawn == pytest.approx(wanted, abs=1e-9)


def test_each_draw_takes_one_cluster_fewer_than_there_are():
    weights = resampling._weights(np.random.default_rng(0), 50, 7)
    assert weights.sum(axis=1).tolist() == [6.0] * 50
    assert weights.std() > 0.5


def parallel_scores(same: float) -> list[np.ndarray]:
    """Right and wrong of one run in four languages, alike in a share of the rows."""
    rng = np.random.default_rng(4)
    common = rng.random((1, 60)) < 0.6
    return [np.where(rng.random((1, 60)) < same, common, rng.random((1, 60)) < 0.6) for _ in range(4)]


def spread(rights: list[np.ndarray], *, parallel: bool) -> float:
    of = clusters({str(number): IDS for number in range(len(rights))}, parallel=parallel)
    found = resample(
        [Language(shares(right), of[str(number)]) for number, right in enumerate(rights)], accuracy, draws=3000
    )
    return float(found.draws.std(ddof=1))


def test_drawing_items_together_widens_what_is_alike_in_all_languages():
    alike = parallel_scores(same=1.0)
    assert spread(alike, parallel=True) == pytest.approx(2 * spread(alike, parallel=False), rel=0.1)


def test_drawing_items_together_changes_little_where_languages_have_nothing_in_common():
    unlike = parallel_scores(same=0.0)
    assert spread(unlike, parallel=True) == pytest.approx(spread(unlike, parallel=False), rel=0.25)


def test_neither_the_order_of_rows_nor_of_languages_changes_a_draw():
    rng = np.random.default_rng(5)
    right, order = {one: rng.random((2, 60)) < 0.5 for one in ("de", "sw")}, rng.permutation(60)
    for parallel in (True, False):
        of = clusters({"de": IDS, "sw": IDS}, parallel=parallel)
        one = resample([Language(shares(right[x]), of[x]) for x in ("de", "sw")], accuracy, draws=20)
        mixed = clusters({"sw": [IDS[row] for row in order], "de": IDS}, parallel=parallel)
        rows = {"sw": right["sw"][:, order], "de": right["de"]}
        other = resample([Language(shares(rows[x]), mixed[x]) for x in ("sw", "de")], accuracy, draws=20)
        assert other.draws == pytest.approx(one.draws)


def test_blocks_of_weights_give_the_same_draws_as_all_at_once(monkeypatch):
    right = np.random.default_rng(6).random((1, 60)) < 0.5
    language = Language(shares(right), clusters({"en": IDS}, parallel=False)["en"])
    whole = resample([language], accuracy, draws=50)
    monkeypatch.setattr(resampling, "_MOST", 7 * 60)
    assert resample([language], accuracy, draws=50).draws.tolist() == whole.draws.tolist()


def test_items_of_only_some_languages_are_drawn_with_those_that_have_them():
    of = clusters({"de": ["a", "b"], "sw": ["b", "c"]}, parallel=True)
    assert of["de"].of.tolist() == [0, 1]
    assert of["sw"].of.tolist() == [1, 2]
    assert {(one.size, one.pool) for one in of.values()} == {(3, 0)}


def test_one_item_says_nothing_of_others():
    found = resample([Language(shares(np.ones((2, 1))), Clusters(np.zeros(1, dtype=np.int64), 1, 0))], accuracy)
    assert found.draws is None
    assert found.scores.tolist() == [100.0, 100.0]


@pytest.mark.parametrize(("ids", "why"), [(["a", "a"], "has an id twice"), ([], "has no rows")])
def test_rows_that_cannot_be_drawn_are_refused(ids, why):
    with pytest.raises(UserError, match=why):
        clusters({"de": ids}, parallel=True)


# selection

DEV = {"xnli": {"none": 80.0, "mnli": 81.0, "qqp": 79.0}, "panx": {"none": 90.0, "mnli": 85.0, "qqp": 92.0}}
TEST = {"xnli": {"none": 60.0, "mnli": 61.0, "qqp": 66.0}, "panx": {"none": 50.0, "mnli": 48.0, "qqp": 49.0}}


def test_three_rules_side_by_side():
    found = select(DEV, TEST)
    assert {rule: found["xnli", rule].way for rule in ("dev", "dev average", "oracle")} == {
        "dev": "mnli", "dev average": "qqp", "oracle": "qqp",
    }  # fmt: skip
    assert {rule: found["panx", rule] for rule in ("dev", "dev average", "oracle")} == {
        "dev": Choice("qqp", 49.0), "dev average": Choice("qqp", 49.0), "oracle": Choice("none", 50.0),
    }  # fmt: skip


def test_no_rule_beats_the_oracle():
    found = select(DEV, TEST)
    assert all(found[target, rule].score <= found[target, "oracle"].score for target, rule in found)


def test_a_target_without_dev_scores_is_chosen_for_by_the_others():
    found = select({"xnli": DEV["xnli"]}, TEST)
    assert found["panx", "dev"].way is None
    assert "no way has both" in found["panx", "dev"].why
    assert found["panx", "dev average"] == Choice("mnli", 48.0)


def test_only_ways_with_dev_scores_on_all_targets_are_averaged():
    partly = {**DEV, "panx": {"none": 90.0, "mnli": 92.0}}
    assert select(partly, TEST)["xnli", "dev average"] == Choice("mnli", 61.0)
    none = {"xnli": {"mnli": 81.0}, "panx": {"qqp": 92.0}}
    assert "on all targets" in select(none, TEST)["xnli", "dev average"].why


def test_a_way_that_was_chosen_and_not_scored_is_a_hole():
    test = {**TEST, "panx": {"none": 50.0}}
    assert select(DEV, test)["panx", "dev average"] == Choice("qqp", None, "qqp was chosen, and has no test score here")


def test_of_equals_the_first_by_name_is_taken():
    assert select({}, {"xnli": {"b": 1.0, "a": 1.0}})["xnli", "oracle"].way == "a"


def test_nothing_to_choose_from_is_said():
    found = select({}, {"xnli": {}})
    assert [found["xnli", rule].way for rule in ("dev", "dev average", "oracle")] == [None] * 3
    assert all(choice.why for choice in found.values())
