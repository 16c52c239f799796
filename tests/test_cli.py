"""The command line: help that is quick and complete, errors that are one clear paragraph, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from adapterstilts.cli import adapterstilts as group
from adapterstilts.cli import call, commands
from adapterstilts.train.command import train_target


def walk(command: click.Command, path: tuple[str, ...] = ()):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), (*path, name))


COMMANDS = dict(walk(group))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(path):
    result = CliRunner().invoke(group, [*path, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"adapterstilts {' '.join(path)}".strip() in result.output


@pytest.mark.parametrize("path", [p for p in COMMANDS if p], ids=" ".join)
def test_every_option_of_every_example_is_one_the_command_knows(path):
    help_text = COMMANDS[path].help or ""
    lines = [line.strip() for line in help_text.splitlines() if line.strip().startswith("adapterstilts ")]
    assert lines
    for line in lines:
        arguments = [word for word in line.split()[1 + len(path) :] if word != "\\"]
        COMMANDS[path].make_context("example", arguments, resilient_parsing=False)


def test_help_and_lists_run_without_torch():
    code = (
        "import sys\n"
        "from adapterstilts.cli import call\n"
        "for words in (['--help'], ['tasks'], ['tasks', 'show', 'udpos'], ['methods'], ['settings']):\n"
        "    assert call(words) == 0\n"
        "heavy = {'torch', 'transformers', 'peft', 'datasets', 'pandas', 'accelerate'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_is_light_and_every_public_name_is_there():
    code = (
        "import sys, adapterstilts\n"
        "assert not {'torch', 'pydantic', 'click', 'rich'} & set(sys.modules)\n"
        "assert all(callable(getattr(adapterstilts, name)) for name in adapterstilts.__all__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_file_names_are_command_names():
    assert {name.replace("_", "-") for name in commands.names()} == {path[0] for path in COMMANDS if path}


@pytest.fixture
def trained(base, mirror, tmp_path):
    settings = {"resources.mirror": str(mirror), "train.max_steps": 2, "precision": "fp32"}
    return train_target("udpos", out=tmp_path / "run", base=str(base), settings=settings).path


BAD = {
    "unknown task": (["--task", "snly"], "unknown task 'snly'", "did you mean 'snli'?"),
    "target as intermediate": (["--task", "xnli"], "cannot be an intermediate task", "did you mean"),
    "unknown method": (["--task", "snli", "--method", "lore"], "unknown method 'lore'", "did you mean 'lora'?"),
    "unknown setting": (["--task", "snli", "--set", "method.rank=3"], "unknown setting 'method.rank'", "settings"),
    "bad value": (["--task", "snli", "--set", "train.epochs=-1"], "train.epochs = '-1'", "greater than 0"),
    "a number that is none": (["--task", "snli", "--max-steps", "ten"], "train.max_steps = 'ten'", "integer"),
    "twice": (["--task", "snli", "--seed", "1", "--set", "seed=2"], "seed is given twice", "once"),
    "same task twice": (["--task", "snli", "--task", "snli"], "named twice", "once"),
    "missing mirror": (["--task", "snli", "--mirror", "nowhere"], "nowhere is not a folder", "--mirror DIR"),
    "unknown device": (["--task", "snli", "--device", "tpu9"], "unknown device 'tpu9'", "cpu"),
    "absent GPU": (["--task", "snli", "--device", "cuda:99"], "there is no device 'cuda:99'", "--device cpu"),
    "no such run": (["--task", "snli", "--from", "nowhere"], "there is no folder nowhere", "--out"),
    "no such layer": (["--task", "snli", "--set", "method.layers=0,9"], "there is no layer 9", "layers 0 to 1"),
    "too long": (["--task", "snli", "--set", "data.max_length=512"], "has 256 positions", "data.max_length=256"),
    "missing base": (["--task", "snli", "--base", "./nowhere"], "./nowhere is not a folder", "Hub id"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_paragraph_exit_2_and_leaves_nothing(case, base, mirror, tmp_path, capfd):
    words, what, fix = BAD[case]
    defaults = {"--base": str(base), "--mirror": str(mirror), "--precision": "fp32", "--max-steps": "2"}
    for flag, value in defaults.items():
        words = words if flag in words or (flag == "--base" and "--from" in words) else [*words, flag, value]
    assert call(["train-intermediate", *words, "--out", str(tmp_path / "run")]) == 2
    captured = capfd.readouterr()
    assert what in captured.err
    assert fix in captured.err
    assert captured.err.count("error: ") == 1
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not (tmp_path / "run").exists()


def test_without_network_the_mirror_is_named(base, tmp_path, capfd):
    assert call(["train-intermediate", "--task", "snli", "--base", str(base), "--out", str(tmp_path / "run")]) == 2
    assert "--mirror DIR" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_folder_of_something_else_is_left_alone(base, mirror, tmp_path, capfd):
    (tmp_path / "notes.txt").write_text("mine")
    words = ["train-intermediate", "--task", "snli", "--base", str(base), "--mirror", str(mirror)]
    assert call([*words, "--out", str(tmp_path)]) == 2
    assert "is not empty and holds no run" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_of_another_run_is_refused_with_the_difference(trained, base, mirror, capfd):
    words = ["train-target", "--task", "udpos", "--base", str(base), "--mirror", str(mirror), "--out", str(trained)]
    assert call([*words, "--max-steps", "3", "--precision", "fp32"]) == 2
    assert "train.max_steps: 2 -> 3" in capfd.readouterr().err
    assert call([*words, "--max-steps", "2", "--precision", "fp32"]) == 0
    captured = capfd.readouterr()
    assert "already done" in captured.err
    assert f"next: adapterstilts evaluate {trained} --task udpos" in captured.err
    assert captured.out.strip() == str(trained)


def test_evaluate_and_compare_print_tables_or_json(trained, mirror, tmp_path, capfd):
    words = ["evaluate", str(trained), "--task", "udpos", "--mirror", str(mirror)]
    assert call([*words, "--json"]) == 0
    scores = json.loads(capfd.readouterr().out)
    assert scores[0]["task"] == "udpos"
    assert call(words) == 0
    assert "average" in capfd.readouterr().out
    assert call(["compare", str(trained), "--markdown", str(tmp_path / "table.md")]) == 0
    assert "what it took" in capfd.readouterr().out
    assert "|  | avg | de |" in (tmp_path / "table.md").read_text()
    assert call(["compare", str(trained), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["baseline"] == "run"


def test_a_bug_keeps_its_traceback_and_exits_with_1(monkeypatch, capfd):
    import adapterstilts.report.compare as module

    monkeypatch.setattr(module, "compare", lambda *_, **__: 1 / 0)
    assert call(["compare", "x"]) == 1
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_config_that_is_none_is_refused(base, mirror, tmp_path, capfd):
    (tmp_path / "config.json").write_text('{"rows": []}')
    words = ["train-intermediate", "--task", "snli", "--base", str(base), "--mirror", str(mirror)]
    assert call([*words, "--out", str(tmp_path)]) == 2
    assert "is not what a training writes" in capfd.readouterr().err


def test_unknown_commands_and_options_exit_with_2(capfd):
    assert call(["trian-target"]) == 2
    assert "did you mean 'train-target'?" in capfd.readouterr().err
    assert call(["tasks", "--colour"]) == 2
    assert "--colour" in capfd.readouterr().err
