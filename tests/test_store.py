"""Files are whole or absent; a folder vouches for itself; one writer at a time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from adapterstilts.errors import UserError
from adapterstilts.store.atomic import new_file, new_folder, remove_leftovers, write_json
from adapterstilts.store.manifest import NAME, Damaged, sign, verify
from adapterstilts.store.places import inside, locked, remembered
from adapterstilts.store.run import read_run


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "a.json"
    write_json(file, {"old": 1})
    with pytest.raises(RuntimeError), new_file(file) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert file.read_text() == '{\n  "old": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_folder_is_not_there(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "step") as temporary:
        (temporary / "part").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_writer_are_removed(tmp_path):
    (tmp_path / ".tmp-1234-step").mkdir()
    (tmp_path / ".tmp-1234-file").write_text("half")
    (tmp_path / "keep").write_text("whole")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["keep"]


def test_json_with_nan_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def signed(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "part").write_bytes(b"0123456789")
    sign(folder)
    return folder


def test_a_signed_folder_is_whole(signed):
    verify(signed)
    assert (signed / NAME).is_file()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / "part").unlink(), "part is missing"),
        (lambda folder: (folder / "part").write_bytes(b"01234"), "5 bytes instead of 10"),
        (lambda folder: (folder / "part").write_bytes(b"012345678x"), "does not match its digest"),
        (lambda folder: (folder / NAME).unlink(), "never finished"),
        (lambda folder: (folder / NAME).write_text("{"), "cannot be read"),
    ],
)
def test_a_damaged_folder_says_why(signed, damage, reason):
    damage(signed)
    with pytest.raises(Damaged, match=reason):
        verify(signed)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "", "..", "con\n", ".hidden"])
def test_a_name_cannot_leave_its_folder(tmp_path, name):
    with pytest.raises(UserError, match="cannot be a file name"):
        inside(tmp_path, name)


def test_a_second_process_is_told_that_the_folder_is_taken(tmp_path):
    code = (
        "import pathlib\nfrom adapterstilts.store.places import locked\n"
        f"with locked(pathlib.Path({str(tmp_path)!r})): pass"
    )
    with locked(tmp_path):
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert other.returncode != 0
    assert "another process is working" in other.stderr
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_digest_is_remembered_until_the_file_changes(tmp_path):
    file = tmp_path / "weights"
    file.write_text("one")
    calls = []

    def compute() -> str:
        calls.append(1)
        return file.read_text()

    assert remembered([file], compute) == remembered([file], compute) == "one"
    assert len(calls) == 1
    file.write_text("other")
    assert remembered([file], compute) == "other"


def test_a_folder_without_a_run_says_what_it_holds(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no run"):
        read_run(tmp_path)
    write_json(tmp_path / "config.json", {})
    with pytest.raises(UserError, match="unfinished run"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be read"):
        read_run(tmp_path)


def test_what_a_killed_process_left_is_removed_here_or_anywhere_below(tmp_path):
    deep = tmp_path / "heads" / ".tmp-12345678-a.json"
    deep.parent.mkdir()
    flat = tmp_path / ".tmp-12345678-folder"
    flat.mkdir()
    for file in (deep, flat / "part", tmp_path / "kept.json"):
        file.write_text("x")
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".tmp-12345678-a.json", "heads", "kept.json"]
    remove_leftovers(tmp_path, below=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["heads", "kept.json"]
