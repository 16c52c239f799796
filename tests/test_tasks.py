"""Every task file, found by itself: complete, consistent, and readable from rows of its own shape."""

from __future__ import annotations

import pytest

from adapterstilts.errors import UserError
from adapterstilts.formats import formats
from adapterstilts.metrics import metrics
from adapterstilts.tasks import require, tasks

COVERAGE = {  # languages of XTREME (evaluate.py), which its averages are over
    "xnli": "ar bg de el en es fr hi ru sw th tr ur vi zh",
    "pawsx": "de en es fr ja ko zh",
    "udpos": "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh",
}


@pytest.mark.parametrize("name", tasks.names())
def test_a_task_is_complete(name):
    task = tasks.get(name)
    format, metric = formats.get(task.format), metrics.get(task.metric)
    assert task.name == name
    assert set(task.columns) - {"id"} <= set(format.fields)
    assert format.label_field in task.columns
    assert len(set(task.labels)) == len(task.labels) > 1
    assert "en" in task.languages
    assert {"train", "dev"} <= set(task.splits)
    assert set(task.rows) <= set(task.languages)
    assert task.repo.count("/") == 1
    assert task.licence
    assert task.source
    gold = [task.labels[0], task.labels[1]]
    gold = [gold, gold] if task.format == "tagging" else gold
    swapped = [row[::-1] for row in gold] if task.format == "tagging" else gold[::-1]
    assert metric.score(gold, gold)[metric.main] == 100
    assert metric.score(gold, swapped)[metric.main] < 100


@pytest.mark.parametrize("name", COVERAGE)
def test_the_languages_are_those_of_xtreme(name):
    assert sorted(tasks.get(name).languages) == COVERAGE[name].split()


def test_a_role_that_a_task_cannot_play_is_refused():
    assert require("snli", "intermediate").name == "snli"
    with pytest.raises(UserError, match="cannot be an intermediate task"):
        require("xnli", "intermediate")


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'udpos'"):
        tasks.get("udpo")
