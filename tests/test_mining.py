"""Bitext mining: candidates, thresholds and scores as XTREME has them; neighbours as one dense product has them."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch

from adapterstilts.data.labels import LabelReader
from adapterstilts.data.rows import Rows
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.evaluation import mining
from adapterstilts.evaluation.mining import candidates, choose_threshold, extract, mine, read_pool
from adapterstilts.evaluation.neighbours import both_ways, nearest, to_unit
from adapterstilts.interrupt import StopRequest
from adapterstilts.metrics import metrics
from adapterstilts.metrics.mining_f1 import best_threshold
from adapterstilts.tasks import tasks

BUCC = tasks.get("bucc")
SCORES = ("f1", "precision", "recall")


def unit(generator: np.random.Generator, count: int, hidden: int = 12) -> np.ndarray:
    return to_unit(generator.normal(size=(count, hidden)).astype(np.float32))


def rows_of(columns: dict[str, list], split: str = "test") -> Rows:
    return Rows(BUCC, "de", split, datasets.Dataset.from_dict(columns), LabelReader({}), "mirror:0", None)


def pool_columns(source: dict[str, str], target: dict[str, str], gold: list[tuple[str, str]]) -> dict[str, list]:
    partners = {name: [other for one, other in gold if one == name] for name in source}
    return {
        "id": [*source, *target],
        "text": [*source.values(), *target.values()],
        "side": ["source"] * len(source) + ["target"] * len(target),
        "partners": [*partners.values(), *([] for _ in target)],
    }


def golden_pool(sides: dict[str, list[dict]], gold: list[list[str]]):
    texts = [{one["id"]: one["text"] for one in sides[side]} for side in ("source", "target")]
    pool = read_pool(rows_of(pool_columns(*texts, [tuple(pair) for pair in gold])))
    known = {one["id"]: one["embedding"] for side in sides.values() for one in side}
    vectors = [to_unit(np.array([known[name] for name in side.ids], np.float32)) for side in (pool.source, pool.target)]
    return pool, candidates(pool, *vectors)


def scores_of(found) -> dict[str, float]:
    return metrics.get("mining_f1").score(found.gold, [one.value for one in found.predictions])


def golden(real_data) -> dict:
    return json.loads((real_data / "golden/bucc_mining.json").read_text(encoding="utf-8"))


@pytest.mark.real
def test_candidates_threshold_and_scores_are_xtremes(real_data):
    official, checked = golden(real_data), 0
    assert len(official["cases"]) == 8
    for case in official["cases"]:
        pools = {split: golden_pool(case["predictions"][split], gold) for split, gold in case["references"].items()}
        for split, expected in case["expected"].items():
            split = split.split("_")[0]
            if split not in pools or "candidates" not in expected:
                continue
            found = pools[split][1]
            assert [one[:2] for one in found] == [tuple(pair[:2]) for pair in expected["candidates"]], case["name"]
            theirs = [pair[2] for pair in expected["candidates"]]
            assert [one.score for one in found] == pytest.approx(theirs, abs=official["tolerance"]), case["name"]
        if case.get("port_may_differ"):
            continue
        pool, found = pools["dev"]
        threshold = choose_threshold(found, pool)
        expected = case["expected"]["dev"]
        assert threshold == pytest.approx(expected["threshold"], abs=official["tolerance"]), case["name"]
        for name, split in (("dev", "dev"), ("test_with_dev_threshold", "test")):
            if name in case["expected"]:
                ours = scores_of(extract(pools[split][1], pools[split][0], threshold))
                for score in SCORES:
                    assert ours[score] == pytest.approx(case["expected"][name][score], abs=1e-9), (case["name"], score)
                    checked += 1
    assert checked == 39


@pytest.mark.real
def test_the_best_f1_at_the_last_candidate_is_kept_where_the_official_search_stops(real_data):
    [case] = [one for one in golden(real_data)["cases"] if one.get("port_may_differ")]
    assert case["expected"]["dev"]["official_raises"] == "IndexError"
    pool, found = golden_pool(case["predictions"]["dev"], case["references"]["dev"])
    threshold = choose_threshold(found, pool)
    assert threshold == found[-1].score
    assert scores_of(extract(found, pool, threshold))["f1"] == 100.0


def test_the_threshold_lies_between_the_last_pair_mined_and_the_next():
    assert best_threshold([3.0, 2.0, 1.0], [True, False, False], 1) == 2.5
    assert best_threshold([3.0, 2.0, 1.0], [True, True, False], 2) == 1.5
    assert best_threshold([3.0, 2.0, 1.0], [False, False, True], 1) == 1.0  # the last one: nothing is read past it
    assert best_threshold([3.0, 2.5, 2.0, 1.0], [True, False, False, True], 2) == 2.75  # of equal F1s (2/3) the first
    assert best_threshold([3.0, 2.0], [False, False], 5) == 0.0
    assert best_threshold([], [], 5) == 0.0
    assert best_threshold([3.0], [False], 0) == 0.0


def test_pairs_are_counted_not_sentences():
    score = metrics.get("mining_f1").score
    assert score([["a", "b"], []], [["a"], ["c"]]) == {"f1": 50.0, "precision": 50.0, "recall": 50.0}
    assert score([["a"], ["b"]], [[], []]) == {"f1": 0.0, "precision": 0.0, "recall": 0.0}
    assert score([[], []], [["a"], []]) == {"f1": 0.0, "precision": 0.0, "recall": 0.0}


def dense(left: np.ndarray, right: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    cosines = left @ right.T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(cosines, order, 1)


@pytest.mark.parametrize("block", [1, 3, 64, 65, 128, 1000])
@pytest.mark.parametrize(("one", "other", "count"), [(130, 257, 4), (257, 130, 1), (3, 200, 4), (1, 1, 4), (90, 2, 7)])
def test_neighbours_both_ways_are_those_of_one_dense_product(block, one, other, count):
    generator = np.random.default_rng(one)
    left, right = unit(generator, one), unit(generator, other)
    for found, (rows, cosines) in zip(
        both_ways(left, right, count, block=block),
        (dense(left, right, min(count, other)), dense(right, left, min(count, one))),
        strict=True,
    ):
        assert found.rows.tolist() == rows.tolist()
        np.testing.assert_allclose(found.cosines, cosines, rtol=0, atol=1e-6)


@pytest.mark.parametrize("block", [5, 64, 192, 500])
def test_of_equal_neighbours_the_first_rows_win_whatever_the_block(block):
    """Whole numbers: every product is exact, so hundreds of cosines are equal to the last bit."""
    generator = np.random.default_rng(1)
    left, right = (generator.integers(-1, 2, size=(size, 3)).astype(np.float32) for size in (150, 400))
    forward, backward = both_ways(left, right, 4, block=block)
    assert forward.rows.tolist() == dense(left, right, 4)[0].tolist()
    assert backward.rows.tolist() == dense(right, left, 4)[0].tolist()


def test_the_search_holds_blocks_and_not_all_pairs():
    """By the system's own count of the process, as tensors are not Python's memory."""
    vectors = unit(np.random.default_rng(0), 24_000, 16)
    both_ways(vectors[:3000], vectors[:3000], 4, block=1024)
    begun = peak_bytes(reset=True)
    both_ways(vectors, vectors, 4, block=1024)
    assert peak_bytes() - begun < 100e6 < 24_000 * 24_000 * 4


def peak_bytes(reset: bool = False) -> int:
    """The largest resident size since the last reset (Linux)."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except OSError:
        pytest.skip("only Linux tells a process its peak (VmHWM)")


