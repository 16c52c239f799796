"""Recipes of trainings: each that comes along resolves, what is given wins, and what is only remembered says so."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
import yaml

from adapterstilts.cli import call as command
from adapterstilts.config.recipe import find_recipe
from adapterstilts.config.resolve import resolve
from adapterstilts.config.schema import TrainSettings
from adapterstilts.data.mixing import proportional
from adapterstilts.errors import UserError
from adapterstilts.methods import methods
from adapterstilts.tasks import tasks
from adapterstilts.tasks._groups import GROUPS
from adapterstilts.train.command import train_intermediate, train_target
from adapterstilts.train.member import rate_factor, warmup_of
from adapterstilts.train.recipe import open_recipe, with_recipe

SHIPPED = sorted(f"paper/{file.stem}" for file in find_recipe("paper/jiant").parent.glob("*.yaml"))
SMALL = """\
about: a recipe of a test
method: full
everywhere:
  train.learning_rate: {value: 1.0e-3, source: the moon, sure: read}
tasks:
  snli:
    train.epochs: {value: 2, source: somebody said so, sure: memory}
    train.batch_size: {value: 24, source: this test, sure: ours}
"""


def written(tmp_path, text=SMALL, name="small.yaml"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


def filled(names, recipe, method="full", **given):
    settings = with_recipe({**given, "recipe": recipe}, names, method)
    fields = {"phase": "intermediate", "tasks": tuple(names), "method": {"name": method}}
    return resolve(fields, settings, methods.get(method).schema)


# what comes along


def test_there_are_the_papers_and_those_of_jiant_and_xtreme():
    assert SHIPPED == ["paper/intermediate", "paper/jiant", "paper/target", "paper/xtreme"]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_recipe_resolves_for_every_task_that_it_names(name):
    opened = open_recipe(name)
    for task in opened.recipe.tasks:
        config = filled([task], name)
        known = opened.settings([task])
        assert {"train.learning_rate", "train.batch_size", "train.epochs", "data.max_length"} <= set(known)
        for key, one in known.items():
            section, field = key.split(".")
            assert getattr(getattr(config, section), field) == one.value
    assert set(opened.recipe.tasks) <= set(tasks.names())


def test_the_papers_recipes_are_of_its_tasks():
    assert sorted(open_recipe("paper/intermediate").recipe.tasks) == sorted(GROUPS["paper-intermediate"].tasks)
    trained = [name for name in GROUPS["xtreme"].tasks if name not in ("bucc", "tatoeba")]
    assert set(open_recipe("paper/target").recipe.tasks) == set(trained)
    assert set(trained) <= set(open_recipe("paper/jiant").recipe.tasks) & set(open_recipe("paper/xtreme").recipe.tasks)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_was_read_names_a_file_of_jiant_or_xtreme_and_nothing_is_said_to_be_read_in_the_paper(name):
    opened = open_recipe(name)
    known = [one for task in opened.recipe.tasks for one in opened.settings([task]).values()]
    read = [one.source for one in known if one.sure == "read"]
    assert all(source.startswith(("jiant ", "XTREME ")) for source in read)
    assert bool(read) == (name in ("paper/jiant", "paper/xtreme"))


def test_xtremes_and_jiants_figures_are_those_of_their_scripts():
    xnli, questions = (filled([task], "paper/xtreme") for task in ("xnli", "xquad"))
    assert (xnli.train.learning_rate, xnli.train.epochs, xnli.data.max_length) == (3e-5, 5, 128)
    assert (questions.train.warmup_steps, questions.train.weight_decay, questions.train.epochs) == (500, 1e-4, 3)
    xnli, questions = (filled([task], "paper/jiant") for task in ("xnli", "tydiqa"))
    assert (xnli.train.learning_rate, xnli.train.epochs, xnli.train.batch_size) == (1e-5, 2, 32)
    assert (questions.train.batch_size, questions.data.max_length) == (16, 384)


# several tasks at once


def test_all_tasks_at_once_are_drawn_by_their_rows_up_to_two_to_the_seventeen():
    opened = open_recipe("paper/intermediate")
    names = list(opened.recipe.tasks)
    config = filled(names, "paper/intermediate")
    assert (config.train.batch_size, config.train.epochs, config.train.examples_cap) == (24, 3, 2**17)
    assert config.data.max_length is None
    sizes = {name: tasks.get(name).rows["en"]["train"] for name in names}
    mixture = proportional(sizes, {name: name for name in names}, config.train, seed=0)
    shares = dict(zip(mixture.names, mixture.weights, strict=True))
    assert shares["anli_plus"] == shares["mnli"] == shares["qqp"] == pytest.approx(0.181, abs=5e-4)
    assert shares["squad_v2"] == pytest.approx(0.180, abs=5e-4)
    assert shares["commonsense_qa"] == pytest.approx(0.013, abs=5e-4)


def test_a_recipe_of_single_tasks_says_nothing_of_several():
    with pytest.raises(UserError, match="recipe paper/jiant says nothing of several tasks at once"):
        filled(["xnli", "udpos"], "paper/jiant")


def test_a_task_that_the_recipe_has_not_is_refused_with_those_that_it_has(tmp_path):
    with pytest.raises(UserError) as caught:
        filled(["squad_v3"], "paper/intermediate")
    assert "recipe paper/intermediate says nothing of task squad_v3" in str(caught.value)
    assert "its tasks: anli_plus, mnli, qqp" in str(caught.value)
    assert "did you mean 'squad_v" in str(caught.value)


# in a run


@pytest.fixture
def arguments(base, mirror):
    settings = {"resources.mirror": str(mirror), "precision": "fp32", "data.max_length": 64, "train.eval_every": 4}
    return {"task": "snli", "method": "full", "base": str(base), "settings": settings}


def by(arguments, **settings):
    return {**arguments, "settings": {**arguments["settings"], **settings}}


def test_epochs_become_steps_and_the_record_keeps_the_recipe(arguments, tmp_path, capsys):
    file = written(tmp_path)
    run = train_intermediate(out=tmp_path / "run", **by(arguments, recipe=file))
    rows = run.record.data["snli-train"]["rows"]
    assert run.record.budget.steps == 2 * math.ceil(rows / 24)
    assert run.record.config["train"]["learning_rate"] == 1e-3
    kept = run.record.config["recipe"]
    assert kept["name"] == "small"
    assert kept["digest"] == open_recipe(file).digest
    assert kept["sure"] == {"train.learning_rate": "read", "train.epochs": "memory", "train.batch_size": "ours"}
    assert json.loads((run.path / "config.json").read_text())["recipe"] == kept
    said = capsys.readouterr().err
    assert "recipe small: a recipe of a test\n" in said
    assert "  train.learning_rate = 0.001 (read there: the moon)\n" in said
    assert "  train.epochs = 2 (from memory, not checked: somebody said so)\n" in said
    assert "  train.batch_size = 24 (not known, this program's choice: this test)\n" in said


def test_what_is_given_wins_and_that_is_said(arguments, tmp_path, capsys):
    given = {"recipe": written(tmp_path), "train.batch_size": "8", "train.max_steps": "1"}
    run = train_intermediate(out=tmp_path / "run", **by(arguments, **given))
    assert (run.record.config["train"]["batch_size"], run.record.budget.steps) == (8, 1)
    assert "train.batch_size" not in run.record.config["recipe"]["sure"]
    said = capsys.readouterr().err
    assert "  train.batch_size = 8, as given (the recipe: 24, not known, this program's choice)\n" in said
    assert "  train.max_steps was given, so the recipe's epochs do not count\n" in said


def test_another_method_keeps_its_own_learning_rate(tmp_path, capsys):
    config = filled(["snli"], written(tmp_path), method="lora")
    assert config.train.learning_rate is None
    assert config.train.epochs == 2
    assert "train.learning_rate: not the recipe's, which is for --method full; that of lora" in capsys.readouterr().err
    assert filled(["snli"], written(tmp_path), "lora", **{"train.learning_rate": 0.5}).train.learning_rate == 0.5


def test_a_changed_recipe_does_not_go_on_with_a_run_and_a_changed_comment_does(arguments, tmp_path, capsys):
    short = by(arguments, recipe=written(tmp_path), **{"train.max_steps": 1})
    train_intermediate(out=tmp_path / "run", **short)
    written(tmp_path, f"# a comment\n{SMALL}")
    capsys.readouterr()
    train_intermediate(out=tmp_path / "run", **short)
    assert "already done" in capsys.readouterr().err
    written(tmp_path, SMALL.replace("the moon", "the sun"))
    with pytest.raises(UserError, match=r"holds a run with other settings\n  recipe\.digest: "):
        train_intermediate(out=tmp_path / "run", **short)


def test_a_target_takes_a_recipe_by_flag(base, mirror, tmp_path, capsys):
    words = ["train-target", "--task", "pawsx", "--method", "full", "--recipe", "paper/jiant", "--base", str(base),
             "--mirror", str(mirror), "--max-steps", "1", "--out", str(tmp_path / "run")]  # fmt: skip
    assert command(words) == 0
    config = json.loads((tmp_path / "run/run.json").read_text())["config"]
    assert (config["recipe"]["name"], config["train"]["epochs"], config["train"]["batch_size"]) == (
        "paper/jiant",
        5,
        32,
    )
    assert "train.epochs = 5 (read there: jiant d_write_configs.sh)" in capsys.readouterr().err


def test_a_target_that_learns_from_another_task_is_named_by_its_own_name(base, mirror, tmp_path):
    settings = {"resources.mirror": str(mirror), "train.max_steps": 1, "data.max_length": 64, "recipe": "paper/jiant"}
    run = train_target("xquad", out=tmp_path / "run", method="full", base=str(base), settings=settings)
    assert run.heads == ["squad_v1"]
    assert run.record.config["train"]["batch_size"] == 16


# warm-up in steps, as XTREME has it


def test_steps_of_warm_up_go_before_their_share():
    assert warmup_of(1000, TrainSettings()) == 100
    assert warmup_of(1000, TrainSettings(warmup_steps=500)) == 500
    assert warmup_of(1000, TrainSettings(warmup_steps=0)) == 0
    assert [rate_factor(step, 1000, 500) for step in (0, 250, 500, 750)] == [0, 0.5, 1, 0.5]
    assert rate_factor(0, 10, 0) == 1
    assert rate_factor(9, 10, 20) == 9 / 20  # longer than the run: it never reaches its peak


def test_a_run_warms_up_for_as_many_steps_as_it_was_told(arguments, tmp_path):
    given = {"train.warmup_steps": 2, "train.max_steps": 4, "train.learning_rate": 1e-4}
    run = train_intermediate(out=tmp_path / "run", **by(arguments, **given))
    steps = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    assert [one["learning_rate"] for one in steps if "loss" in one] == pytest.approx([0, 5e-5, 1e-4, 5e-5])


# what is wrong


WRONG = {
    "an unknown setting": ("train.epochs", "train.epoch", "line 7: tasks.snli.train.epoch: unknown setting, did you "),
    "a setting that is no training's": ("train.epochs", "seed", "line 7: tasks.snli.seed: unknown setting"),
    "an unknown task": ("snli", "snly", "line 6: tasks.snly: unknown task, did you mean 'snli'?"),
    "an unknown method": ("method: full", "method: ful", "line 2: method: unknown method 'ful', did you mean 'full'?"),
    "a bad value": ("value: 24", "value: -24", "line 8: tasks.snli.train.batch_size.value: batch_size = -24: "),
    "no source": ("source: the moon, ", "", "line 4: everywhere.train.learning_rate.source: needed, and "),
    "an unknown certainty": ("sure: read", "sure: very", "line 4: everywhere.train.learning_rate.sure = 'very': "),
    "a bare value": ("{value: 24, source: this test, sure: ours}", "24", "line 8: tasks.snli.train.batch_size = 24: "),
    "an unknown entry": ("about:", "abuot:", "line 1: abuot = 'a recipe of a test': "),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_entry_is_told_with_its_line_and_the_nearest_name(case, tmp_path):
    before, after, message = WRONG[case]
    file = written(tmp_path, SMALL.replace(before, after, 1))
    with pytest.raises(UserError, match=r"small\.yaml is not a recipe of this kind") as caught:
        open_recipe(file)
    assert message in str(caught.value)


def test_all_wrong_settings_are_told_at_once_by_line(tmp_path):
    text = SMALL.replace("train.epochs", "train.epoch").replace("learning_rate", "lerning_rate")
    with pytest.raises(UserError) as caught:
        open_recipe(written(tmp_path, text))
    lines = [line.strip() for line in str(caught.value).splitlines() if line.strip().startswith("line")]
    assert [line.split(":")[0] for line in lines] == ["line 4", "line 7"]


def test_an_entry_shared_by_an_anchor_is_found_in_its_line(tmp_path):
    text = SMALL.replace("  snli:", "  snli: &shared").replace("value: 2,", "value: -2,") + "  mnli: *shared\n"
    with pytest.raises(UserError, match=r"line 7: tasks\.mnli\.train\.epochs\.value(.|\n)*line 7: tasks\.snli"):
        open_recipe(written(tmp_path, text))


def test_a_recipe_that_is_not_there_is_refused_with_the_nearest(tmp_path, base):
    words = ["train-target", "--task", "xnli", "--base", str(base), "--out", str(tmp_path / "run"), "--recipe"]
    assert command([*words, "paper/jant"]) == 2
    assert command([*words, str(tmp_path / "none.yaml")]) == 2
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="did you mean 'paper/jiant'"):
        open_recipe("paper/jant")
    with pytest.raises(UserError, match="is not a recipe of this kind"):
        open_recipe("mini/base")


# shown


def test_settings_shows_a_recipe_with_sources_and_what_is_only_remembered(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert command(["settings", "--recipe", "paper/intermediate", "--task", "mnli"]) == 0
    shown = capsys.readouterr().out
    [epochs] = [line for line in shown.splitlines() if line.startswith("train.epochs")]
    assert epochs.split()[1] == "2"
    assert "from memory, not checked" in epochs
    assert "read there" not in shown
    assert "'s paper" not in shown
    assert command(["settings", "--recipe", "paper/jiant"]) == 0
    assert capsys.readouterr().out.count("paper/jiant: ") == len(open_recipe("paper/jiant").recipe.tasks)


def test_settings_shows_a_group_as_all_its_tasks_at_once(capsys):
    assert command(["settings", "--recipe", "paper/intermediate", "--task", "paper-intermediate", "--json"]) == 0
    [(names, settings)] = json.loads(capsys.readouterr().out).items()
    assert names.count(",") == 8
    assert settings["train.examples_cap"] == {
        "value": 2**17,
        "source": open_recipe("paper/intermediate").recipe.together["train.examples_cap"].source,
        "sure": "memory",
    }


def test_settings_refuses_a_task_without_a_recipe(capsys):
    assert command(["settings", "--task", "mnli"]) == 2
    assert "add --recipe NAME" in capsys.readouterr().err


def test_a_recipe_holds_nothing_that_a_plain_reader_reads_otherwise():
    """1.0e-5 is a number to every YAML reader, 1e-5 a word to some."""
    for name in SHIPPED:
        content = yaml.safe_load(find_recipe(name).read_text(encoding="utf-8"))
        for settings in (content["everywhere"], *content["tasks"].values()):
            assert not isinstance(settings.get("train.learning_rate", {}).get("value", 1.0), str)


def test_the_recipe_that_the_guide_shows_is_one(tmp_path):
    guide = (Path(__file__).parents[1] / "docs/guide/recipes.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"^```yaml\n(.*?)^```", guide, re.S | re.M)
    opened = open_recipe(written(tmp_path, shown))
    assert set(opened.settings(["xnli"])) == {"train.batch_size", "train.epochs"}
    for name in SHIPPED:
        assert f"`{name}`" in guide
