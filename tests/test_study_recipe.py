"""A study's recipe: all that is wrong is told at once, with lines; templates; those that come along are sound."""

from __future__ import annotations

import re

import pytest
import yaml

from adapterstilts.cli import call as command
from adapterstilts.config.recipe import all_recipes, find_recipe
from adapterstilts.errors import UserError
from adapterstilts.experiment.open import is_study, open_study
from adapterstilts.tasks import tasks

STUDIES = [name for name, file in all_recipes().items() if is_study(file)]
SMALL = """\
study: Does it work?
base: mini
seeds: [0, 1, 2]
targets: [xnli, tatoeba]
methods: {lora: {}}
ways:
  none: {}
  snli: {learn: snli}
"""


@pytest.fixture
def written(tmp_path):
    def write(text=SMALL):
        file = tmp_path / "mine.yaml"
        file.write_text(text, encoding="utf-8")
        return str(file)

    return write


def with_ways(*lines):
    return SMALL + "".join(f"  {line}\n" for line in lines)


def refusal(file):
    with pytest.raises(UserError) as told:
        open_study(file)
    return str(told.value)


def test_each_question_has_a_mini_recipe_and_one_for_xlmr_large():
    names = {name.partition("/")[2] for name in STUDIES if name.startswith("large/")}
    assert names == {"paper", "efficient-versus-full", "merging", "stacking"}
    assert {f"mini/{name}" for name in names} <= set(STUDIES)


@pytest.mark.parametrize("name", STUDIES)
def test_a_recipe_that_comes_along_is_sound_and_opens_with_its_command_and_its_cost(name):
    opened = open_study(name)
    first, second = find_recipe(name).read_text(encoding="utf-8").splitlines()[:2]
    assert len(opened.layout.cells) > 10
    assert first.startswith(f"# adapterstilts run {name}")
    assert re.search(r"minutes|adapterstilts plan", second)


@pytest.mark.parametrize("name", [name for name in STUDIES if name.startswith("large/")])
def test_the_recipes_for_xlmr_large_never_compare_methods_at_one_rate(name):
    study = open_study(name).study
    rates = {method: part.tried["train.learning_rate"] for method, part in study.methods.items()}
    assert all(len(some) >= 2 for some in rates.values())


def test_every_problem_is_told_at_once_with_its_line(written):
    text = SMALL.replace("seeds: [0, 1, 2]", "seeds: [0, 0]").replace("[xnli, tatoeba]", "[xnly]")
    text = (
        text.replace("{lora: {}}", "{lora: {settings: {method.rr: 4}}}")
        + "  other: {merge: [snli, nobody], how: tie}\n"
    )
    told = refusal(written(text))
    assert "line 3: seeds: 0 stands twice" in told
    assert "line 4: targets: unknown task 'xnly'; did you mean 'xnli'?" in told
    assert "line 5: methods.lora.settings.method.rr: unknown setting, did you mean 'method.r'?" in told
    assert "line 9: ways.other: there is no way 'nobody'" in told
    assert "line 9: ways.other.how: unknown merge 'tie', did you mean 'ties'?" in told


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("base: mini", "bse: mini", "line 2: bse = 'mini': unknown key, did you mean 'base'?"),
        ("{learn: snli}", "{lern: snli}", "line 8: ways.snli.lern = 'snli': unknown key, did you mean 'learn'?"),
        ("{lora: {}}", "{lora: {trie: {}}}", "line 5: methods.lora.trie: unknown key, did you mean 'tried'?"),
        ("{lora: {}}", "{lorra: {}}", "line 5: methods.lorra: unknown method 'lorra', did you mean 'lora'?"),
        ("seeds: [0, 1, 2]", "seeds: []", "line 3: seeds: is empty, and one is needed at least"),
        ("[xnli, tatoeba]", "[]", "line 4: targets: is empty, and one is needed at least"),
        ("[xnli, tatoeba]", "[wikipedia]", "line 4: targets: task wikipedia cannot be a target task"),
        ("{learn: snli}", "{learn: xnli}", "line 8: ways.snli.learn: task xnli cannot be an intermediate task"),
        ("{learn: snli}", "{learn: snli, stack: [none]}", "line 8: ways.snli: one of learn and stack, not 2 of them"),
        ("{learn: snli}", "{learn: snli, how: mean}", "line 8: ways.snli.how: is for merge or fuse"),
        ("{learn: snli}", "{learn: snli, on_top: true}", "line 8: ways.snli.on_top: is for a way that goes on"),
        ("{learn: snli}", "{learn: snli, methods: [full]}", "the study has no method 'full', known: lora"),
        ("{learn: snli}", "{mlm: snli}", "line 8: ways.snli.mlm: task snli is no text"),
        ("{lora: {}}", "{full: {}}\nreference: ful", "line 6: reference: no method is called so, did you mean 'full'?"),
        ("base: mini", "base: mini\nbaseline: non", "line 3: baseline: no way is called 'non', did you mean 'none'?"),
    ],
)
def test_a_wrong_entry_is_named_with_its_line_and_the_nearest_name(written, old, new, line):
    assert line in refusal(written(SMALL.replace(old, new)))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("train.max_step: 3", "unknown setting, did you mean 'train.max_steps'?"),
        ("train.learning_rate: banana", "= 'banana': input should be a valid number"),
        ("seed: 3", "is not set here, but by seeds"),
        ("method.r: 8", "is a method's own; say it under methods"),
        ("resources.device: cpu", "give it to `adapterstilts run`"),
    ],
)
def test_a_setting_that_there_is_not_is_refused_wherever_it_stands(written, settings, told):
    assert told in refusal(written(SMALL + f"settings: {{all: {{{settings}}}}}\n"))


