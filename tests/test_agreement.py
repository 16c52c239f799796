"""Figures on how far members agree: against principal angles and signs counted densely."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from adapterstilts.compose.agreement import ROWS, agreement, overall
from adapterstilts.compose.certificate import _agreement_lines, _layer_lines
from adapterstilts.compose.combine import ingredients
from adapterstilts.compose.updates import Update


def draw(seed, out=40, into=30, rank=3) -> Update:
    draws = np.random.default_rng(seed)
    return Update(draws.normal(size=(out, rank)), draws.normal(size=(rank, into)))


def of(members, weights=None):
    return agreement(ingredients([{"a": member} for member in members], weights or [1.0] * len(members)))["a"]


def test_the_overlap_is_the_mean_squared_cosine_of_principal_angles_over_pairs():
    members = [draw(0), draw(1, rank=5), draw(2, rank=1)]
    found = of(members)
    for key, side in (("overlap_out", lambda u: u.left), ("overlap_in", lambda u: u.right.T)):
        cosines = [
            np.mean(np.cos(scipy.linalg.subspace_angles(side(members[i]), side(members[j]))) ** 2)
            for i, j in ((0, 1), (0, 2), (1, 2))
        ]
        assert found[key] == pytest.approx(np.mean(cosines), abs=1e-10)
    turned = Update(members[0].left @ np.diag([3.0, 1.0, -2.0]), members[0].right[::-1])
    assert of([members[0], turned])["overlap_out"] == pytest.approx(1.0)
    axes = np.eye(40)
    assert of([Update(axes[:, :3], members[0].right), Update(axes[:, 3:9], np.ones((6, 30)))])["overlap_out"] == 0.0


def test_pairs_that_a_change_does_not_need_count_for_nothing():
    one = draw(0)
    twice = Update(np.hstack([one.left, one.left]) / 2, np.vstack([one.right, one.right]))
    assert of([twice, draw(1)])["overlap_in"] == pytest.approx(of([one, draw(1)])["overlap_in"])


def test_sign_conflict_weighs_disagreement_by_magnitude():
    first, second = np.array([[3.0, -1.0, 2.0, 0.0]]), np.array([[1.0, 2.0, 2.0, -5.0]])
    members = [Update(np.eye(1), first), Update(np.eye(1), second)]
    assert of(members)["sign_conflict"] == pytest.approx(3 / 16)
    assert of(members, [1.0, -1.0])["sign_conflict"] == pytest.approx((4 + 4) / 16)
    assert of([members[0], members[0]])["sign_conflict"] == 0.0


def test_signs_are_looked_at_on_a_drawn_sample_of_rows():
    members = [draw(seed, out=2000) for seed in (0, 1)]
    parts = [member.left @ member.right for member in members]
    size = np.abs(parts[0]) + np.abs(parts[1])
    exact = size[parts[0] * parts[1] < 0].sum() / size.sum()
    assert ROWS < 2000
    assert of(members)["sign_conflict"] == pytest.approx(exact, abs=0.1)
    assert of(members)["sign_conflict"] != pytest.approx(exact, abs=1e-9)
    assert of(members) == of(members)


def test_a_layer_of_one_member_has_no_agreement_and_none_of_weight_0_counts():
    given = ingredients([{"a": draw(0), "b": draw(1)}, {"a": draw(2)}, {"b": draw(3)}], [1.0, 1.0, 0.0])
    found = agreement(given)
    assert set(found["b"].values()) == {None}
    assert overall(found) == found["a"]
    assert of([draw(0), Update(np.zeros((40, 2)), draw(1, rank=2).right)])["sign_conflict"] is None


def test_the_page_says_what_the_figures_mean():
    found = agreement(ingredients([{"a": draw(0), "b": draw(1)}, {"a": draw(2)}], [1.0, 1.0]))
    text = "\n".join(_agreement_lines({**overall(found), "rows": ROWS}))
    assert f"opposite directions (on {ROWS} rows" in text
    assert f"Overlap {found['a']['overlap_out']:.3g} of outputs" in text
    lines = _layer_lines(found)
    assert lines[-1] == "| b |  |  |  |  |  |  |"
    assert len({line.count("|") for line in lines[1:]}) == 1
    assert _agreement_lines(overall({"b": found["b"]})) == []
