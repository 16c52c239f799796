"""Order, passes and mixing: what a step takes, and that splitting it is only about speed."""

from __future__ import annotations

import numpy as np
import pytest

from adapterstilts.config.schema import TrainSettings
from adapterstilts.data.batches import by_length, passes, step_indices, steps_per_epoch
from adapterstilts.data.mixing import proportional


def test_an_epoch_takes_every_row_once_in_an_order_of_its_own():
    per_epoch = steps_per_epoch(10, 4)
    first = np.concatenate([step_indices(10, 4, step, seed=1) for step in range(per_epoch)])
    second = np.concatenate([step_indices(10, 4, step, seed=1) for step in range(per_epoch, 2 * per_epoch)])
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second)
    assert list(first) != list(np.concatenate([step_indices(10, 4, step, seed=2) for step in range(per_epoch)]))


def lengths_of(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(3, 200, count).astype(np.int32)


@pytest.mark.parametrize("count", [1, 2, 7, 32, 100])
def test_passes_take_every_example_once_within_the_bound(count):
    lengths = lengths_of(count)
    split = passes(lengths, most_tokens=1000, overhead=64)
    assert sorted(np.concatenate(split)) == list(range(count))
    assert all(len(part) * lengths[part].max() <= 1000 for part in split)


def test_an_example_over_the_bound_goes_alone():
    split = passes(np.array([5, 500, 5], np.int32), most_tokens=100, overhead=1)
    assert sorted(map(len, split)) == [1, 2]


def cost(lengths: np.ndarray, split: list, overhead: int) -> int:
    return sum(len(part) * int(lengths[part].max()) + overhead for part in split)


def test_passes_cost_no_more_than_any_split_into_neighbours():
    lengths = lengths_of(9)
    order = np.argsort(lengths)
    best = min(
        cost(lengths, np.split(order, [i + 1 for i in range(8) if bits >> i & 1]), overhead=40) for bits in range(2**8)
    )
    assert cost(lengths, passes(lengths, most_tokens=10**6, overhead=40), overhead=40) == best


def test_passes_pad_less_than_one_pass_or_groups_in_random_order():
    lengths = lengths_of(32)
    padded = cost(lengths, passes(lengths, most_tokens=8192, overhead=64), overhead=0)
    assert padded < 1.15 * lengths.sum()
    assert padded < 0.8 * 32 * lengths.max()


def test_evaluation_takes_every_example_once_longest_first():
    lengths = lengths_of(50)
    split = list(by_length(lengths, 1000))
    assert sorted(np.concatenate(split)) == list(range(50))
    assert lengths[split[0]].max() == lengths.max()
    assert all(len(part) * lengths[part].max() <= 1000 for part in split)


def test_a_large_task_counts_up_to_the_cap():
    sizes = {"large": 1_000_000, "small": 100}
    mixture = proportional(sizes, {name: name for name in sizes}, TrainSettings(examples_cap=300), seed=0)
    assert mixture.weights == (0.75, 0.25)
    drawn = [mixture.task_at(step) for step in range(2000)]
    assert 0.72 < drawn.count("large") / 2000 < 0.78
    assert drawn == [mixture.task_at(step) for step in range(2000)]
