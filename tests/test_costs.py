"""Costs: what settings alone tell of a step, held against real encoders and modules; fits on what was done."""

from __future__ import annotations

import json
import shutil

import pytest
import study_toys as toys
from study_toys import graph_of, job_of, toy

from adapterstilts import registry
from adapterstilts.base import find_base, load_encoder
from adapterstilts.errors import UserError
from adapterstilts.experiment import command
from adapterstilts.experiment.command import run_job
from adapterstilts.experiment.costs import (
    OTHER_OVERHEAD_S,
    TFLOPS,
    CostModel,
    Estimate,
    Known,
    cost_model,
    fitted,
    read_history,
    remember,
    wall_seconds,
)
from adapterstilts.experiment.demands import Demand, Demands
from adapterstilts.experiment.plan import make_plan
from adapterstilts.experiment.record import Cost, record_of
from adapterstilts.experiment.runner import LocalRunner
from adapterstilts.experiment.shapes import LARGE, shape_of
from adapterstilts.experiment.step import Step
from adapterstilts.methods import method_of
from adapterstilts.train.cost import encoder_size


@pytest.fixture(autouse=True)
def known(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "_entry_points", toys.points)
    monkeypatch.setenv("ADAPTERSTILTS_CACHE", str(tmp_path / "cache"))


def training(base="xlm-roberta-large", method="lora", tasks=("snli",), parents=None, **settings):
    asked = {"tasks": list(tasks), "method": method, "phase": "intermediate", "on_top": False, "settings": settings}
    return Step("train", "a training", asked if parents else {**asked, "base": base}, parents or {})


def demand_of(*steps):
    return Demands(graph_of(*steps)).of(steps[-1])


@pytest.mark.parametrize("name", ["mini", "tiny"])
def test_an_encoder_is_as_large_as_its_config_says(name, base):
    base = str(base) if name == "tiny" else name
    encoder = load_encoder(find_base(base))
    shape, sure = shape_of(base)
    assert sure
    assert shape.parameters == sum(one.numel() for one in encoder.parameters())
    assert shape.linear == encoder_size(encoder, frozen=True).weights


def test_known_bases_need_no_files_and_others_are_assumed_large():
    assert shape_of("FacebookAI/xlm-roberta-large") == (LARGE, True)
    assert LARGE.parameters == pytest.approx(559e6, rel=0.002)  # as its card says: 559M
    assert shape_of("nobody/knows-it") == (LARGE, False)


MODULES = {
    "lora": {},
    "lora, all places": {"method.target_modules": ["all"], "method.r": 4},
    "lora, one layer": {"method.layers": [1], "method.target_modules": ["query", "output"]},
    "bottleneck": {"method.reduction_factor": 8},
    "bottleneck, houlsby": {"method.variant": "houlsby"},
    "bottleneck, parallel": {"method.variant": "parallel"},
    "full": {},
}


@pytest.mark.parametrize("case", MODULES)
def test_a_module_has_as_many_parameters_as_reckoned(case, base):
    name = case.partition(",")[0]
    if name == "bottleneck":
        pytest.importorskip("adapters", reason="the extra adapterstilts[bottleneck] is not installed")
    step = training(str(base), name, **MODULES[case])
    reckoned = Demands(graph_of(step)).module(step.id)
    method = method_of(name)
    own = {key.removeprefix("method."): value for key, value in MODULES[case].items()}
    encoder = method.attach(
        load_encoder(find_base(str(base))), method.schema.model_validate({"name": name, **own}), "x"
    )
    trained = sum(one.numel() for one in method.parameters(encoder, "x").values())
    assert reckoned.parameters == trained
    assert reckoned.frozen == method.frozen_base


def test_arithmetic_is_that_of_a_training():
    step = training(**{"train.max_steps": 100, "train.batch_size": 10, "train.eval_examples": 1})
    forward = 50 * (2.0 * LARGE.linear + 4.0 * 24 * 1024 * 50)
    assert demand_of(step).flops == pytest.approx(forward * (1000 * 2 + 10))
    full = training(method="full", **{"train.max_steps": 100, "train.batch_size": 10, "train.eval_examples": 1})
    assert demand_of(full).flops == pytest.approx(forward * (1000 * 3 + 10))


