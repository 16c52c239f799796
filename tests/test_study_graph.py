"""From a study to its steps: each once, known by content; what is tried, chosen, matched, shared, started from."""

from __future__ import annotations

import itertools

import pytest

from adapterstilts.errors import UserError
from adapterstilts.experiment.build import Cell, Point, build, variants
from adapterstilts.experiment.kinds import kinds
from adapterstilts.experiment.recipe import Study
from adapterstilts.experiment.shared_rows import same_rows
from adapterstilts.experiment.step import Graph, Step

SMALL = {
    "study": "Does it work?",
    "base": "mini",
    "seeds": [0, 1],
    "targets": ["xnli", "tatoeba"],
    "methods": {"lora": {}},
    "ways": {"none": {}, "snli": {"learn": "snli"}},
}


def study(**changes):
    return Study.model_validate({**SMALL, **changes})


def layout(**changes):
    return build(study(**changes))


def by_label(graph):
    return {step.label: step for step in graph}


def test_every_step_stands_behind_those_that_it_needs():
    graph = layout(
        ways={**SMALL["ways"], "both": {"merge": ["snli", "snli"]}, "on": {"learn": "mnli", "from": "both"}}
    ).graph
    seen = set()
    for step in graph:
        assert set(step.needs) <= seen, step.label
        seen.add(step.id)
    assert len(seen) == len(graph)


def test_a_cell_has_its_training_and_its_scores_and_retrieval_has_no_training():
    found = layout()
    steps = found.cells[Cell("mini", "", "lora", "snli", "xnli", 0)]
    trained, scored = (found.graph.steps[one] for one in steps)
    assert (trained.kind, scored.kind) == ("train", "evaluate")
    assert scored.parents["run"] == (trained.id,)
    assert trained.parents["start"] == (found.prepared[Point("mini", "", "lora", 0), "snli"],)
    assert found.cells[Cell("mini", "", "lora", "snli", "tatoeba", 0)].trained is None


def test_the_same_work_is_one_step_whatever_it_is_called():
    twice = layout(ways={"none": {}, "a": {"learn": "snli"}, "b": {"learn": "snli"}})
    once = layout(ways={"none": {}, "a": {"learn": "snli"}})
    assert set(twice.graph.steps) == set(once.graph.steps)
    assert len(twice.cells) == len(once.cells) * 3 // 2


def test_the_bare_base_is_searched_once_for_all_methods_and_seeds():
    found = layout(methods={"lora": {}, "full": {}})
    scored = {found.cells[cell].scored for cell in found.cells if cell.way == "none" and cell.target == "tatoeba"}
    assert len(scored) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"all": {"train.batch_size": 16}}},
        {"settings": {"intermediate": {"train.batch_size": 16}}},
        {"methods": {"lora": {"settings": {"method.r": 2}}}},
        {"ways": {"none": {}, "snli": {"learn": "snli", "settings": {"data.max_length": 64}}}},
        {"base": "somebody/other"},
        {"mirror": "rows"},
    ],
)
def test_what_decides_a_result_shows_in_the_identity_of_the_step_and_of_all_that_follows(change):
    before, after = by_label(layout().graph), by_label(layout(**change).graph)
    for label in ("snli, lora, seed 0", "xnli from snli, lora, seed 0", "xnli from snli, lora, seed 0, scored"):
        assert before[label].id != after[label].id


def test_settings_of_targets_leave_intermediate_runs_what_they_are():
    before, after = by_label(layout().graph), by_label(layout(settings={"target": {"train.epochs": 1}}).graph)
    assert before["snli, lora, seed 0"].id == after["snli, lora, seed 0"].id
    assert before["xnli from snli, lora, seed 0"].id != after["xnli from snli, lora, seed 0"].id


def test_an_identity_knows_no_label_and_counts_the_version_of_its_kind():
    one, other = Step("train", "a", {"x": 1}), Step("train", "b", {"x": 1})
    newer = Step("train", "a", {"x": 1}, version=2)
    assert one.id == other.id != newer.id


