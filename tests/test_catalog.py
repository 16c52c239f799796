"""The catalog as a whole: counts, licences, groups."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapterstilts.cli import call
from adapterstilts.errors import UserError
from adapterstilts.evaluation.asked import ask
from adapterstilts.evaluation.benchmarks import XTREME
from adapterstilts.evaluation.command import evaluate_base
from adapterstilts.report.catalog import choose, commercial, markdown, warnings
from adapterstilts.tasks import tasks
from adapterstilts.tasks._groups import GROUPS, expand, narrowed
from adapterstilts.train.command import train_intermediate, train_target

ROOT = Path(__file__).parent.parent
OFFICIAL = {"bucc2018": "bucc"}  # what XTREME's evaluate.py calls our tasks


def test_anli_plus_is_the_sum_of_its_parts_without_rows_of_no_label():
    parts = [tasks.get(name).rows["en"] for name in tasks.get("anli_plus").parts]
    unlabelled = {"train": 785, "dev": 158}  # of SNLI
    wanted = {split: sum(rows[split] for rows in parts) - left_out for split, left_out in unlabelled.items()}
    assert tasks.get("anli_plus").rows["en"] == wanted == {"train": 1104934, "dev": 22857}


def test_counts_of_many_languages_add_up():
    def total(name, split):
        return sum(rows.get(split, 0) for rows in tasks.get(name).rows.values())

    assert total("mlqa", "test") == 42245
    assert total("tydiqa", "test") == 5077
    assert total("panx", "train") == 24 * 20000 + 2 * 15000 + 5 * 10000 + 3 * 5000 + 3 * 1000 + 3 * 100
    assert total("panx", "test") == 25 * 10000 + 12 * 1000 + 3 * 100
    assert (total("masakhaner", "test"), total("masakhaner2", "test")) == (5276, 30538)
    assert (total("afrixnli", "dev"), total("afrixnli", "test")) == (8100, 10800)


def test_the_groups_are_complete():
    def number(group):
        return {task.name: len(task.languages) for task in choose(group)}

    assert number("xtreme") == {
        "xnli": 15, "pawsx": 7, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9, "bucc": 4, "tatoeba": 36,
    }  # fmt: skip
    further = number("xtreme-r")
    assert further["udpos_xr"] == 38
    assert further["panx"] + further["panx_xr"] == 48
    assert further["tatoeba"] + further["tatoeba_xr"] == 41
    assert (further["xquad"], further["xcopa"], further["xnli"], further["lareqa"]) == (12, 11, 15, 11)
    assert len(number("paper-intermediate")) == 9
    assert set(number("paper-intermediate").values()) == {1}
    assert {"masakhaner", "masakhaner2", "masakhapos", "afrixnli", "afriqa", "afrisenti"} == set(number("african"))


def test_the_group_xtreme_has_the_languages_of_the_official_program():
    official = {OFFICIAL.get(name, name): sorted(languages) for name, languages in XTREME.languages.items()}
    assert {task.name: sorted(task.languages) for task in choose("xtreme")} == official


def test_no_language_of_xtreme_r_is_in_two_tasks_of_a_kind():
    for one, more in (("panx", "panx_xr"), ("tatoeba", "tatoeba_xr")):
        assert not set(tasks.get(one).languages) & set(tasks.get(more).languages)


@pytest.mark.parametrize("name", GROUPS)
def test_every_task_of_a_group_is_there(name):
    assert set(GROUPS[name].tasks) <= set(tasks.names())
    assert set(GROUPS[name].without) <= set(GROUPS[name].tasks)
    assert name not in tasks.names()


@pytest.mark.parametrize("name", tasks.names())
def test_every_task_says_licence_source_and_difficulty(name):
    task = tasks.get(name)
    assert task.licence.strip()
    assert task.source.strip()
    assert task.difficulty in (1, 2, 3)
    assert f"difficulty={task.difficulty},\n" in (ROOT / f"adapterstilts/tasks/{name}.py").read_text(encoding="utf-8")


def test_what_may_not_be_used_commercially_is_known():
    by_use = {use: [name for name in tasks.names() if commercial(tasks.get(name)) is use] for use in (False, None)}
    assert by_use[False] == [
        "afrisenti", "afrixnli", "anli", "anli_plus", "ccg", "masakhaner", "masakhaner2", "masakhapos", "qqp", "udpos",
        "udpos_ud", "udpos_xr", "xnli",
    ]  # fmt: skip
    assert by_use[None] == ["bucc", "bucc_mteb", "panx", "panx_xr", "social_iqa", "sst2"]


def test_licences_are_told_aloud(capsys):
    assert call(["tasks", "show", "anli"]) == 0
    assert "NON-COMMERCIAL" in capsys.readouterr().out
    assert call(["tasks", "show", "boolq"]) == 0
    assert "NON-COMMERCIAL" not in capsys.readouterr().out
    assert warnings(tasks.get("social_iqa")) != warnings(tasks.get("anli")) != []
    assert commercial(tasks.get("social_iqa")) is None


def test_a_name_of_xtreme_is_not_given_to_other_rows_of_bucc():
    assert not {"bucc_mteb", "xquad_r"} & {task.name for task in [*choose("xtreme"), *choose("xtreme-r")]}
    assert "XTREME" not in tasks.get("bucc_mteb").source


# the lists that people and programs read


def test_the_page_of_tasks_is_the_catalog():
    assert markdown() in (ROOT / "docs/tasks.md").read_text(encoding="utf-8"), "run: adapterstilts tasks --markdown"


def test_the_json_says_what_a_program_needs(capsys):
    assert call(["tasks", "--json"]) == 0
    listed = {task["name"]: task for task in json.loads(capsys.readouterr().out)}
    assert list(listed) == list(tasks.names())
    one = listed["masakhaner2"]
    assert one["languages"][:2] == ["bbj", "bm"]
    assert one["rows"]["zu"]["test"] == 1670
    assert (one["repo"], one["groups"], one["commercial"]) == ("masakhane/masakhaner2", ["african"], False)
    assert "Adelani" in one["source"]
    assert (listed["social_iqa"]["commercial"], listed["boolq"]["commercial"]) == (None, True)


def test_the_list_is_filtered(capsys):
    assert call(["tasks", "--group", "xtreme", "--skill", "syntax", "--category", "tagging", "--json"]) == 0
    assert [task["name"] for task in json.loads(capsys.readouterr().out)] == ["udpos"]
    assert call(["tasks", "--group", "xtrem"]) == 2
    assert "did you mean 'xtreme'" in capsys.readouterr().err
    assert call(["tasks", "--skill", "syntaxes"]) == 2
    assert "did you mean 'syntax'" in capsys.readouterr().err


def test_a_group_is_shown_with_its_languages(capsys):
    assert call(["tasks", "show", "xtreme", "--json"]) == 0
    shown = {task["name"]: task["languages"] for task in json.loads(capsys.readouterr().out)}
    assert "ro" not in shown["xquad"]
    assert call(["tasks", "show", "xtreme"]) == 0
    assert "tatoeba" in capsys.readouterr().out


# groups where a task can stand


def test_a_group_expands_to_its_tasks_once():
    assert expand(["snli", "paper-intermediate"])[:3] == ["snli", "anli_plus", "mnli"]
    assert expand(["mnli", "paper-intermediate"]).count("mnli") == 1
    assert expand(["xtreme", "xtreme-r"]).count("xnli") == 1
    assert expand(["snli", "snli"]) == ["snli", "snli"], "who names a task twice is told so"


def test_a_task_of_a_group_has_the_groups_languages_unless_it_is_named_itself():
    xquad = tasks.get("xquad")
    assert "ro" not in narrowed(xquad, ["xtreme"]).languages
    assert "ro" in narrowed(xquad, ["xtreme", "xquad"]).languages
    assert "ro" in narrowed(xquad, ["xtreme", "xtreme-r"]).languages
    assert narrowed(tasks.get("snli"), ["xtreme"]) is tasks.get("snli")


def test_what_cannot_be_answered_is_left_out_of_a_group_aloud(capsys):
    found = ask(["xtreme"], None, lambda task: task.format == "retrieval")
    assert [task.name for task, _ in found] == ["tatoeba"]
    assert "left out of xtreme" in capsys.readouterr().err
    named = ask(["udpos", "xtreme"], None, lambda task: task.format == "retrieval")
    assert [task.name for task, _ in named] == ["udpos", "tatoeba"]
    with pytest.raises(UserError, match="nothing here answers a task of xtreme"):
        ask(["xtreme"], None, lambda task: False)


def test_a_group_is_asked_for_the_languages_that_each_task_has():
    found = {task.name: languages for task, languages in ask(["xtreme"], ["sw", "yo"], lambda task: True)}
    assert (found["xnli"], found["panx"]) == (("sw",), ("sw", "yo"))
    assert "pawsx" not in found
    with pytest.raises(UserError, match="has language 'swa'"):
        ask(["xtreme"], ["sw", "swa"], lambda task: True)


def test_a_group_is_trained_together_but_never_as_targets(tmp_path):
    with pytest.raises(UserError, match="xtreme is a group") as error:
        train_target("xtreme", out=tmp_path / "run", base="mini")
    assert "xnli, pawsx" in error.value.fix
    with pytest.raises(UserError, match="xnli cannot be an intermediate task"):
        train_intermediate("xtreme", out=tmp_path / "run", base="mini")
    with pytest.raises(UserError, match="named twice"):
        train_intermediate(["snli", "snli"], out=tmp_path / "run", base="mini")


def test_a_training_on_a_group_learns_all_of_its_tasks(tmp_path, mirror, base, monkeypatch):
    small = GROUPS["paper-intermediate"].__class__("two", ("snli", "qqp"))
    monkeypatch.setitem(GROUPS, "two-of-them", small)
    settings = {"train.max_steps": 2, "train.eval_examples": 4, "resources.mirror": str(mirror)}
    finished = train_intermediate("two-of-them", out=tmp_path / "run", base=str(base), settings=settings)
    assert list(finished.record.config["tasks"]) == ["snli", "qqp"]
    assert sorted(finished.heads) == ["qqp", "snli"]


def test_a_base_answers_of_a_group_what_needs_no_head(tmp_path, mirror, base, monkeypatch):
    group = GROUPS["xtreme"].__class__("two", ("xnli", "tatoeba"))
    monkeypatch.setitem(GROUPS, "two-of-them", group)
    given = {"resources.mirror": str(mirror)}
    scores = evaluate_base(str(base), "two-of-them", out=tmp_path / "base", languages=["de"], settings=given)
    assert {one.metrics["task"] for one in scores} == {"tatoeba"}


def test_an_unknown_task_names_the_nearest_group(tmp_path):
    with pytest.raises(UserError, match="did you mean 'xtreme-r'"):
        train_intermediate("xtreme_r", out=tmp_path / "run", base="mini")