def test_length_is_by_steps_or_epochs_of_the_rows_that_are_known():
    def flops(*tasks, **settings):
        return demand_of(training(tasks=tasks, **{"train.eval_examples": 1, **settings})).flops

    whole = flops("snli")
    assert flops("snli", **{"train.epochs": 6}) == pytest.approx(2 * whole, rel=1e-3)
    assert flops("snli", **{"data.limit_train": 5000}) == pytest.approx(whole * 5000 / 550_152, rel=1e-2)
    assert flops("snli", **{"train.max_steps": 50}) == pytest.approx(
        flops("snli", **{"train.max_steps": 25}) * 2, rel=1e-1
    )
    assert flops("snli", **{"mlm.ratio": 0.5}) == pytest.approx(2 * whole, rel=1e-3)
    assert flops("snli", base="mini") < whole / 1000


def test_what_goes_on_has_the_base_and_the_module_of_what_it_starts_from():
    first = training("xlm-roberta-base", **{"method.r": 32})
    after = training(parents={"start": (first.id,)})
    demands = Demands(graph_of(first, after))
    assert demands.base_of(after) == "xlm-roberta-base"
    assert demands.module(after.id) == demands.module(first.id)
    choice = Step("select", "chosen", {}, {"tried": (first.id,)})
    then = training(parents={"start": (choice.id,)}, **{"train.max_steps": 1})
    assert Demands(graph_of(first, choice, then)).base_of(then) == "xlm-roberta-base"


def test_what_is_matched_is_as_long_as_what_it_is_matched_to():
    settings = {"train.max_steps": 100, "train.eval_examples": 1}
    (before,) = [training(**settings)]
    target = training(tasks=("xnli",), parents={"start": (before.id,)}, **settings)
    matched = Step("train", "m", {**target.settings, "base": "xlm-roberta-large"}, {"matched": (target.id,)})
    plain = demand_of(training(tasks=("xnli",), **settings))
    assert demand_of(before, target, matched).flops == pytest.approx(2 * plain.flops, rel=1e-2)


def test_an_exact_sum_is_as_wide_as_its_members_and_a_cut_one_is_not():
    members = [training(seed=seed) for seed in (0, 1)]
    ids = {"members": tuple(one.id for one in members)}
    one = Demands(graph_of(*members)).module(members[0].id).parameters

    def width(**settings):
        merged = Step("merge", "m", {"how": "linear", "rank": None, **settings}, ids)
        return Demands(graph_of(*members, merged)).module(merged.id).parameters

    assert width() == 2 * one
    assert width(rank=8) == one


def test_an_evaluation_reads_every_language_and_is_unsure_where_rows_are_not_counted():
    scored = Step("evaluate", "s", {"task": "xnli", "split": "test", "languages": None, "base": "xlm-roberta-large"})
    two = Step("evaluate", "s", {**scored.settings, "languages": ["en", "de"]})
    assert demand_of(scored).flops == pytest.approx(demand_of(two).flops * 15 / 2)
    assert demand_of(scored).sure
    assert not demand_of(Step("evaluate", "s", {**scored.settings, "base": "somebody/else"})).sure
    assert demand_of(Step("play", "of another package", {})) == Demand(0, 0, 1e9, False)


def run(flops, seconds, kind="train", base="b", device="cpu", number=0, resumed=False):
    cost = Cost(seconds, 2_000_000, 300, device, resumed)
    return Known(f"{kind}-{number}-{flops}", kind, base, Demand(flops, 100, 1_000_000), cost)


def test_a_fit_finds_overhead_and_speed_and_one_odd_run_decides_nothing():
    runs = [run(flops, 5 + flops / 1e10) for flops in (1e10, 2e10, 4e10, 8e10, 1.6e11)]
    fit = fitted([*runs, run(3e10, 900)])
    assert fit.overhead == pytest.approx(5, rel=0.15)
    assert 1 / fit.per_flop == pytest.approx(1e10, rel=0.15)
    assert (fit.disk, fit.memory) == (3, 2)


