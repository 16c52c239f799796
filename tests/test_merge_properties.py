"""What the papers say of their merges, by worked examples; and trimming, which has to be exact without much memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from adapterstilts.compose.combine import combine, ingredients
from adapterstilts.compose.merges import Layer, _steps, _trim, merges
from adapterstilts.compose.merges._trim import row_blocks, thresholds
from adapterstilts.compose.updates import Update, compress_dense, joint_svd
from adapterstilts.errors import UserError


def as_member(**layers) -> dict[str, Update]:
    """Take changes as they are given, number by number."""
    return {name: Update(np.eye(len(rows)), np.array(rows, dtype=float)) for name, rows in layers.items()}


def merged(name, members, weights=None, **settings):
    merge = merges.get(name)
    given = ingredients(members, weights or [1.0] * len(members))
    return dict(merge.combine(given, merge.schema(**settings)))


def full_of(change):
    return change.left @ change.right if isinstance(change, Update) else change


def random_member(seed, *shapes, rank=3):
    draw = np.random.default_rng(seed)
    return {
        f"l{n}": Update(draw.normal(size=(o, rank)), draw.normal(size=(rank, i))) for n, (o, i) in enumerate(shapes)
    }


# --- TIES


def test_ties_elects_the_sign_of_more_mass_and_averages_its_voters_alone():
    members = [as_member(a=[[3.0, -1.0, 2.0]]), as_member(a=[[-1.0, -2.0, -2.0]]), as_member(a=[[-1.0, 4.0, 0.0]])]
    np.testing.assert_allclose(merged("ties", members, density=1.0)["a"], [[3.0, 4.0, 0.0]])
    by_count = merged("ties", members, density=1.0, majority="frequency")["a"]
    np.testing.assert_allclose(by_count, [[-1.0, -1.5, 0.0]])
    np.testing.assert_allclose(merged("ties", members, density=1.0, scale=0.5)["a"], [[1.5, 2.0, 0.0]])


def test_weights_take_part_in_the_election_and_in_the_mean():
    members = [as_member(a=[[3.0, 1.0]]), as_member(a=[[-1.0, 1.0]])]
    np.testing.assert_allclose(merged("ties", members, [1.0, 4.0], density=1.0)["a"], [[-4.0, 2.5]])
    np.testing.assert_allclose(merged("ties", members, [1.0, -1.0], density=1.0)["a"], [[2.0, 0.0]])


def test_no_sign_is_elected_by_rounding():
    """Two factorings of one update, one of them taken away, leave nothing, as the update and itself would."""
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    member = random_member(0, (20, 30))
    again = {layer: Update(update.left @ turn, turn.T @ update.right) for layer, update in member.items()}
    third = random_member(2, (20, 30))
    for name in ("ties", "knots"):
        assert not full_of(merged(name, [member, again], [1.0, -1.0], density=1.0)["l0"]).any()
        first = full_of(merged(name, [member, third], density=1.0)["l0"])
        np.testing.assert_allclose(full_of(merged(name, [again, third], density=1.0)["l0"]), first, atol=1e-10)


def test_members_of_one_sign_merge_to_their_mean():
    members = [
        {k: Update(np.abs(u.left), np.abs(u.right)) for k, u in random_member(n, (5, 7)).items()} for n in (0, 1)
    ]
    mean = (members[0]["l0"].left @ members[0]["l0"].right + members[1]["l0"].left @ members[1]["l0"].right) / 2
    for majority in ("total", "frequency"):
        np.testing.assert_allclose(merged("ties", members, density=1.0, majority=majority)["l0"], mean)


def test_trimming_is_over_the_whole_model_unless_it_is_by_layer():
    member = as_member(large=[[9.0, 8.0], [7.0, 6.0]], small=[[0.4, 0.3], [0.2, 0.1]])
    for name in ("ties", "magnitude_prune"):
        whole = merged(name, [member], density=0.5)
        assert np.array_equal(whole["large"], [[9.0, 8.0], [7.0, 6.0]])
        assert not whole["small"].any()
        layered = merged(name, [member], density=0.5, scope="layer")
        assert np.array_equal(layered["large"], [[9.0, 8.0], [0.0, 0.0]])
        assert np.array_equal(layered["small"], [[0.4, 0.3], [0.0, 0.0]])


def test_entries_of_equal_magnitude_are_kept_or_trimmed_together():
    member = as_member(a=[[1.0, -2.0, 2.0, 3.0, -2.0, 0.5]])
    found = merged("ties", [member], density=2 / 6)["a"]
    assert np.array_equal(found, [[0.0, -2.0, 2.0, 3.0, -2.0, 0.0]])


def test_layers_that_a_member_leaves_alone_do_not_count_as_its_entries():
    nothing = Update(np.zeros((2, 3)), np.ones((3, 2)))
    member = {**as_member(a=[[4.0, 3.0], [2.0, 1.0]]), "b": nothing}
    found = merged("magnitude_prune", [member], density=0.5)
    assert np.array_equal(found["a"], [[4.0, 3.0], [0.0, 0.0]])
    assert not found["b"].any()


# --- trimming


@pytest.mark.parametrize("deviations", [5.0, 0.01])
@pytest.mark.parametrize("density", [0.9, 0.2, 0.003, 1e-9])
def test_the_threshold_is_the_exact_one_even_where_the_sample_misleads(density, deviations, monkeypatch):
    monkeypatch.setattr(_trim, "_DEVIATIONS", deviations)
    members = [random_member(seed, (300, 200), (100, 700), (40, 40)) for seed in (0, 1)]
    given = ingredients(members, [1.0, 1.0])
    found = thresholds(given.layers, [0, 1], density)
    for number in (0, 1):
        blocks = [layer.dense(number, rows) for layer in given.layers() for rows in row_blocks(layer.shape)]
        sizes = np.sort(np.abs(np.concatenate([block.ravel() for block in blocks])))[::-1]
        assert found[number] == sizes[max(1, round(density * sizes.size)) - 1]


def test_changes_of_mostly_zeros_are_kept_whole_where_fewer_are_left_than_wanted():
    sparse = np.where(np.random.default_rng(0).random((200, 300)) < 0.1, 1.5, 0.0)
    layers = [Layer("a", [sparse, np.zeros((200, 300))])]
    assert thresholds(lambda: layers, [0, 1], 0.2) == {0: 0.0, 1: 0.0}
    assert thresholds(lambda: layers, [0], 0.05) == {0: 1.5}


def test_trimming_keeps_little_in_memory():
    wide = random_member(0, *[(1000, 1000)] * 8)  # 64 MB in full
    given = ingredients([wide], [1.0])
    tracemalloc.start()
    thresholds(given.layers, [0], 0.2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6


# --- DARE


def test_what_dare_keeps_is_scaled_up_so_that_the_mean_stays():
    member = random_member(0, (60, 50))
    full = member["l0"].left @ member["l0"].right
    draws = [merged("dare_linear", [member], density=0.25, seed=seed)["l0"] for seed in range(200)]
    kept = np.mean([draw != 0 for draw in draws])
    assert kept == pytest.approx(0.25, abs=0.005)
    np.testing.assert_allclose(draws[0][draws[0] != 0], 4 * full[draws[0] != 0])
    assert np.linalg.norm(np.mean(draws, axis=0) - full) / np.linalg.norm(full) < 0.15
    assert np.array_equal(draws[3], merged("dare_linear", [member], density=0.25, seed=3)["l0"])


def test_members_and_layers_draw_for_themselves():
    member = random_member(0, (60, 50), (60, 50))
    merge = merges.get("dare_linear")
    found = {}
    for digest in ("x", "y"):
        changes = dict(merge.combine(ingredients([member], [1.0], [digest]), merge.schema(density=0.5)))
        found |= {(digest, layer): change != 0 for layer, change in changes.items()}
    masks = list(found.values())
    for place, mask in enumerate(masks):
        for other in masks[place + 1 :]:
            assert 0.4 < np.mean(mask == other) < 0.6


def test_with_all_entries_kept_dare_and_pruning_are_what_they_stand_before():
    members = [random_member(seed, (20, 30), (30, 10)) for seed in range(3)]
    weights = [1.0, -0.5, 2.0]
    for name, plain in (("dare_linear", "linear"), ("magnitude_prune", "linear"), ("dare_ties", "ties")):
        settings = {"density": 1.0} if plain == "ties" else {}
        found, wanted = merged(name, members, weights, density=1.0), merged(plain, members, weights, **settings)
        for layer, change in wanted.items():
            np.testing.assert_allclose(found[layer], full_of(change), atol=1e-12)


# --- KnOTS


def test_a_joint_svd_is_that_of_the_changes_side_by_side():
    updates = [
        member["l0"] for member in (random_member(0, (9, 7)), random_member(1, (9, 7)), random_member(0, (9, 7)))
    ]
    full = np.hstack([update.left @ update.right for update in updates])
    basis, singular, rights = joint_svd(updates)
    assert singular.size == 6  # two of the three are one
    np.testing.assert_allclose(singular, np.linalg.svd(full)[1][:6], rtol=1e-12)
    np.testing.assert_allclose((basis * singular) @ np.hstack(rights), full, atol=1e-12)
    np.testing.assert_allclose(basis.T @ basis, np.eye(6), atol=1e-12)


def test_knots_of_copies_is_the_member():
    member = random_member(0, (20, 30))
    full = member["l0"].left @ member["l0"].right
    found = merged("knots", [member, member], density=1.0)["l0"]
    np.testing.assert_allclose(found.left @ found.right, full, atol=1e-12)


def test_knots_never_forms_a_full_matrix():
    huge = random_member(0, (150_000, 40_000), rank=2)  # 48 GB in full
    found = merged("knots", [huge, random_member(1, (150_000, 40_000), rank=1)])["l0"]
    assert (found.left.shape, found.right.shape) == ((150_000, 3), (3, 40_000))


# --- the engine


def test_a_dense_change_is_cut_in_order_of_its_singular_values_even_where_they_are_lost_to_rounding():
    draw = np.random.default_rng(3)
    full = np.where(
        draw.random((64, 80)) < 0.005, draw.normal(size=(64, 80)) * 10.0 ** -draw.integers(0, 12, (64, 80)), 0
    )
    whole = compress_dense(full)
    assert np.all(np.diff(whole.singular) <= 0)
    np.testing.assert_allclose(whole.update.left @ whole.update.right, full, atol=1e-13 * np.linalg.norm(full))
    for rank in (1, 3):
        cut = compress_dense(full, rank)
        lost = np.linalg.norm(np.linalg.svd(full)[1][rank:]) / np.linalg.norm(full)
        assert cut.truncation == pytest.approx(lost, abs=1e-8)
        gone = np.linalg.norm(cut.update.left @ cut.update.right - full) / np.linalg.norm(full)
        assert gone == pytest.approx(cut.truncation, abs=1e-12)


@pytest.mark.parametrize("name", [name for name in merges.names() if "density" in merges.get(name).schema.model_fields])
def test_a_density_that_is_none_is_refused(name):
    for density in (0.0, 1.1, -1.0, float("nan")):
        with pytest.raises(ValueError, match="density"):
            merges.get(name).schema(density=density)


def test_dense_merges_keep_the_sum_of_the_ranks_and_say_what_that_costs():
    members = [random_member(0, (60, 50), rank=3), random_member(1, (60, 50), rank=2)]
    merge = merges.get("ties")
    found = combine(merge, ingredients(members, [1.0, 1.0]), merge.schema())
    assert found.updates["l0"].rank == 5
    assert 0.1 < found.truncation["l0"] < 0.9
    with pytest.raises(UserError, match="rank 0"):
        combine(merge, ingredients(members, [1.0, 1.0]), merge.schema(), 0)


@pytest.mark.parametrize("name", ["svd", "ties", "dare_ties", "knots"])
def test_layers_found_side_by_side_are_those_found_in_turn_to_the_last_bit(name, monkeypatch):
    members = [random_member(seed, *[(40, 30 + layer) for layer in range(9)]) for seed in range(3)]
    merge, found = merges.get(name), []
    for threads in (1, 4):
        monkeypatch.setattr(_steps, "THREADS", threads)
        found.append(combine(merge, ingredients(members, [1.0, 0.5, -1.0]), merge.schema()))
    one, other = found
    assert list(one.updates) == list(other.updates) == [f"l{layer}" for layer in range(9)]
    assert (one.truncation, one.norms) == (other.truncation, other.norms)
    for layer, update in one.updates.items():
        assert np.array_equal(update.left, other.updates[layer].left)
        assert np.array_equal(update.right, other.updates[layer].right)
