"""RegMean and Fisher on matrices by hand: their formulas, what these stand for, and what has no such mean."""

from __future__ import annotations

import numpy as np
import pytest

from adapterstilts.compose.checks import check_identity
from adapterstilts.compose.combine import combine, ingredients
from adapterstilts.compose.merges import merges
from adapterstilts.compose.statistics import square
from adapterstilts.compose.updates import Update
from adapterstilts.errors import UserError


def members_and(kind, seed=0, shape=(6, 5), members=3):
    draw = np.random.default_rng(seed)
    updates = [{"q": Update(draw.normal(size=(shape[0], rank)), draw.normal(size=(rank, shape[1])))}
               for rank in range(1, members + 1)]  # fmt: skip
    if kind == "gram":
        inputs = [draw.normal(size=(40, shape[1])) @ draw.normal(size=(shape[1], shape[1])) for _ in updates]
        return updates, [read.T @ read / len(read) for read in inputs]
    return updates, [draw.exponential(size=shape) ** 4 for _ in updates]


def merged(how, updates, weights, measured, rank=None, **settings):
    algorithm = merges.get(how)
    reads = [lambda _, one=one: one for one in measured]
    found = combine(algorithm, ingredients(updates, weights, reads=reads), algorithm.schema(**settings), rank)
    return found.updates["q"].left @ found.updates["q"].right


def dense(updates):
    return [one["q"].left @ one["q"].right for one in updates]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9, 1.0])
def test_regmean_is_its_formula(alpha):
    updates, grams = members_and("gram")
    weights = [1, 0.25, 3]
    shrunk = [w * (alpha * g + (1 - alpha) * np.diag(np.diag(g))) for g, w in zip(grams, weights, strict=True)]
    expected = sum(dw @ g for dw, g in zip(dense(updates), shrunk, strict=True)) @ np.linalg.inv(sum(shrunk))
    np.testing.assert_allclose(merged("regmean", updates, weights, grams, alpha=alpha), expected, atol=1e-9)


def test_regmean_is_nearest_to_the_members_outputs_on_their_inputs():
    """What the formula stands for: no other update has a smaller squared error over all members' inputs."""
    updates, grams = members_and("gram", seed=3)
    found = merged("regmean", updates, [1, 1, 1], grams, alpha=1.0)

    def loss(dw):
        return sum(np.trace((dw - own) @ g @ (dw - own).T) for own, g in zip(dense(updates), grams, strict=True))

    draw = np.random.default_rng(1)
    assert all(loss(found + 1e-3 * draw.normal(size=found.shape)) > loss(found) for _ in range(20))


@pytest.mark.parametrize("how", ["regmean", "fisher"])
def test_equal_figures_give_the_weighted_mean(how):
    updates, measured = members_and("gram" if how == "regmean" else "fisher")
    weights = np.array([1, 0.25, 3])
    expected = sum(w * dw for w, dw in zip(weights / weights.sum(), dense(updates), strict=True))
    options = {} if how == "regmean" else {"rank": 5}
    np.testing.assert_allclose(merged(how, updates, list(weights), measured[:1] * 3, **options), expected, atol=1e-9)


@pytest.mark.parametrize("how", ["regmean", "fisher"])
def test_one_member_alone_is_itself_and_order_and_scale_of_weights_have_no_effect(how):
    updates, measured = members_and("gram" if how == "regmean" else "fisher")
    algorithm = merges.get(how)
    for one, figures in zip(updates, measured, strict=True):
        assert max(check_identity(algorithm, one, [lambda _, f=figures: f]).values()) < 1e-10
    first = merged(how, updates, [1, 2, 3], measured)
    np.testing.assert_allclose(merged(how, updates[::-1], [6, 4, 2], measured[::-1]), first, atol=1e-9)
    np.testing.assert_allclose(merged(how, updates, [0, 5, 0], measured), dense(updates)[1], atol=1e-6)


def test_fisher_is_its_formula_with_a_floor():
    updates, measured = members_and("fisher")
    measured[0][0, :] = measured[1][0, :] = measured[2][0, :] = 0.0
    measured[0][1, 1] = 1e-20
    weights, least = [1, 0.25, 3], 1e-6 * np.mean([one.mean() for one in measured])
    held = [w * np.maximum(one, least) for w, one in zip(weights, measured, strict=True)]
    expected = sum(f * dw for f, dw in zip(held, dense(updates), strict=True)) / sum(held)
    found = merged("fisher", updates, weights, measured, rank=5)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    mean = sum(w * dw for w, dw in zip(weights, dense(updates), strict=True)) / sum(weights)
    np.testing.assert_allclose(found[0], mean[0], atol=1e-9)  # where nothing is known
    zeros = [np.zeros_like(one) for one in measured]
    np.testing.assert_allclose(merged("fisher", updates, weights, zeros, rank=5), mean, atol=1e-9)


def test_inputs_that_never_occur_make_no_trouble():
    updates, grams = members_and("gram")
    for gram in grams:
        gram[2, :] = gram[:, 2] = 0.0
    found = merged("regmean", updates, [1, 1, 1], grams)
    np.testing.assert_allclose(found[:, 2], sum(dense(updates))[:, 2] / 3, atol=1e-6)
    assert np.isfinite(found).all()


def test_what_is_no_share_or_was_not_measured_is_refused():
    for how, kind in (("regmean", "gram"), ("fisher", "fisher")):
        updates, measured = members_and(kind)
        for weights in ([1, -1, 1], [0, 0, 0]):
            with pytest.raises(UserError, match="are no shares of it"):
                merged(how, updates, weights, measured)
        with pytest.raises(UserError, match="needs what was measured"):
            merged(how, updates, [1, 1, 1], [])
    singular = [np.ones((5, 5))] * 3
    with pytest.raises(UserError, match="cannot be inverted"):
        merged("regmean", members_and("gram")[0], [1, 1, 1], singular, alpha=1.0)


def test_an_upper_triangle_is_its_matrix_again():
    matrix = np.arange(9.0).reshape(3, 3)
    matrix += matrix.T
    np.testing.assert_array_equal(square(matrix[np.triu_indices(3)]), matrix)
    with pytest.raises(UserError, match="no upper triangle"):
        square(np.ones(5))
