"""Plans: what is cached, to run, stale and why; damage; commands for arrays; nothing heavy is loaded."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import study_toys as toys
from study_toys import graph_of, job_of, note, toy

from adapterstilts import registry
from adapterstilts.errors import UserError
from adapterstilts.experiment.plan import commands, make_plan
from adapterstilts.experiment.record import Cost, Done, record_of, write_done, write_failure
from adapterstilts.experiment.step import Step, folder_of
from adapterstilts.report.plan import forecast_of, plan_json, plan_lines, plan_tables

A = toy("a", rate=1)
B = toy("b", A)
C = toy("c", B)


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setattr(registry, "_entry_points", toys.points)


def finish(study, *steps, seconds=1.0):
    for step in steps:
        (folder_of(study, step.id) / "run").mkdir(parents=True, exist_ok=True)
        write_done(study, record_of(step, Cost(seconds, 10, 20, "cpu"), {"run": f"steps/{step.id}/run"}))


def states(study, *steps, again=()):
    plan = make_plan(graph_of(*steps), study, again)
    return {one.step.label: (one.state, one.reason) for one in plan.entries.values()}


def test_a_fresh_study_is_all_to_run(tmp_path):
    assert states(tmp_path / "none", A, B) == {"a": ("run", ""), "b": ("run", "")}
    assert not (tmp_path / "none").exists()


def test_what_is_done_is_cached_and_what_was_begun_goes_on(tmp_path):
    finish(tmp_path, A)
    (folder_of(tmp_path, B.id) / "run").mkdir(parents=True)
    assert states(tmp_path, A, B) == {"a": ("cached", ""), "b": ("run", "begun before: goes on")}


def test_a_changed_setting_is_named_and_what_follows_is_stale(tmp_path):
    finish(tmp_path, A, B, C)
    changed = toy("a", rate=2)
    after = toy("b", changed)
    assert states(tmp_path, changed, after, toy("c", after)) == {
        "a": ("stale", "rate: 1 -> 2"),
        "b": ("stale", "follows from a, which is stale"),
        "c": ("stale", "follows from b, which is stale"),
    }


def test_only_the_first_differences_are_named(tmp_path):
    finish(tmp_path, toy("a", v=1, w=1, x=1, y=1, z=1))
    found = states(tmp_path, toy("a", v=2, w=2, x=2, y=2, z=2))
    assert found["a"] == ("stale", "v: 1 -> 2, w: 1 -> 2, x: 1 -> 2, and 2 more")


def test_a_new_version_of_a_kind_is_named(tmp_path):
    finish(tmp_path, A)
    assert states(tmp_path, toy("a", version=2, rate=1))["a"] == ("stale", "version of toy: 1 -> 2")


def test_other_needs_are_named(tmp_path):
    finish(tmp_path, A, B)
    other = toy("other")
    assert states(tmp_path, A, other, toy("b", A, other))["b"] == ("stale", "builds on other steps: other")
    assert states(tmp_path, A, toy("b"))["b"] == ("stale", "builds on fewer steps")


def test_the_same_label_of_another_kind_is_nothing_stale(tmp_path):
    finish(tmp_path, Step("note", "a", {}))
    assert states(tmp_path, A)["a"] == ("run", "")


def test_failed_and_blocked_are_told_apart_from_what_is_tried_again(tmp_path):
    write_failure(tmp_path, A.id, "no room\n  at all")
    assert states(tmp_path, A, B, C) == {
        "a": ("failed", "no room"),
        "b": ("blocked", "needs a"),
        "c": ("blocked", "needs b"),
    }
    assert states(tmp_path, A, B, again=[A.id]) == {"a": ("run", "failed before (once): no room"), "b": ("run", "")}


DAMAGE = {
    "torn": ('{"schema_version": 1, "id": "toy', "step.json cannot be read (JSONDecodeError"),
    "empty": ("", "step.json cannot be read (JSONDecodeError"),
    "another's": (None, "its step.json is of another step"),
    "a list": ("[]", "step.json cannot be read (TypeError"),
    "a part missing": ('{"schema_version": 1}', "step.json cannot be read (KeyError: 'cost')"),
    "newer": ('{"schema_version": 99}', "was written by a newer adapterstilts"),
    "not text": (b"\xff\xfe\x00", "step.json cannot be read (UnicodeDecodeError"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_record_counts_as_not_done_and_says_why(case, tmp_path):
    content, why = DAMAGE[case]
    finish(tmp_path, A, B)
    file = folder_of(tmp_path, A.id) / "step.json"
    other = (folder_of(tmp_path, B.id) / "step.json").read_bytes()
    file.write_bytes(other if content is None else content if isinstance(content, bytes) else content.encode())
    state, reason = states(tmp_path, A)["a"]
    assert state == "run"
    assert reason.startswith("to be done again: ")
    assert why in reason


@pytest.mark.parametrize("field", ["cost", "settings", "parents", "facts"])
def test_a_record_with_a_part_of_another_kind_is_damaged(field, tmp_path):
    finish(tmp_path, A)
    file = folder_of(tmp_path, A.id) / "step.json"
    raw = json.loads(file.read_text())
    file.write_text(json.dumps({**raw, field: "three"}))
    assert "cannot be read" in states(tmp_path, A)["a"][1]


def test_a_step_whose_run_is_gone_is_done_again_and_so_is_what_wrote_into_it(tmp_path):
    scored = note("scored", A)
    finish(tmp_path, A, scored)
    (folder_of(tmp_path, A.id) / "run").rmdir()
    assert states(tmp_path, A, scored) == {
        "a": ("run", f"to be done again: the run that it led to is gone (steps/{A.id}/run)"),
        "scored": ("run", "what it wrote into is no longer there: a"),
    }


def test_commands_come_in_an_order_that_can_be_run_and_are_quoted(tmp_path):
    other = toy("other")
    plan = make_plan(graph_of(A, B, C, other), tmp_path)
    found = commands(plan, ("my study.yaml", "--out", "runs/it's"))
    assert found.stages == 3
    assert [shlex.split(line)[-1] for line in found.lines] == [A.id, other.id, B.id, C.id]
    assert shlex.split(found.lines[0])[:5] == ["adapterstilts", "run", "my study.yaml", "--out", "runs/it's"]
    assert [line.split()[-1] for line in commands(plan, ("x",), 2).lines] == [B.id]
    with pytest.raises(UserError, match="there is no stage 4"):
        commands(plan, ("x",), 4)


def test_commands_leave_out_what_is_done_or_has_failed(tmp_path):
    other = toy("other")
    finish(tmp_path, A)
    write_failure(tmp_path, B.id, "no")
    found = commands(make_plan(graph_of(A, B, C, other), tmp_path), ("x",))
    assert [line.split()[-1] for line in found.lines] == [other.id]
    assert (found.stages, found.left_out) == (1, 2)
    finish(tmp_path, other)
    assert commands(make_plan(graph_of(A, B, C, other), tmp_path), ("x",)).lines == []


def test_a_plan_is_shown_by_kind_with_reasons_and_as_lines_and_json(tmp_path):
    finish(tmp_path, A)
    forecast = forecast_of(job_of(tmp_path, graph_of(A, B, note("n", A), toy("z"))), jobs=2)
    [kinds] = plan_tables(forecast)
    assert kinds.title.endswith("3 of 4 steps to do")
    assert [row[:3] for row in kinds.rows] == [["toy", "3", "1"], ["note", "1", "-"], ["all", "4", "1"]]
    assert [line.split("\t")[3] for line in plan_lines(forecast)] == ["a", "b", "n", "z"]
    found = plan_json(forecast)
    assert [one["state"] for one in found["steps"]].count("cached") == 1
    assert found["total"]["slots"] == 2


def test_planning_loads_nothing_heavy():
    code = (
        "import sys; from pathlib import Path; import study_toys as toys; toys.register()\n"
        "from adapterstilts.cli import plan, run, status, retry, gc\n"
        "from adapterstilts.report.plan import forecast_of, plan_tables\n"
        "from adapterstilts.report.tables import show\n"
        "job = toys.job_of(Path('nowhere'), toys.graph_of(toys.toy('a')))\n"
        "show(plan_tables(forecast_of(job)))\n"
        "heavy = {'torch', 'transformers', 'peft', 'datasets', 'pandas', 'accelerate', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 steps to do" in done.stdout


def test_a_record_leads_to_its_run_wherever_the_study_lies(tmp_path):
    finish(tmp_path, A)
    done = Done("x", "toy", 1, "x", {}, {}, Cost(1, 1, 1, "cpu"), {"run": f"steps/{A.id}/run"})
    assert done.run(tmp_path) == folder_of(tmp_path, A.id) / "run"
    assert Done("x", "toy", 1, "x", {}, {}, Cost(1, 1, 1, "cpu"), {}).run(tmp_path) is None
