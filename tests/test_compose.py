"""Merging saved updates: against dense sums in float64, and against peft itself."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import peft
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, XLMRobertaForSequenceClassification, XLMRobertaModel

from adapterstilts.compose.checks import check_identity, check_reload, check_sum
from adapterstilts.compose.combine import combine, ingredients
from adapterstilts.compose.merges import merges
from adapterstilts.compose.peft_folder import read_peft, target_pattern, write_peft
from adapterstilts.compose.updates import Update, compress, concatenate, distance
from adapterstilts.errors import UserError

TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
QUERY, OUTPUT = "encoder.layer.0.attention.self.query", "encoder.layer.1.output.dense"
ALL = r".*encoder\.layer\.\d+\.(attention\.self\.(query|key|value)|(attention\.output|intermediate|output)\.dense)"
SOME = r".*encoder\.layer\.\d+\.(attention\.self\.query|intermediate\.dense|output\.dense)"
# The settings of every member; peft itself trains none of them, its tensors are drawn at random.
MEMBERS = {
    "plain": {"r": 4, "lora_alpha": 8, "target_modules": ["query", "value"]},
    "rslora": {"r": 3, "lora_alpha": 7, "use_rslora": True, "target_modules": ALL},
    "patterns": {  # "ense" matches nothing: patterns end a name from a dot on
        "r": 2,
        "lora_alpha": 6,
        "target_modules": SOME,
        "rank_pattern": {"layer.0.attention.self.query": 5, r"encoder\.layer\.\d\..*query": 3, "ense": 7},
        "alpha_pattern": {"output.dense": 11, r"^encoder\.layer\.1\..*query": 9},
    },
    "in a class": {
        "r": 2,
        "lora_alpha": 3,
        "target_modules": SOME,
        "rank_pattern": {r"^roberta\.encoder\.layer\.0\..*": 6, r"^encoder\.layer\.1\..*": 5},
    },
    "bf16": {"r": 2, "lora_alpha": 4, "target_modules": ["value"]},
}
Dense = dict[str, np.ndarray]


def bare(base):
    return AutoModel.from_pretrained(base, add_pooling_layer=False)


def save_member(base, folder, name) -> Dense:
    """Let peft write a member with random tensors; return its dW by peft's own scales."""
    model = XLMRobertaForSequenceClassification.from_pretrained(base) if name == "in a class" else bare(base)
    model = peft.get_peft_model(model, peft.LoraConfig(**MEMBERS[name]))
    torch.manual_seed(len(name))
    dense = {}
    for full, module in model.named_modules():
        if isinstance(module, peft.tuners.lora.Linear):
            a, b = module.lora_A["default"], module.lora_B["default"]
            for part in (a, b):
                torch.nn.init.normal_(part.weight)
                if name == "bf16":
                    part.to(torch.bfloat16)
            scale = module.scaling["default"]
            dense[full[full.index("encoder.") :]] = scale * (b.weight.double() @ a.weight.double()).detach().numpy()
    model.save_pretrained(folder)
    return dense


@pytest.fixture(scope="module")
def saved(base, tmp_path_factory) -> dict[str, tuple[Path, Dense]]:
    root = tmp_path_factory.mktemp("members")
    return {name: (root / name, save_member(base, root / name, name)) for name in MEMBERS}


@pytest.fixture(scope="module")
def members(saved):
    return [read_peft(folder).updates for folder, _ in saved.values()]


@pytest.fixture(scope="module")
def dense(saved):
    return [dense for _, dense in saved.values()]


def dense_sum(dense, weights) -> Dense:
    total: Dense = {}
    for member, weight in zip(dense, weights, strict=True):
        for layer, update in member.items():
            total[layer] = total.get(layer, 0.0) + weight * update
    return total


