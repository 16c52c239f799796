"""Checkpoints: everything that decides the next step, or nothing.

    checkpoints/step-000140/
        weights.safetensors     adapter and heads
        optimiser.safetensors   AdamW's moments and step counts
        random.safetensors      the member's random generators
        average.safetensors     the sum of averaged looks in float64, if there are any
        state.json              counters, identity of the run, length of the log
        MANIFEST.json           written last

A folder that is incomplete or damaged is passed over with its reason. The data order and the learning rate
are functions of the step number, so there is nothing of them to keep.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from adapterstilts.console import log
from adapterstilts.store.atomic import new_folder, remove_leftovers
from adapterstilts.store.manifest import NAME, Damaged, sign, verify
from adapterstilts.train.member import Member
from adapterstilts.train.progress import Progress

_PARTS = ("weights.safetensors", "optimiser.safetensors", "random.safetensors", "state.json")
_AVERAGE = "average.safetensors"


def save(member: Member) -> None:
    """Write the member's whole state, then drop older checkpoints except the best one."""
    folder = _folder(member, member.progress.step)
    with new_folder(folder) as temporary:
        save_file(member.weights(), temporary / _PARTS[0])
        save_file(_optimiser_tensors(member), temporary / _PARTS[1])
        save_file(dict(member.randomness.state), temporary / _PARTS[2])
        if member.total:
            save_file(member.total, temporary / _AVERAGE)
        (temporary / _PARTS[3]).write_text(json.dumps(_state(member), indent=2), encoding="utf-8")
        sign(temporary)
    keep = {folder, _folder(member, member.progress.best_step)}
    for other in _all(member):
        if other not in keep:
            shutil.rmtree(other)


def resume(member: Member) -> None:
    """Put the member where its newest whole checkpoint stands; without one it starts at step 0."""
    if not (member.folder / "checkpoints").is_dir():
        _cut_log(member, 0)
        return
    remove_leftovers(member.folder / "checkpoints")
    for folder in reversed(_all(member)):
        try:
            _load(member, folder)
        except Damaged as reason:
            log(f"checkpoint {folder.name} is passed over: {reason}")
        else:
            log(f"resuming {member.folder} at step {member.progress.step} of {member.total_steps}")
            return
    log(f"no whole checkpoint in {member.folder}: starting at step 0")
    _cut_log(member, 0)


def restore_best(member: Member) -> None:
    """Put the weights of the best look in place, heads included."""
    if member.progress.best_step == member.progress.step:
        return
    folder = _folder(member, member.progress.best_step)
    _check(folder, member)
    member.set_weights(load_file(folder / _PARTS[0]))


def _load(member: Member, folder: Path) -> None:
    state = _check(folder, member)
    best = state["progress"]["best_step"]
    if best and best != state["progress"]["step"]:
        try:
            _check(_folder(member, best), member)
        except Damaged as reason:
            raise Damaged(f"its best checkpoint, step {best}: {reason}") from None
    member.set_weights(load_file(folder / _PARTS[0]))
    _set_optimiser_tensors(member, load_file(folder / _PARTS[1]))
    member.randomness.state = load_file(folder / _PARTS[2])
    member.total = load_file(folder / _AVERAGE) if state["progress"]["averaged"] else {}
    member.progress = Progress(**{**state["progress"], "best_score": _number(state["progress"]["best_score"])})
    _cut_log(member, state["log_bytes"])


def _check(folder: Path, member: Member) -> dict[str, Any]:
    """Return the state of a checkpoint that is whole and this run's; raise Damaged, with the reason, else."""
    verify(folder)
    listed = json.loads((folder / NAME).read_text(encoding="utf-8"))["parts"]
    absent = [part for part in _PARTS if part not in listed]
    if absent:
        raise Damaged(f"{absent[0]} is missing")
    state: dict[str, Any] = json.loads((folder / _PARTS[3]).read_text(encoding="utf-8"))
    if state["run"] != member.identity:
        raise Damaged(f"it is of another run ({state['run']})")
    if state["progress"]["averaged"] and _AVERAGE not in listed:
        raise Damaged(f"{_AVERAGE} is missing")
    return state


def _state(member: Member) -> dict[str, Any]:
    counters = dataclasses.asdict(member.progress)
    if counters["best_score"] == -math.inf:
        counters["best_score"] = None  # JSON has no infinity
    file = member.folder / "log.jsonl"
    return {
        "run": member.identity,
        "progress": counters,
        "log_bytes": file.stat().st_size if file.exists() else 0,
    }


def _number(value: float | None) -> float:
    return -math.inf if value is None else value


def _optimiser_tensors(member: Member) -> dict[str, torch.Tensor]:
    names: dict[torch.Tensor, str] = {parameter: key for key, parameter in member.parameters.items()}
    return {
        f"{part}/{names[parameter]}": tensor.detach().cpu().clone()
        for parameter, state in member.optimiser.state.items()
        for part, tensor in state.items()
    }


def _set_optimiser_tensors(member: Member, tensors: dict[str, torch.Tensor]) -> None:
    member.optimiser.state.clear()
    for name, tensor in tensors.items():
        part, _, key = name.partition("/")
        # AdamW counts steps on the CPU whatever the device; its moments lie beside the parameter.
        place = tensor if part == "step" else tensor.to(member.parameters[key].device)
        member.optimiser.state[member.parameters[key]][part] = place


def _cut_log(member: Member, size: int) -> None:
    """Cut the log back to the checkpoint, so that no step stands in it twice."""
    file = member.folder / "log.jsonl"
    if file.exists():
        os.truncate(file, size)


def _folder(member: Member, step: int) -> Path:
    return member.folder / "checkpoints" / f"step-{step:06d}"


def _all(member: Member) -> list[Path]:
    return sorted((member.folder / "checkpoints").glob("step-*"), key=lambda path: int(path.name[5:]))
