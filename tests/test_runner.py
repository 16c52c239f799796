"""Running a study: order, sharing, failures that keep back only what needs them, signals, deaths, two at once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import study_toys as toys
from study_toys import graph_of, job_of, note, toy

from adapterstilts import registry
from adapterstilts.cli import _study
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.experiment import runner as runner_room
from adapterstilts.experiment.command import run_job, run_one
from adapterstilts.experiment.record import read_done, read_failure
from adapterstilts.experiment.runner import LocalRunner, slots_for
from adapterstilts.experiment.schedule import Schedule
from adapterstilts.experiment.step import folder_of
from adapterstilts.interrupt import listening

A = toy("a")
B, C = toy("b", A), toy("c", A)
D = toy("d", B, C)


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setattr(registry, "_entry_points", toys.points)


def run(study, *steps, slots=1, again=()):
    return run_job(job_of(study, graph_of(*steps)), LocalRunner(["cpu"] * slots, toys.register), again)


def journal(study):
    return (study / "journal").read_text().split()


def text(study, step):
    return (folder_of(study, step.id) / "run/text").read_text()


def wait_for(path, seconds=90.0):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} did not come"
        time.sleep(0.01)


def test_every_step_is_done_once_behind_those_that_it_needs(tmp_path, capfd):
    outcome = run(tmp_path, A, B, C, D)
    assert outcome.whole
    assert journal(tmp_path) == ["a", "b", "c", "d"]
    assert text(tmp_path, D) == "d(b(a()), c(a()))"
    assert [line.split()[0] for line in capfd.readouterr().err.splitlines()] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]


def test_a_step_leaves_its_record_its_cost_and_its_log(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    run(tmp_path, A)
    done = read_done(tmp_path, A.id)
    assert (done.label, done.settings, done.parents) == ("a", {"name": "a"}, {})
    assert done.facts == {"run": f"steps/{A.id}/run", "threads": "1"}
    assert done.cost.device == "cpu"
    assert done.cost.bytes >= len("a()")
    assert 0 < done.cost.seconds < 20
    assert done.cost.peak_memory_bytes > 1_000_000
    assert "playing" in (folder_of(tmp_path, A.id) / "log.txt").read_text()


def test_a_study_can_be_moved_and_goes_on(tmp_path):
    (tmp_path / "here").mkdir()
    run(tmp_path / "here", A)
    (tmp_path / "here").rename(tmp_path / "there")
    outcome = run(tmp_path / "there", A, B)
    assert [outcome.plan.graph.steps[one].label for one in outcome.done_now] == ["b"]
    assert text(tmp_path / "there", B) == "b(a())"


def test_what_is_done_is_not_done_again(tmp_path):
    run(tmp_path, A, B)
    outcome = run(tmp_path, A, B, C, D)
    assert journal(tmp_path) == ["a", "b", "c", "d"]
    assert len(outcome.done_now) == 2


def test_what_a_killed_process_has_left_half_written_is_removed(tmp_path):
    folder_of(tmp_path, A.id).mkdir(parents=True)
    (folder_of(tmp_path, A.id) / ".tmp-0123-step.json").write_text("{")
    assert run(tmp_path, A).whole
    assert not list(tmp_path.rglob(".tmp-*"))


def test_two_slots_work_at_once(tmp_path):
    one, other = toy("one", until="at-other"), toy("other", until="at-one")
    assert run(tmp_path, one, other, slots=2).whole


def test_a_step_waits_for_another_that_writes_into_the_same_run_and_others_pass_it():
    steps = [note("x", A), note("y", A), B]
    schedule = Schedule(
        graph_of(A, *steps), [one.id for one in steps], lambda one: A.id if one.kind == "note" else one.id
    )
    assert [schedule.take(), schedule.take(), schedule.take()] == [steps[0], B, None]
    schedule.ended(steps[0].id, True)
    assert schedule.take() == steps[1]
    assert not schedule.over


def test_steps_that_write_into_one_run_take_turns(tmp_path):
    steps = [note(name, A) for name in ("x", "y")]
    assert run(tmp_path, A, *steps, slots=2).whole
    words = (folder_of(tmp_path, A.id) / "run/notes").read_text().splitlines()
    assert words in (["x begun", "x over", "y begun", "y over"], ["y begun", "y over", "x begun", "x over"])


BAD = toy("bad", refuse=True)
AFTER, SIBLING = toy("after", BAD), toy("sibling")


def test_a_failure_keeps_back_only_what_needs_it(tmp_path, capfd):
    outcome = run(tmp_path, BAD, AFTER, SIBLING)
    states = {one.step.label: (one.state, one.reason) for one in outcome.plan.entries.values()}
    assert states == {
        "bad": ("failed", "bad has nothing to play with"),
        "after": ("blocked", "needs bad"),
        "sibling": ("cached", ""),
    }
    told = capfd.readouterr().err
    assert "FAILED  bad: bad has nothing to play with" in told
    assert str(folder_of(tmp_path, BAD.id) / "log.txt") in told
    assert not outcome.whole


def test_failed_steps_are_repeated_when_asked_and_not_before(tmp_path):
    run(tmp_path, BAD, AFTER)
    run(tmp_path, BAD, AFTER)
    assert read_failure(tmp_path, BAD.id).attempts == 1
    run(tmp_path, BAD, AFTER, again=[BAD.id])
    assert read_failure(tmp_path, BAD.id).attempts == 2
    (tmp_path / "mended").touch()
    assert run(tmp_path, BAD, AFTER, again=[BAD.id]).whole
    assert read_failure(tmp_path, BAD.id) is None
    assert text(tmp_path, AFTER) == "after(bad())"


def test_a_bug_keeps_its_traceback_in_the_log(tmp_path):
    stumbling = toy("stumbling", stumble=True)
    run(tmp_path, stumbling)
    assert read_failure(tmp_path, stumbling.id).error == "ZeroDivisionError: a bug"
    assert "Traceback" in (folder_of(tmp_path, stumbling.id) / "log.txt").read_text()


def test_a_worker_that_is_killed_fails_its_step_alone(tmp_path):
    dying = toy("dying", die=True)
    outcome = run(tmp_path, dying, toy("after", dying), SIBLING)
    assert read_failure(tmp_path, dying.id).error == "its process died (SIGKILL: killed, or out of memory)"
    assert [one.step.label for one in outcome.plan.of("cached")] == ["sibling"]
    assert [one.step.label for one in outcome.plan.of("blocked")] == ["after"]


def test_exit_codes_and_the_command_that_tries_again(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(runner_room, "LocalRunner", lambda devices: LocalRunner(devices, toys.register))
    job = job_of(tmp_path, graph_of(BAD, AFTER, SIBLING))
    options = {"as_json": False, "no_disk_check": False}
    assert _study.run_all(job, None, 1, (), **options) == 3
    shown = " ".join(capfd.readouterr().out.split())
    assert "steps 1 1 1 1" in shown
    assert "adapterstilts retry toys.yaml --out" in shown
    (tmp_path / "mended").touch()
    assert _study.run_all(job, None, 1, list(job.graph.steps), **{**options, "as_json": True}) == 0
    assert json.loads(capfd.readouterr().out)["done"] == 3


def test_a_missing_device_ends_the_run_with_one_sentence(tmp_path):
    with pytest.raises(UserError, match="there is no device 'cuda:99' here"):
        run_job(job_of(tmp_path, graph_of(A)), LocalRunner(["cuda:99"], toys.register))
    assert read_failure(tmp_path, A.id) is None


def test_devices_are_slots():
    assert slots_for("cuda:0, cuda:1", None) == ["cuda:0", "cuda:1"]
    assert slots_for("cuda", None) == ["cuda:0"]
    assert slots_for(None, 3) == ["cpu"] * 3
    with pytest.raises(UserError, match="both given"):
        slots_for("cpu", 2)
    with pytest.raises(UserError, match="unknown device 'tpu'"):
        slots_for("cuda:0,tpu", None)


@pytest.fixture
def start():
    """Start runs as processes of their own; whatever a test leaves of them is killed."""
    script, begun = Path(__file__).with_name("study_toys.py"), []

    def one(study, slots=1):
        with (study / "out").open("a") as out, (study / "err").open("a") as errors:
            words = [sys.executable, str(script), str(study), str(slots)]
            begun.append(subprocess.Popen(words, stdout=out, stderr=errors))
        return begun[-1]

    yield one
    for process in begun:
        process.kill()
        process.wait()


SLOW = [toy("slow", ticks=30), toy("other", ticks=15)]
LAST = toy("last", *SLOW)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_at_safe_points_and_the_same_command_goes_on(tmp_path, start, number):
    waiting = [toy("one", until="go"), toy("two", until="go")]
    toys.save(tmp_path, *waiting, toy("last", *waiting))
    main = start(tmp_path, slots=2)
    wait_for(tmp_path / "at-one")
    wait_for(tmp_path / "at-two")
    main.send_signal(number)
    assert main.wait(120) == 75
    assert not list(tmp_path.glob("steps/*/*.json"))
    (tmp_path / "go").touch()
    assert start(tmp_path, slots=2).wait(120) == 0
    assert (folder_of(tmp_path, toy("last", *waiting).id) / "run/text").read_text() == "last(one(), two())"


def test_a_second_signal_ends_at_once(tmp_path, start):
    toys.save(tmp_path, toy("stubborn", kind="deaf"))
    main = start(tmp_path)
    wait_for(tmp_path / "deaf")
    worker = int((tmp_path / "deaf").read_text())
    main.send_signal(signal.SIGTERM)
    time.sleep(0.5)  # in which a run that took one signal for two would end
    assert main.poll() is None
    main.send_signal(signal.SIGTERM)
    assert main.wait(120) == 130
    assert gone(worker)


def test_workers_die_with_their_main_process(tmp_path, start):
    toys.save(tmp_path, toy("endless", kind="deaf"))
    main = start(tmp_path)
    wait_for(tmp_path / "deaf")
    main.kill()
    main.wait()
    assert gone(int((tmp_path / "deaf").read_text()))


def gone(process, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            os.kill(process, 0)
            if Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                time.sleep(0.02)
                continue
        return True
    return False


def contents(study, steps):
    found = {}
    for step in steps:
        folder = folder_of(study, step.id)
        record = json.loads((folder / "step.json").read_text())
        del record["cost"]
        found[step.label] = record, {path.name: path.read_bytes() for path in sorted((folder / "run").iterdir())}
    return found


def test_killed_at_any_moment_and_started_again_it_ends_with_equal_files(tmp_path, start):
    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
        toys.save(tmp_path / name, *SLOW, LAST)
    assert start(tmp_path / "whole", slots=2).wait(120) == 0
    study = tmp_path / "killed"
    moments = ["out", f"steps/{SLOW[0].id}", f"steps/{SLOW[1].id}/run/ticks", "at-other", "at-slow"]
    for moment in moments:
        main = start(study, slots=2)
        wait_for(study / moment)
        workers = children(main.pid)
        main.kill()
        main.wait()
        assert all(gone(worker) for worker in workers)
    assert start(study, slots=2).wait(120) == 0
    assert contents(study, [*SLOW, LAST]) == contents(tmp_path / "whole", [*SLOW, LAST])
    assert not list(study.rglob(".tmp-*"))


def children(process):
    with contextlib.suppress(FileNotFoundError):
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []


def test_two_runs_of_one_folder_do_not_meet(tmp_path, start, capfd):
    toys.save(tmp_path, toy("one", until="go"))
    first = start(tmp_path)
    wait_for(tmp_path / "at-one")
    with pytest.raises(UserError, match="another process is working in"):
        run(tmp_path, toy("one", until="go"))
    (tmp_path / "go").touch()
    assert first.wait(120) == 0
    assert journal(tmp_path) == ["one"]


def test_one_step_alone_is_done_here_and_says_what_it_misses(tmp_path, capfd):
    job = job_of(tmp_path, graph_of(A, B))
    with pytest.raises(UserError, match="b needs 1 steps that are not done") as refused:
        run_one(job, B.id, "cpu")
    assert f"adapterstilts run toys.yaml --out {tmp_path} --step {A.id}" in refused.value.fix
    assert run_one(job, A.id[:8], "cpu").state == "done"
    assert run_one(job, B.id, "cpu").state == "done"
    assert text(tmp_path, B) == "b(a())"
    assert "playing" in capfd.readouterr().err
    assert run_one(job, B.id, "cpu").state == "done"
    assert journal(tmp_path) == ["a", "b"]


def test_one_step_that_another_process_is_at_is_waited_for(tmp_path, start):
    toys.save(tmp_path, toy("one", until="go"))
    first = start(tmp_path)
    wait_for(tmp_path / "at-one")
    code = (
        "import sys; from pathlib import Path; import study_toys as toys; toys.register()\n"
        "from adapterstilts.experiment.work import Place, do\n"
        "study = Path(sys.argv[1]); [step] = toys.load(study)\n"
        "print(do(step, Place(study), aloud=True).state)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    second = subprocess.Popen(words, cwd=Path(__file__).parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert b"waiting for another process" in second.stderr.readline()
    (tmp_path / "go").touch()
    assert first.wait(120) == 0
    assert second.communicate(timeout=120)[0] == b"done\n"
    assert journal(tmp_path) == ["one"]


def test_a_signal_that_came_early_is_heard_by_what_begins_later():
    with listening() as outer:
        os.kill(os.getpid(), signal.SIGTERM)
        assert outer.signal_name == "SIGTERM"
        with listening() as inner, pytest.raises(Interrupted):
            inner.raise_if_asked()
    with listening() as fresh:
        fresh.raise_if_asked()
    assert fresh.signal_name is None


def test_a_worker_gives_way_to_a_new_one_after_so_many_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(runner_room, "SERVES", 2)
    steps = [toy(name) for name in "vwxyz"]
    assert run(tmp_path, *steps).whole
    logs = [(folder_of(tmp_path, step.id) / "log.txt").read_text() for step in steps]
    workers = [text.split("process ")[1].split()[0] for text in logs]
    assert [workers.count(one) for one in dict.fromkeys(workers)] == [2, 2, 1]