def error(updates, expected: Dense) -> float:
    """The largest relative error of any layer, formed densely."""
    assert updates.keys() == expected.keys()
    norms = {layer: np.linalg.norm(dw) or 1.0 for layer, dw in expected.items()}
    return max(np.linalg.norm(u.left @ u.right - expected[layer]) / norms[layer] for layer, u in updates.items())


def merged_by(name, members, weights, rank=None):
    merge = merges.get(name)
    return combine(merge, ingredients(members, weights), merge.schema(), rank)


def random_update(rank=3, shape=(7, 5), seed=0) -> Update:
    draw = np.random.default_rng(seed)
    return Update(draw.normal(size=(shape[0], rank)), draw.normal(size=(rank, shape[1])))


# --- the algebra


def test_compressing_keeps_real_singular_values_however_small_and_nothing_else():
    left, right = (np.linalg.qr(np.random.default_rng(seed).normal(size=(9, 3)))[0] for seed in (0, 1))
    small = Update(left * [1.0, 1e-6, 1e-12], right.T)
    twice = concatenate([{QUERY: small}, {QUERY: small}], [0.5, 0.5])[QUERY]
    compressed = compress(twice)
    assert (twice.rank, compressed.update.rank) == (6, 3)
    np.testing.assert_allclose(compressed.singular, [1.0, 1e-6, 1e-12, 0, 0, 0], rtol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(compressed.update.left, axis=0), [1.0, 1e-3, 1e-6], rtol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(compressed.update.right, axis=1), [1.0, 1e-3, 1e-6], rtol=1e-3)


def test_what_is_or_sums_up_to_zero_has_rank_0_and_no_error():
    update = random_update()
    nothing = concatenate([{QUERY: update}, {QUERY: update}], [0.3, -0.3])[QUERY]
    for zero in (nothing, Update(0 * update.left, update.right), Update(np.zeros((7, 0)), np.zeros((0, 5)))):
        compressed = compress(zero)
        assert (compressed.update.rank, compressed.truncation) == (0, 0.0)
        assert compressed.update.shape == (7, 5)
        assert distance(compressed.update, zero).relative == 0.0
    assert distance(update, nothing).relative == math.inf


@pytest.mark.parametrize("rank", [1, 2, 4, 5, 9])
def test_truncation_errors_are_those_of_the_dense_svd(rank):
    update = random_update(rank=8)  # more pairs than the matrix has columns
    full = update.left @ update.right
    u, s, vt = np.linalg.svd(full, full_matrices=False)
    compressed = compress(update, rank)
    assert compressed.update.rank == min(rank, 5)
    np.testing.assert_allclose(compressed.singular, s, rtol=1e-12)
    np.testing.assert_allclose(compressed.update.left @ compressed.update.right, (u * s)[:, :rank] @ vt[:rank])
    lost = math.sqrt((s[rank:] ** 2).sum()) / np.linalg.norm(full)
    assert compressed.truncation == pytest.approx(lost, abs=1e-14)
    assert distance(compressed.update, update).relative == pytest.approx(lost, abs=1e-14)


def test_distances_are_the_dense_ones_down_to_fifteen_digits():
    first, second = random_update(), random_update(rank=4, seed=1)
    found = distance(first, second)
    matrices = [update.left @ update.right for update in (first, second)]
    expected = [np.linalg.norm(matrix) for matrix in (matrices[0] - matrices[1], *matrices)]
    np.testing.assert_allclose([found.difference, found.first, found.second], expected, rtol=1e-13)
    nearly = Update(first.left * (1 + 1e-12), first.right)
    assert distance(nearly, first).relative == pytest.approx(1e-12, rel=1e-2)


def test_the_full_matrix_is_never_formed():
    huge = random_update(rank=2, shape=(150_000, 150_000))  # 180 GB in full
    assert compress(huge, 1).update.rank == 1
    assert distance(huge, Update(2 * huge.left, huge.right)).relative == pytest.approx(0.5)


