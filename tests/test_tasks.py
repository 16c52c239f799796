"""Every task file, found by itself: complete, consistent, and readable from rows of its own shape."""

from __future__ import annotations

import pytest

from adapterstilts.data.reshaping import reshapes
from adapterstilts.errors import UserError
from adapterstilts.formats import formats
from adapterstilts.metrics import metrics
from adapterstilts.tasks import require, tasks

COVERAGE = {  # languages of XTREME (evaluate.py), which its averages are over; of XQuAD and XCOPA, XTREME-R's
    "xnli": "ar bg de el en es fr hi ru sw th tr ur vi zh",
    "pawsx": "de en es fr ja ko zh",
    "udpos": "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh",
    "xquad": "ar de el en es hi ro ru th tr vi zh",
    "tydiqa": "ar bn en fi id ko ru sw te",
    "panx": "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl "
    "tr ur vi yo zh",
    "mlqa": "ar de en es hi vi zh",
    "bucc": "de fr ru zh",
    "xcopa": "et ht id it qu sw ta th tr vi zh",
    "lareqa": "ar de el en es hi ru th tr vi zh",
    "tatoeba": "af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr nl pt ru sw ta te th tl tr ur "
    "vi zh",
}
RIGHT_AND_WRONG = {  # gold, and predictions that must score 0 to below 100, by format
    "classification": (["a", "b"], ["b", "a"]),
    "multiple_choice": (["0", "1"], ["1", "0"]),
    "tagging": ([["NOUN", "VERB"]], [["VERB", "NOUN"]]),
    "mining": ([["t1"], ["t2"]], [["t2"], ["t1"]]),
    "span": ([["a dog"], ["a cat"]], ["cat", "dog"]),
    "retrieval": (["0", "1"], ["1", "0"]),
    "answer_retrieval": ([["en_1", "de_1"]], [["en_2", "de_1"]]),
    "preference": (["chosen", "chosen"], ["chosen", "rejected"]),
    "masked_lm": ([[4.0, 4.0, 0.1]], [[4.0, 1.0, 9.0]]),  # a prediction holds what is right, too
}


def learns(task) -> bool:
    return hasattr(formats.get(task.format), "head")


@pytest.mark.parametrize("name", tasks.names())
def test_a_task_is_complete(name):
    task = tasks.get(name)
    format = formats.get(task.format)
    assert task.name == name
    assert set(format.fields) - set(format.optional) <= set(task.columns)
    assert set(task.columns) - {"id"} <= set(format.fields)
    assert len(set(task.columns.values())) == len(task.columns)
    assert set(task.rows) <= set(task.languages)
    assert all(set(counts) <= set(task.splits) for counts in task.rows.values())
    assert task.repo.count("/") == 1
    assert task.roles
    assert task.category
    assert task.licence
    assert task.source


@pytest.mark.parametrize("name", tasks.names())
def test_a_task_has_as_many_labels_as_its_format_tells_apart(name):
    task = tasks.get(name)
    format = formats.get(task.format)
    if format.gold_kind == "labels":
        assert format.label_field in task.columns
        assert len(set(task.labels)) == len(task.labels)
        assert (len(task.labels) > 1) != task.open_labels
    else:
        assert task.labels == ()
        assert task.unlabelled == "refuse"
    assert format.gold_kind == "answers" or not task.no_answer


@pytest.mark.parametrize("name", [name for name in tasks.names() if tasks.get(name).format == "multiple_choice"])
def test_choices_are_one_list_or_one_column_a_label(name):
    task = tasks.get(name)
    single = [field for field in task.columns if field.startswith("choice_")]
    assert single == ([] if "choices" in task.columns else [f"choice_{place}" for place in range(len(task.labels))])


@pytest.mark.parametrize("name", tasks.names())
def test_a_task_is_learned_from_english_rows_its_own_or_another_tasks(name):
    task = tasks.get(name)
    if task.learns_from:
        assert "train" not in task.splits
        for teacher in map(tasks.get, task.learns_from):
            assert teacher.format == task.format
            assert not teacher.learns_from
            known = tuple(label for label in task.labels if label not in task.counted_as)
            assert formats.get(task.format).positional or teacher.labels == known
        assert tasks.get(task.learns_from[0]).roles[0] == "intermediate"
    elif learns(task):
        assert task.train_language == task.languages[0] == "en" or "en" not in task.configs
        assert task.train_language in task.configs
        assert "train" in task.splits
        assert ("dev" in task.splits) != bool(task.held_out)
    if task.learns_from or not learns(task):
        assert task.roles == ("target",)
        assert "test" in task.splits


@pytest.mark.parametrize("name", tasks.names())
def test_what_only_some_tasks_declare_fits_the_rest(name):
    task = tasks.get(name)
    assert set(task.wording) <= set(task.columns)
    assert all(len(set(words.values())) == len(words) for words in task.wording.values())
    shared = len(set(task.configs.values())) < len(task.configs)
    assert set(task.id_prefix) == (set(task.languages) if shared and not task.reshape else set())
    assert "id" in task.columns or not (shared or task.streamed)
    assert len(set(task.id_prefix.values())) == len(task.id_prefix)
    assert 0 <= task.held_out < 0.5
    assert set(task.numbered) <= set(task.labels)
    assert set(task.counted_as) <= set(task.labels)
    assert set(task.counted_as.values()) <= set(task.labels) - set(task.counted_as)
    assert all(name in tasks.names() for name in task.parts)
    assert not task.reshape or task.reshape in reshapes.names()


@pytest.mark.parametrize("name", tasks.names())
def test_a_tasks_metric_tells_right_from_wrong(name):
    task = tasks.get(name)
    metric = metrics.get(task.metric)
    gold, wrong = RIGHT_AND_WRONG[task.format]
    if task.labels and task.format != "tagging":  # a metric may know the names
        gold, wrong = list(task.labels[:2]), list(task.labels[1::-1])
    right = [answers[0] for answers in gold] if task.format == "span" else gold
    assert metric.score(gold, right)[metric.main] == 100
    assert metric.score(gold, wrong)[metric.main] < 100


@pytest.mark.parametrize("name", COVERAGE)
def test_the_languages_are_those_of_xtreme(name):
    assert sorted(tasks.get(name).languages) == COVERAGE[name].split()


def test_a_role_that_a_task_cannot_play_is_refused():
    assert require(tasks.get("snli"), "intermediate").name == "snli"
    with pytest.raises(UserError, match="cannot be an intermediate task"):
        require(tasks.get("xnli"), "intermediate")


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'udpos'"):
        tasks.get("udpo")