def test_a_name_that_stands_twice_is_refused_instead_of_the_last_one_winning(written):
    told = refusal(written(with_ways("snli: {learn: mnli}")))
    assert "line 9: ways.snli (first on line 8)" in told


def test_two_templates_that_stand_for_one_name_are_refused(written):
    told = refusal(written(with_ways('"{task}": {learn: "{task}", each: {task: [mnli, snli]}}')))
    assert "two ways are called 'snli'" in told


def test_ways_that_need_each_other_in_a_circle_are_refused_with_the_circle(written):
    told = refusal(written(with_ways("a: {learn: mnli, from: b}", "b: {merge: [snli, a], how: mean}")))
    assert "ways.a: needs itself: a -> b -> a" in told


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ('"{task}": {learn: "{task}", each: {task: []}}', "no values, so this stands for no way at all"),
        ('"{task}": {learn: "{tusk}", each: {task: [mnli]}}', "{tusk} is not among the names of `each`"),
        ('"x-{task}": {learn: mnli, each: {task: [mnli], more: [1]}}', "nothing says {more}"),
        ('"{task}": {learn: "{task}", each: mnli}', "names with lists of values are wanted"),
        ("two: {stack: [snli, snli2]}", "there is no way 'snli2', did you mean 'snli'?"),
        ("joined: {fuse: [snli], how: attention}", "none of the study's methods suits it (bottleneck)"),
        ("bare: {match: snli, shown: false}", ""),
    ],
)
def test_a_way_that_stands_for_nothing_is_refused(written, way, told):
    if told:
        assert told in refusal(written(with_ways(way)))
    else:
        assert "bare" in open_study(written(with_ways(way))).study.ways


def test_a_grid_without_a_shown_way_has_no_cells(written):
    text = SMALL.replace("none: {}", "none: {shown: false}").replace("{learn: snli}", "{learn: snli, shown: false}")
    assert "the way 'none' is not shown" in refusal(written(text))


def test_a_template_stands_for_every_combination_and_keeps_the_type_of_a_value(written):
    way = '"r{rank}-{how}": {merge: [snli], how: "{how}", rank: "{rank}", each: {rank: [2, 4], how: [svd]}}'
    study = open_study(written(with_ways(way))).study
    found = {name: (one.how, one.rank) for name, one in study.ways.items() if one.merge}
    assert found == {"r2-svd": ("svd", 2), "r4-svd": ("svd", 4)}


def test_a_problem_of_a_template_stands_at_the_template(written):
    told = refusal(written(with_ways('"{task}": {learn: "{task}", each: {task: [mnli, snly]}}')))
    assert re.search(r"line 9: ways\.\{task\}\.learn: unknown task 'snly'.*\(of snly\)", told)


def test_a_group_stands_for_its_tasks_in_the_languages_that_are_the_groups(written):
    study = open_study(written(SMALL.replace("[xnli, tatoeba]", "xtreme"))).study
    assert len(study.targets) == 9
    assert "ro" in tasks.get("xquad").configs
    assert "ro" not in study.scored_as(tasks.get("xquad")).configs


def test_what_is_no_study_is_refused_by_the_commands_that_run_one(written):
    assert "no study: its question is missing" in refusal("paper/jiant")
    assert "no study" in refusal(written("- a list\n"))
    assert "is not YAML" in refusal(written("study: [\n"))


def test_check_tells_the_size_of_a_study_and_exits_with_2_for_a_wrong_one(written, capsys):
    assert command(["check", written()]) == 0
    printed = capsys.readouterr().out
    assert "12 cells: 2 ways x 2 targets x 3 seeds" in printed
    assert command(["check", written(SMALL.replace("study:", "stdy:"))]) == 2
    assert capsys.readouterr().err.startswith("error:")


def test_a_recipe_is_copied_comments_and_all_and_never_over_a_file(tmp_path, capsys):
    target = tmp_path / "mine.yaml"
    assert command(["recipes", "cp", "mini/merging", str(target)]) == 0
    assert target.read_bytes() == find_recipe("mini/merging").read_bytes()
    before = target.read_text(encoding="utf-8")
    assert command(["recipes", "cp", "mini/paper", str(target)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert target.read_text(encoding="utf-8") == before
    assert command(["recipes", "cp", "mini/paper", str(tmp_path / "mine.txt")]) == 2


def test_the_list_of_recipes_names_each_with_its_command(capsys):
    assert command(["recipes", "--json"]) == 0
    listed = {one["name"]: one["command"] for one in yaml.safe_load(capsys.readouterr().out)}
    assert set(listed) == set(all_recipes())
    assert listed["mini/paper"] == "run"
    assert listed["paper/jiant"] == "train --recipe"
    assert listed["compose/layer-swapping"] == "merge"
    assert listed["mini/base"] == "pretrain"