def test_numbers_too_large_to_add_up_are_refused():
    update = random_update()
    with pytest.raises(UserError, match="too large"):
        compress(Update(1e300 * update.left, update.right))
    with pytest.raises(UserError, match="rank 0"):
        compress(update, 0)


# --- reading and merging


@pytest.mark.parametrize("name", MEMBERS)
def test_a_folder_is_read_as_the_update_that_peft_computes(name, saved, base):
    folder, expected = saved[name]
    adapter = read_peft(folder)
    assert error(adapter.updates, expected) < 1e-14
    assert adapter.base_name == str(base)
    assert adapter.settings.rslora == (name == "rslora")
    assert adapter.rank == {"plain": 4, "rslora": 3, "patterns": 5, "in a class": 6, "bf16": 2}[name]
    assert (adapter.settings.r, adapter.settings.alpha) == (MEMBERS[name]["r"], MEMBERS[name]["lora_alpha"])


@pytest.mark.parametrize("weights", [(0.5, 0.3, 0.2, 0.1, 1), (1, -1, 0.7, 2, -3), (0, 1, 0, 0, 0), (0, 0, 0, 0, 0)])
@pytest.mark.parametrize("name", ["linear", "cat"])
def test_an_exact_merge_is_the_dense_weighted_sum_before_and_after_saving(name, weights, members, dense, tmp_path):
    expected = dense_sum(dense, weights)
    merged = merged_by(name, members, weights)
    assert error(merged.updates, expected) < 1e-10
    write_peft(tmp_path / "merged", merged.updates, "base")
    again = read_peft(tmp_path / "merged").updates
    assert error(again, expected) < 1e-6
    assert max(check_sum(again, members, weights, merged.truncation).values()) < 1e-6
    assert set(merged.truncation.values()) == {0.0}


def test_the_mean_weighs_all_members_equally_and_takes_no_other_weights(members, dense):
    equal = [1 / 5] * 5
    assert error(merged_by("mean", members, equal).updates, dense_sum(dense, equal)) < 1e-10
    with pytest.raises(UserError, match="1/5"):
        merged_by("mean", members, [0.2, 0.2, 0.2, 0.2, 0.3])


@pytest.mark.parametrize("rank", [None, 1, 4, 200])
def test_svd_is_the_best_approximation_and_states_its_error(rank, members, dense, tmp_path):
    weights = (1, -0.5, 0.7, 0.2, 0.1)
    merged = merged_by("svd", members, weights, rank)
    for layer, full in dense_sum(dense, weights).items():
        u, s, vt = np.linalg.svd(full, full_matrices=False)
        kept = 6 if rank is None else rank
        best = (u * s)[:, :kept] @ vt[:kept]
        found = merged.updates[layer]
        assert found.rank <= kept
        assert np.linalg.norm(found.left @ found.right - best) / np.linalg.norm(full) < 1e-10
        lost = math.sqrt((s[kept:] ** 2).sum()) / np.linalg.norm(full)
        assert merged.truncation[layer] == pytest.approx(lost, abs=1e-10)
    write_peft(tmp_path / "merged", merged.updates, "base")
    figures = check_sum(read_peft(tmp_path / "merged").updates, members, weights, merged.truncation)
    assert figures == pytest.approx(merged.truncation, abs=1e-6)


@pytest.mark.parametrize("name", ["linear", "cat", "svd"])
def test_the_order_of_members_does_not_matter_and_weights_scale(name, members):
    weights = [1, -0.5, 0.7, 0.2, 0.1]
    forth = merged_by(name, members, weights).updates
    back = merged_by(name, members[::-1], weights[::-1]).updates
    double = merged_by(name, members, [2 * weight for weight in weights]).updates
    for layer, update in forth.items():
        assert distance(back[layer], update).relative < 1e-10
        assert distance(double[layer], Update(2 * update.left, update.right)).relative < 1e-10


