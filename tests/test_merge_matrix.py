"""Every merge of the catalog against its papers' formulas, written here in plain numpy on whole dense models."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial

import numpy as np
import peft
import pytest
import torch
from transformers import XLMRobertaForSequenceClassification

from adapterstilts.compose.checks import check_identity, check_reload
from adapterstilts.compose.combine import combine, ingredients
from adapterstilts.compose.merges import merges
from adapterstilts.compose.peft_folder import read_peft, write_peft
from adapterstilts.compose.updates import Update
from adapterstilts.config.identity import derive_seed
from adapterstilts.errors import UserError

QUERY, VALUE = "encoder.layer.0.attention.self.query", "encoder.layer.1.attention.self.value"
INNER, OUTPUT = "encoder.layer.0.intermediate.dense", "encoder.layer.1.output.dense"
SHAPES = {QUERY: (64, 64), VALUE: (64, 64), INNER: (256, 64), OUTPUT: (64, 256)}
RANKS = [{QUERY: 4, OUTPUT: 2}, {QUERY: 1, INNER: 3}, {QUERY: 3, VALUE: 2, INNER: 1, OUTPUT: 5}]  # VALUE: one alone
WEIGHTS = [1.0, -0.5, 0.7]
DIGESTS = ["cc", "aa", "bb"]
FULL = 64  # at this rank nothing is cut off
TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
Dense = dict[str, np.ndarray]


def draw_member(number: int, fade: float = 1.0) -> dict[str, Update]:
    """Draw factors; of `fade` below 1, each pair is that much weaker than the one before."""
    draw = np.random.default_rng(number)
    member = {}
    for layer, rank in RANKS[number].items():
        out, into = SHAPES[layer]
        strengths = fade ** np.arange(rank)
        member[layer] = Update(strengths * draw.normal(size=(out, rank)), draw.normal(size=(rank, into)))
    return member


MEMBERS = [draw_member(number) for number in range(3)]


def dense_of(member) -> Dense:
    return {layer: update.left @ update.right for layer, update in member.items()}


# --- the formulas, whole models at once; weights of 0 have been left out, with their members


def weighted_sum(members, weights) -> Dense:
    total = {layer: np.zeros(SHAPES[layer]) for member in members for layer in member}
    for member, weight in zip(members, weights, strict=True):
        for layer, change in member.items():
            total[layer] = total[layer] + weight * change
    return total


def top(member: Dense, density, scope="model") -> Dense:
    """Keep the largest entries; trimming knows no layers unless told to."""
    if scope == "layer":
        return {layer: top({layer: change}, density)[layer] for layer, change in member.items()}
    sizes = np.sort(np.concatenate([np.abs(change).ravel() for change in member.values()]))[::-1]
    least = sizes[max(1, round(density * sizes.size)) - 1]
    return {layer: np.where(np.abs(change) >= least, change, 0.0) for layer, change in member.items()}


def elected_mean(members, weights, majority="total", scale=1.0) -> Dense:
    """Steps 2 and 3 of TIES, entry by entry over a stack of all members."""
    merged = {}
    for layer in weighted_sum(members, weights):
        parts = [w * m.get(layer, np.zeros(SHAPES[layer])) for m, w in zip(members, weights, strict=True)]
        stacked = np.stack(parts)
        sign = np.sign(stacked.sum(0) if majority == "total" else np.sign(stacked).sum(0))
        agree = (np.sign(stacked) == sign) & (sign != 0)
        merged[layer] = scale * np.where(agree, stacked, 0.0).sum(0) / np.maximum(agree.sum(0), 1)
    return merged


def dropped(member: Dense, digest, density, seed) -> Dense:
    kept = {}
    for layer, change in member.items():
        draws = np.random.default_rng(derive_seed(seed, layer, digest)).random(change.shape, dtype=np.float32)
        kept[layer] = np.where(draws < density, change, 0.0) / density
    return kept


def ties(members, weights, _, density=0.2, scope="model", **how) -> Dense:
    return elected_mean([top(member, density, scope) for member in members], weights, **how)


def magnitude_prune(members, weights, _, density=0.2, scope="model") -> Dense:
    return weighted_sum([top(member, density, scope) for member in members], weights)


def dare_linear(members, weights, digests, density=0.5, seed=0) -> Dense:
    return weighted_sum([dropped(m, d, density, seed) for m, d in zip(members, digests, strict=True)], weights)


def dare_ties(members, weights, digests, density=0.5, seed=0, majority="total") -> Dense:
    kept = [dropped(m, d, density, seed) for m, d in zip(members, digests, strict=True)]
    return elected_mean(kept, weights, majority)


def knots(members, weights, _, density=0.2, majority="total", scale=1.0) -> Dense:
    merged = {}
    for layer in weighted_sum(members, weights):
        there = [(member[layer], weight) for member, weight in zip(members, weights, strict=True) if layer in member]
        u, s, vt = np.linalg.svd(np.hstack([change for change, _ in there]), full_matrices=False)
        real = s > 1e-10 * s[0]
        spaces = np.split(vt[real], len(there), axis=1)
        trimmed = np.stack([w * top({"": v}, density)[""] for v, (_, w) in zip(spaces, there, strict=True)])
        sign = np.sign(trimmed.sum(0) if majority == "total" else np.sign(trimmed).sum(0))
        agree = (np.sign(trimmed) == sign) & (sign != 0)
        mean = scale * np.where(agree, trimmed, 0.0).sum(0) / np.maximum(agree.sum(0), 1)
        merged[layer] = (u[:, real] * s[real]) @ mean
    return merged


def plain(members, weights, _) -> Dense:
    return weighted_sum(members, weights)


def layers(members, weights, digests, schedule="") -> Dense:
    if not schedule:
        return weighted_sum(members, weights)
    assert schedule == SCHEDULE
    first, output, other = ([1, 0, -2], [0.5, 0.5, 0.5], weights)
    chosen = {QUERY: first, INNER: first, OUTPUT: output, VALUE: other}
    return {layer: weighted_sum(members, chosen[layer])[layer] for layer in weighted_sum(members, weights)}


def measured(kind, digest, layer) -> np.ndarray:
    """What was measured of a member at a layer: positive, and nobody else's."""
    draw = np.random.default_rng(derive_seed(5, kind, digest, layer))
    out, into = SHAPES[layer]
    if kind == "fisher":
        return draw.random((out, into)) ** 4
    inputs = draw.normal(size=(3 * into, into)) * draw.random(into)
    return inputs.T @ inputs / len(inputs)