def test_what_is_more_particular_goes_before_what_is_more_general():
    found = layout(
        settings={"all": {"train.epochs": 1, "train.batch_size": 1}, "intermediate": {"train.epochs": 2}},
        methods={"lora": {"settings": {"train.batch_size": 3, "train.patience": 3}}},
        ways={"none": {}, "snli": {"learn": "snli", "settings": {"train.patience": 4, "train.save_every": 4}}},
        axes={"all": {"train.save_every": [5]}},
    )
    settings = found.graph.steps[found.prepared[Point("mini", "train.save_every=5", "lora", 0), "snli"]].settings[
        "settings"
    ]
    picked = {key: settings[f"train.{key}"] for key in ("epochs", "batch_size", "patience", "save_every")}
    assert picked == {"epochs": 2, "batch_size": 3, "patience": 4, "save_every": 5}


def test_any_setting_can_be_an_axis_and_only_what_it_touches_is_done_again():
    axes = {"target": {"data.limit_train": [10, 100], "data.source_language": ["en", "de"]}}
    found = layout(axes=axes)
    names = list(variants(study(axes=axes)))
    trained = {cell.variant for cell in found.cells}
    learned = {found.prepared[Point("mini", name, "lora", 0), "snli"] for name in names}
    assert names[0] == "data.limit_train=10, data.source_language=en"
    assert trained == set(names)
    assert len(names) == 4
    assert len(learned) == 1


def test_all_that_is_tried_is_tried_with_the_first_seed_and_the_others_follow_the_choice():
    tried = {"train.learning_rate": [1e-4, 1e-3], "train.epochs": [1, 2]}
    found = layout(methods={"lora": {"tried": tried}})
    select = found.graph.steps[found.cells[Cell("mini", "", "lora", "none", "xnli", 0)].trained]
    other = found.graph.steps[found.cells[Cell("mini", "", "lora", "none", "xnli", 1)].trained]
    candidates = [found.graph.steps[one] for one in select.parents["tried"]]
    combinations = [dict(zip(tried, one, strict=True)) for one in itertools.product(*tried.values())]
    assert select.kind == "select"
    assert select.settings["values"] == combinations
    assert [{key: one.settings["settings"][key] for key in tried} for one in candidates] == combinations
    assert {one.settings["settings"]["seed"] for one in candidates} == {0}
    assert other.parents["chosen"] == (select.id,)
    assert not set(tried) & set(other.settings["settings"])


def test_a_module_that_is_trained_on_keeps_its_shape_and_a_fresh_one_has_the_settings():
    ways = {"none": {}, "snli": {"learn": "snli"}, "after": {"learn": "mnli", "from": "snli"}}
    ways |= {"top": {"learn": "mnli", "from": "snli", "on_top": True}, "stack": {"stack": ["snli", "after"]}}
    found = by_label(layout(ways=ways, methods={"lora": {"settings": {"method.r": 2}}}).graph)

    def has_shape(label):
        return "method.r" in found[label].settings["settings"]

    assert [has_shape(one) for one in ("snli, lora, seed 0", "after, lora, seed 0", "top, lora, seed 0")] == [
        True,
        False,
        True,
    ]
    assert [has_shape(f"xnli from {one}, lora, seed 0") for one in ("none", "snli", "stack")] == [True, False, True]
    assert found["top, lora, seed 0"].settings["on_top"]
    assert not found["xnli from top, lora, seed 0"].settings["on_top"]


def test_a_control_is_matched_with_the_target_of_the_other_way_and_starts_from_the_bare_base():
    found = layout(ways={"none": {}, "snli": {"learn": "snli"}, "longer": {"match": "snli"}})
    control = found.graph.steps[found.cells[Cell("mini", "", "lora", "longer", "xnli", 1)].trained]
    assert control.parents["matched"] == (found.cells[Cell("mini", "", "lora", "snli", "xnli", 1)].trained,)
    assert "start" not in control.parents
    assert control.settings["base"] == "mini"
    assert Cell("mini", "", "lora", "longer", "tatoeba", 1) not in found.cells


def test_runs_to_be_averaged_share_their_first_weights_and_no_two_their_seed():
    found = layout(seeds=[0, 1, 2], ways={"none": {}, "mean": {"learn": "snli", "runs": 3}}).graph
    averages = [step for step in found if step.kind == "average" and step.label.startswith("mean")]
    seeds = [found.steps[one].settings["settings"] for step in averages for one in step.parents["members"]]
    assert [one["seed"] for one in seeds] == list(range(9))
    assert [one["init_seed"] for one in seeds] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_merge_that_must_measure_waits_for_that_and_another_does_not():
    ways = {"none": {}, "a": {"learn": "snli"}, "b": {"learn": "mnli"}}
    ways |= {"reg": {"merge": ["a", "b"], "how": "regmean"}, "mean": {"merge": ["a", "b"], "how": "mean"}}
    found = by_label(layout(ways=ways).graph)
    measured = found["reg, lora, seed 0, merge"].parents["measured"]
    steps = {step.id: step for step in found.values()}
    assert [steps[one].settings["what"] for one in measured] == ["gram", "gram"]
    assert [steps[one].parents["run"] for one in measured] == [
        (one,) for one in found["reg, lora, seed 0, merge"].parents["members"]
    ]
    assert "measured" not in found["mean, lora, seed 0, merge"].parents