def test_ranks_are_what_each_merge_says(members):
    weights = (1, 1, 1, 0, 1)
    assert merged_by("cat", members, weights).updates[QUERY].rank == 4 + 3 + 5
    same = [members[0], members[0], members[1]]
    assert merged_by("linear", same, (1, 1, 1)).updates[QUERY].rank == 4 + 3
    assert merged_by("cat", same, (1, 1, 1)).updates[QUERY].rank == 4 + 4 + 3
    assert merged_by("svd", same, (1, 1, 1)).updates[QUERY].rank == 4
    assert merged_by("svd", same, (1, 1, 1), 9).updates[QUERY].rank == 4 + 3


@pytest.mark.parametrize("name", [name for name in merges.names() if not merges.get(name).needs])
def test_the_merge_of_one_member_is_the_member(name, members):
    for member in members:
        assert max(check_identity(merges.get(name), member).values()) < 1e-10


@pytest.mark.parametrize("name", [name for name in merges.names() if not merges.get(name).needs])
def test_what_makes_no_sum_is_refused_by_every_merge(name, members):
    merge = merges.get(name)
    assert not (merge.exact and merge.takes_rank)
    for weight in (math.nan, math.inf, -math.inf):
        with pytest.raises(UserError, match="weight"):
            merged_by(name, members[:1], [weight])
    with pytest.raises(UserError, match="members"):
        merged_by(name, [], [])
    other = {QUERY: random_update(shape=(64, 128))}
    with pytest.raises(UserError, match=f"(?s){QUERY}.*64 x 64.*64 x 128"):
        merged_by(name, [members[0], other], [0.5, 0.5])
    with pytest.raises(UserError, match="rank"):
        merged_by(name, members[:1], [1.0], 0 if merge.takes_rank else 4)


# --- checks


def test_the_checks_refuse_what_is_not_the_sum(members, tmp_path):
    weights = [0.5, 0.5, 1.0]
    merged = merged_by("svd", members[:3], weights, 3)
    write_peft(tmp_path / "merged", merged.updates, "base")
    again = read_peft(tmp_path / "merged").updates
    assert max(check_reload(again, merged.updates).values()) < 1e-6

    def spoilt(factor):
        return {**again, QUERY: Update(factor * again[QUERY].left, again[QUERY].right)}

    for wrong in (spoilt(1.01), spoilt(0.0), {**again, "encoder.layer.0.x": again[QUERY]}, {QUERY: again[QUERY]}):
        with pytest.raises(UserError, match="layer"):
            check_sum(wrong, members[:3], weights, merged.truncation)
    with pytest.raises(UserError, match="stated: 0"):
        check_sum(again, members[:3], weights, {})
    with pytest.raises(UserError, match="stated: 1"):  # nearer than stated is wrong as well
        check_sum(again, members[:3], weights, dict.fromkeys(again, 1.0))
    longer = concatenate([again, {QUERY: random_update(1, (64, 64))}], [1, 1e-9])
    for wrong in (spoilt(1 + 1e-7), longer):
        with pytest.raises(UserError, match="does not hold"):
            check_reload(wrong, merged.updates)
    cut = replace(merges.get("linear"), combine=lambda g, _: ((one.name, 0.9 * one.dense(0)) for one in g.layers()))
    with pytest.raises(UserError, match="merge of one member"):
        check_identity(cut, members[0])


def test_factors_that_cancel_out_are_kept_by_linear_and_refused_after_cat(tmp_path):
    one = {QUERY: random_update(shape=(64, 64))}
    near = {QUERY: Update(one[QUERY].left * (1 + 1e-4), one[QUERY].right + 1e-4)}
    for name in ("linear", "cat"):
        write_peft(tmp_path / name, merged_by(name, [one, near], [1, -1]).updates, "base")
    assert check_sum(read_peft(tmp_path / "linear").updates, [one, near], [1, -1], {})[QUERY] < 1e-6
    with pytest.raises(UserError, match="linear, not cat"):
        check_sum(read_peft(tmp_path / "cat").updates, [one, near], [1, -1], {})


# --- writing