def fisher(members, weights, digests, floor=1e-6) -> Dense:
    merged = {}
    for layer in weighted_sum(members, weights):
        known = [measured("fisher", digest, layer) for digest in digests]
        least = floor * np.mean(known)
        known = [weight * np.maximum(one, least) for one, weight in zip(known, weights, strict=True)]
        changes = [member.get(layer, np.zeros(SHAPES[layer])) for member in members]
        merged[layer] = sum(a * b for a, b in zip(known, changes, strict=True)) / sum(known)
    return merged


def regmean(members, weights, digests, alpha=0.9) -> Dense:
    merged = {}
    for layer in weighted_sum(members, weights):
        grams = [measured("gram", digest, layer) for digest in digests]
        grams = [w * (alpha * g + (1 - alpha) * np.diag(np.diag(g))) for g, w in zip(grams, weights, strict=True)]
        changes = [member.get(layer, np.zeros(SHAPES[layer])) for member in members]
        merged[layer] = sum(a @ b for a, b in zip(changes, grams, strict=True)) @ np.linalg.inv(sum(grams))
    return merged


REFERENCES: dict[str, Callable[..., Dense]] = {
    **dict.fromkeys(("cat", "linear", "mean", "svd"), plain),
    **{one.__name__: one for one in (ties, magnitude_prune, dare_linear, dare_ties, knots, layers, fisher, regmean)},
}
WEIGH_THEMSELVES = {"mean"}  # these take no weights
MEANS = {"fisher", "regmean"}  # of these, weights are shares
SCHEDULE = "0=1,0,-2; 1.output=0.5,0.5,0.5"
VARIANTS: dict[str, list[dict]] = {
    "ties": [{"scope": "layer"}, {"majority": "frequency", "density": 0.6}, {"density": 1.0, "scale": 0.3}],
    "magnitude_prune": [{"scope": "layer", "density": 0.7}, {"density": 0.01}],
    "dare_linear": [{"seed": 3, "density": 0.9}],
    "dare_ties": [{"seed": 1}, {"majority": "frequency"}],
    "layers": [{"schedule": SCHEDULE}],
    "fisher": [{"floor": 0.5}],
    "regmean": [{"alpha": 0.0}, {"alpha": 1.0}],
    "knots": [{"density": 0.5, "majority": "frequency", "scale": 2.0}, {"density": 1.0}],
}
CASES = [(name, settings) for name in merges.names() for settings in ({}, *VARIANTS.get(name, ()))]