def test_equal_runs_tell_their_own_time():
    fit = fitted([run(1e10, seconds) for seconds in (9, 10, 50)])
    assert fit.overhead + 1e10 * fit.per_flop == 10


def test_without_runs_speed_and_overhead_are_assumed_and_said_to_be():
    model = CostModel("cuda", [run(1e10, 1), run(1e10, 1)])
    found = model.estimate("play", "b", Demand(TFLOPS["cuda"] * 1e12 * 50, 7, 8))
    assert found == Estimate(OTHER_OVERHEAD_S + 50, 7, 8, "assumed")
    quick = CostModel("cuda", [], tflops=TFLOPS["cuda"] * 10)
    assert quick.estimate("play", "b", Demand(TFLOPS["cuda"] * 1e12 * 50, 7, 8)).seconds == OTHER_OVERHEAD_S + 5


def test_three_runs_are_enough_and_other_bases_count_as_far_as_they_reach():
    model = CostModel("cpu", [run(1e10 * number, 2.0 * number, number=number) for number in (1, 2, 3)])
    assert model.estimate("train", "b", Demand(1e10, 100, 1)) == Estimate(pytest.approx(2), 300, 2, "fitted on 3 runs")
    assert model.estimate("train", "other", Demand(1e11, 1, 1)).how == "fitted on 3 runs"
    assert model.estimate("train", "other", Demand(1e13, 1, 1)).how == "assumed"
    assert model.estimate("evaluate", "b", Demand(1e10, 1, 1)).how == "assumed"


def test_the_history_outlives_a_study_and_torn_lines(tmp_path):
    step = training("mini", **{"train.max_steps": 5})
    graph = graph_of(step)
    for number in range(3):
        other = Step("train", "x", {**step.settings, "seed": number, "base": "mini"})
        remember(other, record_of(other, Cost(3, 2, 1, "cpu"), {}), Demands(graph_of(other)))
    file = tmp_path / "cache/steps.jsonl"
    file.write_bytes(file.read_bytes() + b'[]\n{"id": 3}\n{"id": "train-torn", "ki')
    assert [one.cost.seconds for one in read_history()] == [3, 3, 3]
    plan = make_plan(graph, tmp_path / "study")
    assert cost_model(plan, Demands(graph), "cpu").estimate("train", "mini", Demand(1, 1, 1)).how == "fitted on 3 runs"
    assert cost_model(plan, Demands(graph), "cuda:1").known == []


def test_a_run_that_was_resumed_is_not_fitted_on(tmp_path):
    file = tmp_path / "cache/steps.jsonl"
    file.parent.mkdir()
    lines = [run(1e9, 1, number=1), run(1e9, 1, number=2, resumed=True)]
    dumped = [{**one._asdict(), "demand": one.demand._asdict(), "cost": one.cost.__dict__} for one in lines]
    file.write_text("".join(json.dumps(one) + "\n" for one in dumped))
    found = cost_model(make_plan(graph_of(), tmp_path), Demands(graph_of()), "cpu")
    assert [one.id for one in found.known] == [lines[0].id]


def test_the_longest_chain_bounds_what_slots_can_do(tmp_path):
    first = toy("first")
    second = toy("after", first)
    plan = make_plan(graph_of(first, second, toy("beside")), tmp_path)
    found = {name: Estimate(10, 0, 0, "") for name in plan.entries}
    assert wall_seconds(plan, found, 1) == 30
    assert wall_seconds(plan, found, 8) == 20


def test_a_study_is_not_begun_on_a_disk_that_is_too_small(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=command.FLOOR - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    job = job_of(tmp_path / "study", graph_of(toy("a")))
    with pytest.raises(UserError, match=r"1\.0 GB are free") as refused:
        run_job(job, LocalRunner(["cpu"], toys.register))
    assert "--no-disk-check" in refused.value.fix
    assert not (tmp_path / "study").exists()
    assert run_job(job, LocalRunner(["cpu"], toys.register), check_disk=False).whole