def test_what_is_written_is_read_back_bit_for_bit(members, tmp_path):
    updates = {QUERY: random_update(3, (64, 64)), OUTPUT: random_update(5, (64, 256))}
    write_peft(tmp_path / "one", updates, "some/base")
    first = read_peft(tmp_path / "one")
    assert (first.rank, first.base_name, first.settings.alpha) == (5, "some/base", 5.0)
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert np.array_equal(first.updates[QUERY].left[:, :3], updates[QUERY].left.astype(np.float32))
    assert not first.updates[QUERY].left[:, 3:].any()
    write_peft(tmp_path / "two", first.updates, first.base_name)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_what_cannot_be_written_is_refused(tmp_path):
    good = random_update()
    for updates, what in (
        ({}, "no update"),
        ({QUERY: Update(1e39 * good.left, good.right)}, "fp32"),
        ({"encoder.layer.0.attention.self.query/../x": good}, "no encoder"),
        ({f"roberta.{QUERY}": good}, "no encoder"),
    ):
        with pytest.raises(UserError, match=what):
            write_peft(tmp_path / "merged", updates, "base")
    assert not (tmp_path / "merged").exists()


def test_the_pattern_matches_exactly_the_modules_present(base, members):
    for whole, prefix in ((bare(base), ""), (XLMRobertaForSequenceClassification.from_pretrained(base), "roberta.")):
        names = [name for name, _ in whole.named_modules()]
        for updates in (*members, {QUERY: random_update(), OUTPUT: random_update()}):
            found = {name for name in names if re.fullmatch(target_pattern(updates), name)}
            assert found == {prefix + name for name in updates}
    assert not re.fullmatch(target_pattern([QUERY]), QUERY.replace("layer.0", "layer.10"))


@torch.inference_mode()
def add_densely(model: torch.nn.Module, updates: Dense) -> None:
    weights = dict(model.named_parameters())
    for layer, update in updates.items():
        weights[f"{layer}.weight"] += torch.from_numpy(update).float()


@pytest.fixture(scope="module")
def merged_folder(members, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("merged") / "adapter"
    write_peft(folder, merged_by("linear", members, [0.02] * 5).updates, "base")
    return folder


@torch.inference_mode()
def test_peft_loads_a_merged_folder_on_the_bare_encoder_and_adds_dw(merged_folder, base, dense):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # peft only warns of tensors that it has not found
        model = peft.PeftModel.from_pretrained(
            XLMRobertaModel.from_pretrained(base, add_pooling_layer=False), merged_folder
        )
    report = model.load_adapter(merged_folder, "again")
    assert not report.unexpected_keys
    assert not [key for key in report.missing_keys if "lora_" in key]
    inside = {key.replace(".default", "") for key in model.state_dict() if "lora_" in key and ".default." in key}
    assert inside == set(load_file(merged_folder / "adapter_model.safetensors"))
    expected, plain = bare(base).eval(), bare(base).eval()
    add_densely(expected, dense_sum(dense, [0.02] * 5))
    found, wanted, before = (
        encoder.eval()(TOKENS, attention_mask=MASK).last_hidden_state for encoder in (model, expected, plain)
    )
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert (wanted - before).abs().max() > 0.1


@torch.inference_mode()
def test_peft_loads_a_merged_folder_inside_a_task_class(merged_folder, base, dense):
    model, expected = (XLMRobertaForSequenceClassification.from_pretrained(base).eval() for _ in range(2))
    expected.load_state_dict(model.state_dict())  # the head is drawn anew each time
    before = model(TOKENS, attention_mask=MASK).logits
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.roberta = peft.PeftModel.from_pretrained(model.roberta, merged_folder)
    add_densely(expected.roberta, dense_sum(dense, [0.02] * 5))
    found, wanted = (one.eval()(TOKENS, attention_mask=MASK).logits for one in (model, expected))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert (wanted - before).abs().max() > 1e-3
