"""The README is true: every command in it runs, every command there is is in it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from adapterstilts.cli import commands, run

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", README, flags=re.DOTALL)
LINES = [line.strip() for kind, block in BLOCKS if kind == "bash" for line in block.splitlines()]
COMMANDS = [line for line in LINES if line.startswith("adapterstilts ")]


def test_every_command_is_in_the_readme():
    named = {shlex.split(line)[1] for line in COMMANDS} | {"quickstart"}
    assert {name.replace("_", "-") for name in commands.names()} == named


def test_every_make_target_of_the_readme_is_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    used = set(re.findall(r"make ([\w-]+)", " ".join(LINES)))
    assert {"quickstart", "test"} <= used <= targets


def test_every_file_the_readme_links_to_is_there():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory, mirror, base, tokenizer_folder):
    """A working folder laid out as after the quickstart."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "runs/quickstart").mkdir(parents=True)
    for name, source in (("mirror", mirror), ("base", base), ("tokenizer", tokenizer_folder)):
        (folder / "runs/quickstart" / name).symlink_to(source)
    return folder


def small(words: list[str], folder: Path) -> list[str]:
    """Let a training take two steps on the tiny base, and read generated rows; leave all else as it stands."""
    base = str(folder / "runs/quickstart/base")
    words = [base if word == "FacebookAI/xlm-roberta-large" else word for word in words]
    if words[0].startswith("train-") or words[0] == "continue-mlm":
        words = [*words, "--max-steps", "2"]
        words = words if "--from" in words else [*words, "--base", base]
    return words


def test_every_command_of_the_readme_runs_in_its_order(folder, monkeypatch, capfd):
    pytest.importorskip("adapters")  # it trains a bottleneck
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ADAPTERSTILTS_MIRROR", str(folder / "runs/quickstart/mirror"))
    assert len(COMMANDS) > 10
    for line in COMMANDS:
        assert run(small(shlex.split(line)[1:], folder)) == 0, f"{line}\n{capfd.readouterr().err}"
    assert (folder / "comparison.md").is_file()
    assert (folder / "runs/few-shot/run.json").is_file()


def test_the_python_of_the_readme_runs(folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    [code] = [block for kind, block in BLOCKS if kind == "python"]
    exec(compile(code, "README.md", "exec"), {})
    assert "token_accuracy" in capfd.readouterr().out
