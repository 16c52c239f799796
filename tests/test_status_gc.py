"""How a study stands, and what its recipe no longer asks for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import study_toys as toys
from study_toys import graph_of, toy
from test_plan import finish

from adapterstilts import registry
from adapterstilts.errors import UserError
from adapterstilts.experiment.gc import remove_unasked, unasked
from adapterstilts.experiment.record import write_failure
from adapterstilts.experiment.status import status_of
from adapterstilts.experiment.step import folder_of
from adapterstilts.experiment.work import held
from adapterstilts.interrupt import StopRequest
from adapterstilts.report.plan import status_json, status_tables, unasked_json, unasked_table
from adapterstilts.store.places import locked

A, B, C = toy("a"), toy("b"), toy("c")
D = toy("d", B)


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setattr(registry, "_entry_points", toys.points)


def test_a_status_counts_steps_and_names_what_failed_and_what_is_at_work(tmp_path):
    finish(tmp_path, A)
    write_failure(tmp_path, B.id, "no room")
    (folder_of(tmp_path, A.id) / "run/weights").write_bytes(b"x" * 5000)
    with held(folder_of(tmp_path, C.id), StopRequest()):
        status = status_of(graph_of(A, B, C, D), tmp_path)
    assert [status.count("toy", state) for state in ("done", "running", "failed", "blocked", "left")] == [1, 1, 1, 1, 0]
    assert 5000 < status.disk < 10_000
    counts, at_work, failed = status_tables(status)
    assert counts.rows[-1] == ["all", "1", "1", "1", "1", "-"]
    assert at_work.rows == [["c", str(folder_of(tmp_path, C.id) / "log.txt")]]
    assert failed.rows == [["b", "no room", str(folder_of(tmp_path, B.id) / "log.txt")]]
    found = status_json(status)
    assert found["counts"] == {"done": 1, "running": 1, "failed": 1, "blocked": 1, "left": 0}
    assert found["failed"][0]["log"].endswith("log.txt")
    assert status_of(graph_of(C), tmp_path).running == frozenset()


def test_a_status_of_nothing_changes_nothing(tmp_path):
    assert status_of(graph_of(A), tmp_path / "none").count("toy", "left") == 1
    assert not (tmp_path / "none").exists()


def test_what_is_no_longer_asked_for_is_listed_with_its_size_and_removed_alone(tmp_path):
    finish(tmp_path, A, B, C)
    (folder_of(tmp_path, B.id) / "run/weights").write_bytes(b"x" * 50_000)
    found = unasked(graph_of(A), tmp_path)
    assert [one.label for one in found] == ["b", "c"]
    assert 50_000 < found[0].bytes < 52_000
    assert unasked_table(found).rows[-1][0] == "2 steps"
    assert [one["id"] for one in unasked_json(found)] == [B.id, C.id]
    assert len(list(tmp_path.glob("steps/*"))) == 3
    assert [one.label for one in remove_unasked(graph_of(A), tmp_path)] == ["b", "c"]
    assert [path.name for path in tmp_path.glob("steps/*")] == [A.id]
    assert unasked(graph_of(A), tmp_path) == []


def test_nothing_is_removed_while_the_study_is_being_run(tmp_path):
    finish(tmp_path, A)
    code = "import sys; from pathlib import Path; from adapterstilts.store.places import locked\n"
    code += "with locked(Path(sys.argv[1])):\n    print('held', flush=True)\n    input()"
    hold = ["-c", code, str(tmp_path)]
    with subprocess.Popen([sys.executable, *hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match="another process is working in"):
            remove_unasked(graph_of(), tmp_path)
        other.communicate(b"\n")
    assert folder_of(tmp_path, A.id).is_dir()
    with locked(tmp_path):
        pass


def test_a_step_that_a_process_is_at_is_left_alone(tmp_path, capfd):
    finish(tmp_path, A, B)
    with held(folder_of(tmp_path, A.id), StopRequest()):
        assert [one.label for one in remove_unasked(graph_of(), tmp_path)] == ["b"]
    assert "left alone" in capfd.readouterr().err
    assert folder_of(tmp_path, A.id).is_dir()


def odd_file(steps: Path) -> None:
    (steps / "notes.txt").write_text("mine")


def odd_folder(steps: Path) -> None:
    (steps / "mine").mkdir()


def odd_content(steps: Path) -> None:
    (steps / "toy-0123456789abcdef").mkdir()
    (steps / "toy-0123456789abcdef/thesis.tex").write_text("mine")


def a_link(steps: Path) -> None:
    (steps.parent / "elsewhere").mkdir()
    (steps / "toy-0123456789abcdef").symlink_to(steps.parent / "elsewhere")


@pytest.mark.parametrize("make", [odd_file, odd_folder, odd_content, a_link])
def test_what_is_no_step_is_refused_and_nothing_is_removed(make, tmp_path):
    finish(tmp_path, A)
    make(tmp_path / "steps")
    with pytest.raises(UserError, match="is not the folder of a step"):
        remove_unasked(graph_of(), tmp_path)
    assert folder_of(tmp_path, A.id).is_dir()