def merged(name, members=MEMBERS, weights=None, digests=DIGESTS, rank=FULL, **settings):
    merge, digests = merges.get(name), digests[: len(members)]
    reads = [partial(measured, merge.needs, digest) for digest in digests] if merge.needs else []
    given = ingredients(members, usual(name, len(members)) if weights is None else weights, digests, reads)
    return combine(merge, given, merge.schema(**settings), rank if merge.takes_rank else None)


def expected(name, members=MEMBERS, **settings) -> Dense:
    weights = usual(name, len(members))
    return REFERENCES[name]([dense_of(member) for member in members], weights, DIGESTS[: len(members)], **settings)


def usual(name, members):
    if name in WEIGH_THEMSELVES:
        return [1 / members] * members
    return [abs(weight) if name in MEANS else weight for weight in WEIGHTS[:members]]


def apart(updates, other: Dense) -> float:
    """The largest relative distance of any layer."""
    found = dense_of(updates)
    assert found.keys() == other.keys()
    return max(np.linalg.norm(found[layer] - other[layer]) / (np.linalg.norm(other[layer]) or 1.0) for layer in other)


def scaled(updates, factor) -> Dense:
    return {layer: factor * change for layer, change in dense_of(updates).items()}


weighable = pytest.mark.parametrize("name", [name for name in merges.names() if name not in WEIGH_THEMSELVES])
summed = pytest.mark.parametrize("name", [name for name in merges.names() if name not in MEANS])
every = pytest.mark.parametrize("name", merges.names())


def test_every_merge_of_the_catalog_has_its_formula_here():
    assert set(REFERENCES) == set(merges.names())


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_a_merge_is_its_formula_in_float64_and_after_saving(name, settings, tmp_path):
    found, wanted = merged(name, **settings), expected(name, **settings)
    assert apart(found.updates, wanted) < 1e-8
    assert max(found.truncation.values()) < 1e-12
    write_peft(tmp_path / "merged", found.updates, "base")
    again = read_peft(tmp_path / "merged").updates
    assert max(check_reload(again, found.updates).values()) < 1e-6
    assert apart(again, wanted) < 1e-6


@every
def test_the_merge_of_one_member_is_that_member(name):
    for member in MEMBERS:
        reads = [partial(measured, merges.get(name).needs, DIGESTS[0])]
        assert max(check_identity(merges.get(name), member, reads).values()) < 1e-10
        alone = merged(name, [member], [1.0], **merges.get(name).alone)
        assert apart(alone.updates, dense_of(member)) < 1e-10


@every
@pytest.mark.parametrize("order", [(2, 1, 0), (1, 2, 0)])
def test_the_order_of_members_and_of_layers_does_not_matter(name, order):
    first = merged(name)
    weights = [usual(name, 3)[place] for place in order]
    turned = [dict(reversed(MEMBERS[place].items())) for place in order]
    other = merged(name, turned, weights, [DIGESTS[place] for place in order])
    assert apart(other.updates, dense_of(first.updates)) < 1e-10


@weighable
@pytest.mark.parametrize("factor", [2.0, 0.1, -1.0])
def test_weights_scale_the_result_and_negative_ones_turn_it_round(name, factor):
    weights = [factor * weight for weight in usual(name, 3)]
    if name in MEANS and factor < 0:
        with pytest.raises(UserError, match="weight"):
            merged(name, weights=weights)
        return
    first, other = merged(name), merged(name, weights=weights)
    factor = 1.0 if name in MEANS else factor
    assert apart(other.updates, scaled(first.updates, factor)) < 1e-10


