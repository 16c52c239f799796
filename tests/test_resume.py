"""Resume is bitwise, or it is refused; what is damaged is passed over with its reason."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from adapterstilts.compose.stack import stack
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.methods import methods
from adapterstilts.store.manifest import sign
from adapterstilts.train import checkpoint, loop
from adapterstilts.train.command import train_intermediate

STEPS = 7


@pytest.fixture
def arguments(base, mirror):
    """A run of two tasks with dropout, an epoch's end inside it and a checkpoint every second step."""
    settings = {
        "resources.mirror": str(mirror),
        "precision": "fp32",
        "train.batch_size": 30,
        "train.max_steps": STEPS,
        "train.eval_every": 3,
        "train.save_every": 2,
        "train.learning_rate": 1e-3,
        "method.dropout": 0.1,
    }
    return {"task": ["snli", "udpos"], "base": str(base), "settings": settings}


def of(arguments, method):
    settings = {k: v for k, v in arguments["settings"].items() if method == "lora" or not k.startswith("method.")}
    return {**arguments, "method": method, "settings": settings}


def stop_after(monkeypatch, step: int) -> None:
    """Let a signal arrive when `step` steps are done."""
    real = loop.optimiser_step

    def counted(member, runtime):
        result = real(member, runtime)
        if member.progress.step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    monkeypatch.setattr(loop, "optimiser_step", counted)


def content(folder: Path) -> dict[str, bytes]:
    """Everything a run has learned and logged, as bytes."""
    files = [path for path in folder.rglob("*") if path.suffix in {".safetensors", ".jsonl"}]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def interrupted(arguments, out, monkeypatch, step) -> Path:
    with monkeypatch.context() as patch:
        stop_after(patch, step)
        with pytest.raises(Interrupted):
            train_intermediate(out=out, **arguments)
    return out


@pytest.mark.parametrize("method", methods.names())
def test_an_interrupted_run_ends_bit_by_bit_like_an_undisturbed_one(arguments, method, tmp_path, monkeypatch):
    arguments = of(arguments, method)
    whole = train_intermediate(out=tmp_path / "whole", **arguments)
    for step in (1, 3, 4):
        interrupted(arguments, tmp_path / "broken", monkeypatch, step)
    again = train_intermediate(out=tmp_path / "broken", **arguments)
    assert content(again.path) == content(whole.path)
    assert again.record.best == whole.record.best
    assert again.record.cost.tokens == whole.record.cost.tokens


@pytest.mark.parametrize("method", ["lora", "bottleneck"])
def test_so_does_a_run_on_top_of_a_stack(arguments, method, tmp_path, monkeypatch):
    short = {**arguments, "settings": {**arguments["settings"], "train.max_steps": 2}}
    members = [train_intermediate(out=tmp_path / name, **{**short, "task": name}) for name in ("snli", "squad_v1")]
    stacked = stack(members, out=tmp_path / "stack")
    arguments = {**of(arguments, method), "base": None, "start": stacked.path}
    whole = train_intermediate(out=tmp_path / "whole", **arguments)
    for step in (1, 4):
        interrupted(arguments, tmp_path / "broken", monkeypatch, step)
    again = train_intermediate(out=tmp_path / "broken", **arguments)
    assert content(again.path) == content(whole.path)
    assert len(again.modules) == 3


def test_a_kill_without_warning_goes_on_from_the_last_checkpoint(arguments, tmp_path, monkeypatch):
    whole = train_intermediate(out=tmp_path / "whole", **arguments)
    real, steps = loop.optimiser_step, []

    def dies(member, runtime):
        if len(steps) == 5:
            raise MemoryError
        steps.append(1)
        return real(member, runtime)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "optimiser_step", dies)
        with pytest.raises(MemoryError):
            train_intermediate(out=tmp_path / "broken", **arguments)
    again = train_intermediate(out=tmp_path / "broken", **arguments)
    assert content(again.path) == content(whole.path)


def test_killed_while_it_wrote_its_first_or_its_last_file_it_goes_on_and_leaves_no_half_of_one(arguments, tmp_path):
    whole = train_intermediate(out=tmp_path / "whole", **arguments)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / ".tmp-12345678-config.json").write_text("{")
    again = train_intermediate(out=broken, **arguments)
    assert content(again.path) == content(whole.path)
    (broken / "run.json").rename(broken / ".tmp-12345678-run.json")
    (broken / "heads" / ".tmp-12345678-snli.json").write_text("{")
    again = train_intermediate(out=broken, **arguments)
    assert content(again.path) == content(whole.path)
    assert not [*broken.rglob(".tmp-*")]