def test_a_search_stops_between_blocks_when_asked():
    stop, vectors = StopRequest(), unit(np.random.default_rng(0), 20)
    stop.signal_name = "SIGTERM"
    with pytest.raises(Interrupted):
        both_ways(vectors, vectors, 2, stop=stop)


def test_vectors_are_brought_to_length_one_and_lost_ones_are_told():
    vectors = np.array([[3, 4], [0, 0]], np.float32)
    assert to_unit(vectors) is vectors
    assert vectors.tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0]]
    with pytest.raises(UserError, match="no finite length"):
        to_unit(np.array([[1, np.nan]], np.float32))
    queries = np.array([[5, 0.1]], np.float32)
    nearest(queries, queries)
    assert queries.tolist() == [[5, np.float32(0.1)]]  # the caller's own stay as they are


def brute_force(left: np.ndarray, right: np.ndarray, count: int) -> list[tuple[int, int, float]]:
    """Ratio margin over every pair, and the best first, from the definition."""
    cosines = left.astype(np.float64) @ right.T.astype(np.float64)
    near = [np.sort(matrix, axis=1)[:, ::-1][:, :count].mean(1) for matrix in (cosines, cosines.T)]
    margins = cosines / ((near[0][:, None] + near[1][None, :]) / 2)
    proposed = []
    for one in range(len(left)):
        among = np.argsort(-cosines[one])[:count]
        proposed.append((margins[one, among].max(), one, int(among[margins[one, among].argmax()])))
    for other in range(len(right)):
        among = np.argsort(-cosines[:, other])[:count]
        proposed.append((margins[among, other].max(), int(among[margins[among, other].argmax()]), other))
    taken, ones, others = [], set(), set()
    for margin, one, other in sorted(proposed, key=lambda each: -each[0]):
        if one not in ones and other not in others:
            ones.add(one)
            others.add(other)
            taken.append((one, other, float(margin)))
    return [each for each in taken if each[2] > 0]