@weighable
def test_a_member_of_weight_0_is_as_good_as_absent(name):
    found = dense_of(merged(name, weights=[1.0, 0.0, 0.7]).updates)
    without = merged(name, [MEMBERS[0], MEMBERS[2]], [1.0, 0.7], [DIGESTS[0], DIGESTS[2]])
    assert apart(without.updates, found) < 1e-10
    only = dense_of(merged(name, weights=[1.0, 0.0, 0.0], **merges.get(name).alone).updates)
    for layer, change in only.items():
        member = dense_of(MEMBERS[0]).get(layer, np.zeros(SHAPES[layer]))
        assert np.linalg.norm(change - member) <= 1e-10 * np.linalg.norm(member)
    if name in MEANS:
        with pytest.raises(UserError, match="weight"):
            merged(name, weights=[0.0, 0.0, 0.0])
    else:
        assert not any(change.any() for change in dense_of(merged(name, weights=[0.0, 0.0, 0.0]).updates).values())


@summed
def test_a_layer_of_one_member_alone_is_that_members(name):
    found = dense_of(merged(name, **merges.get(name).alone).updates)[VALUE]
    weight = 1 / 3 if name in WEIGH_THEMSELVES else WEIGHTS[2]
    np.testing.assert_allclose(found, weight * dense_of(MEMBERS[2])[VALUE], atol=1e-10)


@every
@pytest.mark.parametrize("rank", [1, 2, 5])
def test_a_rank_that_is_asked_for_gives_the_nearest_update_and_says_what_is_lost(name, rank, tmp_path):
    if not merges.get(name).takes_rank:
        with pytest.raises(UserError, match="rank"):
            combine(merges.get(name), ingredients(MEMBERS[:1], [1.0]), merges.get(name).schema(), rank)
        return
    members = [draw_member(number, fade=0.1) for number in range(3)]
    found, wanted = merged(name, members, rank=rank), expected(name, members)
    write_peft(tmp_path / "merged", found.updates, "base")
    saved = dense_of(read_peft(tmp_path / "merged").updates)
    gaps = 0
    for layer, full in wanted.items():
        u, s, vt = np.linalg.svd(full, full_matrices=False)
        lost, size = np.linalg.norm(s[rank:]), np.linalg.norm(s)
        assert found.updates[layer].rank <= rank
        assert found.truncation[layer] == pytest.approx(lost / size, abs=1e-8)
        assert found.norms[layer] == pytest.approx(size, rel=1e-8)
        assert np.linalg.norm(saved[layer] - full) / size == pytest.approx(found.truncation[layer], abs=1e-6)
        if s[rank - 1] > 1.01 * s[rank]:
            gaps += 1
            best = (u[:, :rank] * s[:rank]) @ vt[:rank]
            assert np.linalg.norm(dense_of(found.updates)[layer] - best) / size < 1e-8
    assert gaps


@pytest.fixture(scope="module")
def model(base):
    torch.manual_seed(0)
    return XLMRobertaForSequenceClassification.from_pretrained(base, num_labels=3).eval()


@every
@torch.inference_mode()
def test_the_saved_merge_through_peft_computes_what_the_formula_added_to_the_base_does(name, model, tmp_path):
    members = [{layer: Update(0.02 * one.left, one.right) for layer, one in member.items()} for member in MEMBERS]
    write_peft(tmp_path / "merged", merged(name, members).updates, "base")
    through_peft, by_hand = deepcopy(model), deepcopy(model)
    through_peft.roberta = peft.PeftModel.from_pretrained(through_peft.roberta, tmp_path / "merged")
    for layer, change in expected(name, members).items():
        by_hand.roberta.get_submodule(layer).weight += torch.from_numpy(change).float()
    found, wanted, before = (
        one.eval()(TOKENS, attention_mask=MASK, output_hidden_states=True) for one in (through_peft, by_hand, model)
    )
    torch.testing.assert_close(found.logits, wanted.logits, rtol=0, atol=2e-5)
    torch.testing.assert_close(found.hidden_states[-1], wanted.hidden_states[-1], rtol=0, atol=2e-5)
    assert (wanted.hidden_states[-1] - before.hidden_states[-1]).abs().max() > 1e-2