@pytest.mark.parametrize("part", ["random", "optimiser", "step count"])
def test_without_one_part_of_the_state_the_result_would_differ(arguments, tmp_path, monkeypatch, part):
    """Negative controls: the bitwise test above can fail, since every part of a checkpoint matters."""
    whole = train_intermediate(out=tmp_path / "whole", **arguments)
    out = interrupted(arguments, tmp_path / "broken", monkeypatch, 4)

    def forgetful(member, folder):
        fresh, optimiser = member.randomness.state, {}
        real_load(member, folder)
        if part == "random":
            member.randomness.state = fresh
        elif part == "optimiser":
            member.optimiser.state.clear()
            member.optimiser.state.update(optimiser)
        else:
            member.progress = dataclasses.replace(member.progress, task_steps={})

    real_load = checkpoint._load
    monkeypatch.setattr(checkpoint, "_load", forgetful)
    again = train_intermediate(out=out, **arguments)
    assert content(again.path) != content(whole.path)


@pytest.mark.parametrize("part", checkpoint._PARTS)
def test_a_checkpoint_without_a_part_is_refused_even_if_its_manifest_agrees(
    arguments, tmp_path, monkeypatch, part, capsys
):
    whole = train_intermediate(out=tmp_path / "whole", **arguments)
    out = interrupted(arguments, tmp_path / "broken", monkeypatch, 4)
    newest = max((out / "checkpoints").glob("step-*"))
    (newest / part).unlink()
    sign(newest)
    again = train_intermediate(out=out, **arguments)
    message = capsys.readouterr().err
    assert f"checkpoint {newest.name} is passed over: {part} is missing" in message
    assert content(again.path) == content(whole.path)


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied"])
def test_a_damaged_checkpoint_is_passed_over_for_an_older_one(arguments, tmp_path, monkeypatch, damage, capsys):
    whole = train_intermediate(out=tmp_path / "whole", **arguments)
    out = interrupted(arguments, tmp_path / "broken", monkeypatch, 4)
    folders = sorted((out / "checkpoints").glob("step-*"))
    assert len(folders) == 2  # the best look's, and the newest
    file = folders[-1] / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes({"cut": data[: len(data) // 2], "flipped": data, "emptied": b""}[damage])
    again = train_intermediate(out=out, **arguments)
    message = capsys.readouterr().err
    assert "is passed over: weights.safetensors" in message
    assert "at step 3 of 7" in message
    assert content(again.path) == content(whole.path)


def test_a_checkpoint_of_another_run_is_refused(arguments, tmp_path, monkeypatch, capsys):
    out = interrupted(arguments, tmp_path / "one", monkeypatch, 4)
    other = {**arguments, "settings": {**arguments["settings"], "seed": 1}}
    interrupted(other, tmp_path / "other", monkeypatch, 2)
    shutil.rmtree(tmp_path / "other" / "checkpoints")
    shutil.copytree(out / "checkpoints", tmp_path / "other" / "checkpoints")
    whole = train_intermediate(out=tmp_path / "whole", **other)
    again = train_intermediate(out=tmp_path / "other", **other)
    message = capsys.readouterr().err
    assert "it is of another run" in message
    assert "starting at step 0" in message
    assert content(again.path) == content(whole.path)


def test_a_changed_setting_is_refused_with_the_difference(arguments, tmp_path, monkeypatch):
    out = interrupted(arguments, tmp_path / "run", monkeypatch, 2)
    before = content(out)
    changed = {**arguments, "settings": {**arguments["settings"], "train.learning_rate": 2e-3, "method.r": 4}}
    with pytest.raises(UserError) as caught:
        train_intermediate(out=out, **changed)
    assert "method.r: 8 -> 4" in str(caught.value)
    assert "train.learning_rate: 0.001 -> 0.002" in str(caught.value)
    assert content(out) == before


def test_a_finished_run_is_done_and_never_changed(arguments, tmp_path, capsys):
    run = train_intermediate(out=tmp_path / "run", **arguments)
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    again = train_intermediate(out=tmp_path / "run", **arguments)
    assert "already done" in capsys.readouterr().err
    assert again.record == run.record
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before
    assert not (run.path / "checkpoints").exists()


def test_an_interrupt_during_a_look_repeats_the_look(arguments, tmp_path, monkeypatch):
    whole = train_intermediate(out=tmp_path / "whole", **arguments)
    real = loop._dev_score

    def interrupted_look(member, task, runtime, stop):
        os.kill(os.getpid(), signal.SIGTERM)
        return real(member, task, runtime, stop)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_dev_score", interrupted_look)
        with pytest.raises(Interrupted):
            train_intermediate(out=tmp_path / "broken", **arguments)
    state = json.loads((tmp_path / "broken/checkpoints/step-000003/state.json").read_text())
    assert state["progress"]["last_look"] == 0
    again = train_intermediate(out=tmp_path / "broken", **arguments)
    assert content(again.path) == content(whole.path)


def test_no_setting_of_resources_is_part_of_a_runs_identity(arguments, tmp_path, mirror):
    run = train_intermediate(out=tmp_path / "run", **arguments)
    shutil.copytree(mirror, tmp_path / "elsewhere")
    moved = {**arguments["settings"], "resources.mirror": str(tmp_path / "elsewhere"), "resources.device": "cpu"}
    assert train_intermediate(out=tmp_path / "run", **{**arguments, "settings": moved}).record == run.record


def test_a_checkpoint_holds_no_frozen_base(arguments, tmp_path, monkeypatch):
    out = interrupted(arguments, tmp_path / "run", monkeypatch, 2)
    weights = load_file(out / "checkpoints/step-000002/weights.safetensors")
    assert {key.split(".")[0] for key in weights} == {"adapter", "heads"}
    assert all(".lora_" in key for key in weights if key.startswith("adapter."))
    assert {path.name for path in (out / "checkpoints/step-000002").iterdir()} == {*checkpoint._PARTS, "MANIFEST.json"}


def start_command(base, mirror, out, *python: str) -> subprocess.Popen[str]:
    """Start a training that would take hours, in a process of its own."""
    command = [
        sys.executable, *python, "train-intermediate", "--task", "snli", "--base", str(base),
        "--mirror", str(mirror), "--out", str(out), "--precision", "fp32", "--max-steps", "100000",
        "--set", "train.eval_every=100000", "--set", "train.batch_size=8",
    ]  # fmt: skip
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def wait_for_steps(out: Path) -> None:
    deadline = time.monotonic() + 120
    while not ((out / "log.jsonl").is_file() and (out / "log.jsonl").stat().st_size):
        assert time.monotonic() < deadline, "the run did not begin"
        time.sleep(0.05)  # another process's first step is announced by nothing but its log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_exits_with_75(base, mirror, tmp_path, number):
    process = start_command(base, mirror, tmp_path / "run", "-m", "adapterstilts")
    wait_for_steps(tmp_path / "run")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert "saved at step" in errors
    assert "Traceback" not in errors
    [folder] = (tmp_path / "run/checkpoints").glob("step-*")
    assert json.loads((folder / "state.json").read_text())["progress"]["step"] > 0


def test_a_second_signal_stops_at_once_with_130(base, mirror, tmp_path):
    """The first signal is held up in a step that sleeps until it is ended; the second one gets through."""
    code = (
        "import sys, time\n"
        "from adapterstilts.train import loop\n"
        "real = loop.optimiser_step\n"
        "def slow(member, runtime):\n"
        "    result = real(member, runtime)\n"
        "    loop._write_log(member, {'held': True})\n"
        "    time.sleep(60)\n"
        "    return result\n"
        "loop.optimiser_step = slow\n"
        "from adapterstilts.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    process = start_command(base, mirror, tmp_path / "run", "-c", code)
    wait_for_steps(tmp_path / "run")
    process.send_signal(signal.SIGINT)
    while "stopping at the next safe point" not in (process.stderr.readline() if process.stderr else ""):
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors


def test_weights_with_other_names_are_refused(arguments, tmp_path, monkeypatch, capsys):
    out = interrupted(arguments, tmp_path / "run", monkeypatch, 2)
    folder = out / "checkpoints/step-000002"
    weights = load_file(folder / "weights.safetensors")
    weights["adapter.another"] = torch.zeros(1)
    save_file(weights, folder / "weights.safetensors")
    sign(folder)
    with pytest.raises(ValueError, match="other tensors than the model's"):
        train_intermediate(out=out, **arguments)