@pytest.mark.parametrize(("one", "other", "count"), [(40, 55, 4), (55, 40, 2), (3, 9, 4), (1, 1, 4), (8, 1, 3)])
def test_mined_pairs_are_those_of_the_definition(one, other, count):
    generator = np.random.default_rng(one * other)
    left, right = (to_unit(np.abs(generator.normal(size=(size, 6))).astype(np.float32)) for size in (one, other))
    pairs, scores = mine(left, right, count)
    expected = brute_force(left, right, count)
    assert [tuple(pair) for pair in pairs.tolist()] == [each[:2] for each in expected]
    assert scores == pytest.approx([each[2] for each in expected], abs=1e-5)


def test_a_margin_below_zero_is_no_candidate():
    """The second vectors are left over, and farther from each other than a right angle."""
    left = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    right = to_unit(np.array([[0.8, 0.3, 0.52], [-0.5, -0.1, 0.86]], np.float32))
    pairs, scores = mine(left, right, 1)
    assert pairs.tolist() == [[0, 0]]
    assert scores == pytest.approx([1.0], abs=1e-6)


def test_a_text_under_several_ids_is_mined_once_and_then_dropped():
    """As in XTREME; blanks around a text do not make it another one."""
    pool = read_pool(
        rows_of(
            pool_columns(
                {"de-1": "eins", "de-2": "zwei", "de-3": " zwei\n"},
                {"en-1": "one", "en-2": "two"},
                [("de-1", "en-1"), ("de-2", "en-2"), ("de-3", "en-2")],
            )
        )
    )
    assert pool.source.ids == ["de-1", "de-2"]
    assert pool.source.single.tolist() == [True, False]
    vectors = np.eye(2, dtype=np.float32) + np.float32(0.1)
    found = candidates(pool, to_unit(vectors.copy()), to_unit(vectors.copy()))
    assert [one[:2] for one in found] == [("de-1", "en-1")]
    mined = extract(found, pool, choose_threshold(found, pool))
    assert mined.ids == ["de-1", "de-2", "de-3"]
    assert [one.value for one in mined.predictions] == [["en-1"], [], []]
    assert scores_of(mined) == pytest.approx({"f1": 50.0, "precision": 100.0, "recall": 100 / 3})


def test_a_pool_that_cannot_be_scored_is_refused():
    source, target = {"de-1": "eins"}, {"en-1": "one"}
    with pytest.raises(UserError, match=r"no two sentences of the pool belong together(.|\n)*bucc2018/bucc de-en test"):
        read_pool(rows_of(pool_columns(source, target, [])))
    with pytest.raises(UserError, match=r"one side of the pool has no sentence(.|\n)*of target: 0"):
        read_pool(rows_of(pool_columns(source, {}, [("de-1", "en-1")])))
    with pytest.raises(UserError, match="1 sentences have the id of another"):
        read_pool(rows_of(pool_columns(source, {"de-1": "one"}, [("de-1", "de-1")])))


def test_a_sweep_reads_as_many_layers_at_a_time_as_may_be_held(monkeypatch):
    pool = read_pool(rows_of(pool_columns({"a": "x", "b": "y"}, {"c": "z", "d": "w"}, [("a", "c"), ("b", "d")])))
    asked = []

    def embed(rows, layers):
        asked.append(list(layers))
        return {layer: np.eye(2, dtype=np.float32) + np.float32(0.1 * (1 + layer)) for layer in layers}

    encoder = mining.Encoder(embed, 2, torch.device("cpu"))
    whole = list(mining.mine_layers(pool, pool, [0, 1, 2], encoder, StopRequest()))
    assert asked == [[0, 1, 2]] * 2
    asked.clear()
    monkeypatch.setattr(mining, "_HELD", 2 * 4 * 2 * 4)  # two layers of four sentences, two numbers each
    assert list(mining.mine_layers(pool, pool, [0, 1, 2], encoder, StopRequest())) == whole
    assert asked == [[0, 1], [0, 1], [2], [2]]
    assert [one.threshold for one in whole] == sorted({one.threshold for one in whole}, reverse=True)
