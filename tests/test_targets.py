"""Targets that borrow: rows and heads of other tasks, dev rows held out of train."""

from __future__ import annotations

import dataclasses

import pytest

from adapterstilts.data.gold import with_sound_gold
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.report.compare import compare
from adapterstilts.report.scores import score_tables
from adapterstilts.tasks import tasks
from adapterstilts.train import plan
from adapterstilts.train.command import train_intermediate, train_target


@pytest.fixture(scope="module")
def settings(mirror):
    return {"resources.mirror": str(mirror), "precision": "fp32", "data.max_length": 128}


@pytest.fixture(scope="module")
def train(base, settings, tmp_path_factory):
    def make(task, phase=train_target, **given):
        out = tmp_path_factory.mktemp("runs") / task
        few = {"train.max_steps": 2, "train.learning_rate": 1e-2, **settings, **given}
        return phase(task, out=out, base=str(base), settings=few)

    return make


@pytest.fixture(scope="module")
def cosmos(train):
    return train("cosmos_qa", train_intermediate)


def where(settings):
    return {"resources.mirror": settings["resources.mirror"]}


def test_a_target_without_train_rows_learns_from_another_and_is_answered_by_its_head(train, settings, capsys):
    run = train("xquad")
    assert "xquad has no train rows; it learns from squad_v1" in capsys.readouterr().err
    assert run.heads == ["squad_v1"]
    assert run.record.config["tasks"] == ["xquad"]
    assert {origin["task"] for origin in run.record.data.values()} == {"squad_v1"}
    [found] = evaluate(run, "xquad", settings=where(settings))
    assert found.metrics["head"] == "squad_v1"
    assert found.metrics["metric"]["main"] == "em_f1"
    assert set(found.metrics["languages"]) >= {"en", "de", "es"}


def test_a_head_of_the_same_format_may_be_chosen_and_is_named(cosmos, train, settings, tmp_path):
    hellaswag = train("hellaswag")
    for run, head in ((cosmos, "cosmos_qa"), (hellaswag, "hellaswag")):
        [found] = evaluate(run, "xcopa", settings=where(settings))
        assert found.metrics["head"] == head
        [table] = score_tables([found])
        assert any(f"answered by the head for {head}" in note for note in table.notes)
    comparison = compare([cosmos, hellaswag])
    assert any("xcopa test: other heads answer" in note for note in comparison.notes)
    [chosen] = evaluate(cosmos, "hellaswag", head="cosmos_qa", split="dev", settings=where(settings))
    assert chosen.metrics["head"] == "cosmos_qa"


def test_a_head_that_means_something_else_is_refused(cosmos, train, settings):
    with pytest.raises(UserError, match="does not answer task xquad(.|\n)*multiple_choice"):
        evaluate(cosmos, "xquad", head="cosmos_qa", settings=where(settings))
    with pytest.raises(UserError, match="has no head for task 'squad_v1'"):
        evaluate(cosmos, "xcopa", head="squad_v1", settings=where(settings))
    snli = train("snli")
    with pytest.raises(UserError, match="the head of .* for task snli does not answer task qqp"):
        evaluate(snli, "qqp", head="snli", split="dev", settings=where(settings))


def test_held_out_rows_choose_the_checkpoint_and_are_not_trained_on(mirror):
    task = tasks.get("tydiqa")
    train, dev = (load_rows(task, "en", split, str(mirror)) for split in ("train", "dev"))
    everything = load_rows(task, "en", "train", str(mirror), hold_out=False)
    assert set(train.table["id"]) | set(dev.table["id"]) == set(everything.table["id"])
    assert not set(train.table["id"]) & set(dev.table["id"])
    assert len(dev) == round(0.1 * len(everything)) > 0
    assert all(name.startswith("english") for name in everything.table["id"])
    assert load_rows(task, "en", "dev", str(mirror)).table["id"][:] == dev.table["id"][:]


def test_of_few_rows_one_is_held_out_and_of_one_row_none_can_be(mirror):
    everything = load_rows(tasks.get("tydiqa"), "en", "train", str(mirror), hold_out=False)
    train, dev = (
        dataclasses.replace(everything.pick(5, None), split=split).hold_out(0.02) for split in ("train", "dev")
    )
    assert (len(train), len(dev)) == (4, 1)
    assert not set(train.table["id"]) & set(dev.table["id"])
    with pytest.raises(UserError, match="tydiqa: 1 rows in language 'en', so none can be held out"):
        everything.pick(1, None).hold_out(0.02)


def test_selection_as_in_xtreme_is_marked_wherever_it_counts(train, settings):
    own, xtreme = train("tydiqa"), train("tydiqa", **{"data.select_on": "xtreme"})
    assert {"tydiqa-train", "tydiqa-dev"} == set(own.record.data)
    assert {"tydiqa-train", "tydiqa-test"} == set(xtreme.record.data)
    assert xtreme.record.data["tydiqa-train"]["rows"] > own.record.data["tydiqa-train"]["rows"]
    for run, mark in ((own, "dev"), (xtreme, "xtreme")):
        [found] = evaluate(run, "tydiqa", settings=where(settings))
        assert found.metrics["select_on"] == mark
        assert ("XTREME's English test rows" in " ".join(score_tables([found])[0].notes)) == (mark == "xtreme")
    assert any("chosen on XTREME's English test rows: " in note for note in compare([own, xtreme]).notes)


def test_a_task_with_dev_rows_of_its_own_is_selected_on_them(train):
    with pytest.raises(UserError, match="snli has dev rows of its own"):
        train("snli", **{"data.select_on": "xtreme"})


def test_rows_of_an_interrupted_run_are_read_again_from_the_same_commits(base, settings, monkeypatch):
    """A mirror is read as it is; what is asked of the Hub is seen in the question."""
    real, asked = plan.load_rows, {}

    def noting(task, language, split, mirror, revision=None, **more):
        asked[split] = revision
        return real(task, language, split, mirror, revision, **more)

    monkeypatch.setattr(plan, "load_rows", noting)
    pinned = {f"tydiqa-{split}": f"commit of {split}" for split in ("train", "dev", "test")}
    for choice, split in (("dev", "dev"), ("xtreme", "test")):
        asked.clear()
        given = plan.Given("lora", str(base), None, False, {**settings, "data.select_on": choice})
        plan.make_plan("target", ["tydiqa"], given, pinned)
        assert asked == {"train": "commit of train", split: f"commit of {split}"}


@pytest.mark.parametrize(("name", "split", "left_out"), [("xquad", "test", 0), ("squad_v1", "train", 1)])
def test_a_row_with_a_misplaced_answer_is_not_trained_on_but_counts_in_a_test(name, split, left_out, mirror):
    task = tasks.get(name)
    rows = load_rows(task, "en", split, str(mirror))
    damaged = rows.table.map(lambda row, index: {"context": "nothing" if index == 1 else row["context"]},
                             with_indices=True)  # fmt: skip
    sound = with_sound_gold(dataclasses.replace(rows, table=damaged))
    assert len(sound) == len(rows) - left_out
    assert sound.dropped == left_out