def test_ways_go_with_the_methods_that_suit_them_and_all_that_they_build_on():
    ways = {"none": {}, "a": {"learn": "snli"}, "b": {"learn": "mnli", "methods": ["lora", "full"]}}
    ways |= {
        "stack": {"stack": ["a", "b"]},
        "mean": {"merge": ["a", "b"]},
        "knots": {"merge": ["a", "a"], "how": "knots"},
    }
    ways |= {"fused": {"fuse": ["a", "a"], "how": "attention"}}
    found = layout(ways=ways, methods={"lora": {}, "full": {}, "small": {"method": "bottleneck"}})
    methods = {
        way: [one for one in ("lora", "full", "small") if any(c.way == way and c.method == one for c in found.cells)]
        for way in ways
    }
    assert methods == {"none": ["lora", "full", "small"], "a": ["lora", "full", "small"], "b": ["lora", "full"],
                       "stack": ["lora"], "mean": ["lora", "full"], "knots": ["lora"], "fused": ["small"]}  # fmt: skip


def test_what_is_scored_in_every_layer_and_asked_again_is_asked_where_there_is_something_to_ask():
    ways = {"none": {}, "a": {"learn": "snli"}, "b": {"learn": "mnli"}, "both": {"merge": ["a", "b"]}}
    found = layout(ways=ways, scores={"layers": True, "retention": True, "languages": ["en", "de"]})
    assert {way for _, way in found.retained} == {"both"}
    assert {target for _, _, target in found.swept} == {"tatoeba"}
    spoken = {step.settings["task"]: step.settings["languages"] for step in found.graph if step.kind == "evaluate"}
    assert spoken == {"xnli": ["en", "de"], "tatoeba": ["de"]}


def test_a_target_and_an_intermediate_task_of_the_same_rows_are_marked():
    ways = {"none": {}, "snli": {"learn": "snli"}, "mnli": {"learn": "mnli"}, "anli": {"learn": "anli_plus"}}
    ways |= {"squad": {"learn": "squad_v2"}, "both": {"merge": ["snli", "squad"]}, "longer": {"match": "mnli"}}
    marked = same_rows(study(ways=ways, targets=["xnli", "xquad", "mlqa", "tatoeba"]))
    assert marked == {("mnli", "xnli"), ("anli", "xnli"), ("squad", "xquad"), ("squad", "mlqa"),
                      ("both", "xquad"), ("both", "mlqa")}  # fmt: skip


def test_a_step_is_found_by_the_beginning_of_its_identity_where_only_one_begins_so():
    steps = [Step("train", "a", {"x": number}) for number in range(2)]
    graph = Graph({step.id: step for step in steps})
    assert graph.find(steps[0].id[:-3]) is steps[0]
    with pytest.raises(UserError, match="2 steps begin with 'train-'"):
        graph.find("train-")
    with pytest.raises(UserError, match=f"did you mean '{steps[1].id}'"):
        graph.find(f"x{steps[1].id}")
    with pytest.raises(UserError, match="has no step 'merge'(?s:.*)plan RECIPE --steps"):
        graph.find("merge")


def test_stages_need_only_earlier_stages_and_what_follows_a_step_is_known():
    one = Step("train", "one", {})
    two = Step("merge", "two", {}, {"members": (one.id,)})
    three = Step("evaluate", "three", {}, {"run": (two.id,)})
    apart = Step("train", "apart", {"x": 1})
    graph = Graph({step.id: step for step in (one, two, three, apart)})
    assert [{step.label for step in stage} for stage in graph.stages()] == [{"one", "apart"}, {"two"}, {"three"}]
    assert graph.after([one.id]) == {two.id, three.id}


def test_every_kind_has_a_version_and_words_for_tables():
    assert {step.kind for step in layout().graph} <= set(kinds.names())
    assert all(kinds.get(name).version >= 1 and kinds.get(name).summary for name in kinds.names())
