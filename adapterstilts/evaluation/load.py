"""From a run folder to a model that can be called, with every tensor checked to have arrived."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from safetensors.torch import load_file, save_file

from adapterstilts.base import BaseFiles, find_base, load_tokenizer
from adapterstilts.errors import UserError, nearest
from adapterstilts.methods import full, methods
from adapterstilts.model import Runtime, TransferModel, hold_frozen_in_bf16
from adapterstilts.store.atomic import write_json
from adapterstilts.store.places import inside
from adapterstilts.store.run import Run
from adapterstilts.tasks import Task, tasks

MODULE = "at_run"  # a module's name inside a model; people's names are in run.json


class HeadRecord(BaseModel):
    """heads/<task>.json: what the head's outputs mean."""

    task: str
    task_version: int
    format: str
    labels: list[str]


@dataclass(frozen=True)
class Loaded:
    """A run, ready to predict: `labels` are each head's label names in the order of its outputs."""

    run: Run
    model: TransferModel
    tokenizer: Any
    labels: dict[str, list[str]]


def encoder_files(run: Run, base: str | None = None) -> BaseFiles:
    """Return the files of the encoder under the run's module: its base, or its own encoder for `full`.

    `base` names another place of the same base; a base with another fingerprint is a UserError.
    """
    if not methods.get(run.method).frozen_base:
        if base:
            raise UserError(f"{run.path} has an encoder of its own", fix="leave --base out")
        return find_base(str(run.path / full.FOLDER))
    found = find_base(base or run.record.base.name)
    if found.fingerprint != run.record.base.fingerprint:
        raise UserError(
            f"{run.path} was trained on another base",
            where=(
                f"its base: {run.record.base.name} ({run.record.base.fingerprint}); "
                f"given: {found.name} ({found.fingerprint})"
            ),
            fix=f"use --base {run.record.base.name}, or train the adapter again on this base",
        )
    return found


def load_run(run: Run, task_names: Sequence[str], runtime: Runtime, base: str | None = None) -> Loaded:
    """Load the run's encoder, its module and the heads of `task_names`, ready to predict."""
    for name in task_names:
        if name not in run.heads:
            raise UserError(
                f"{run.path} has no head for task {name!r}",
                where=nearest(name, run.heads),
                fix=f"train one: adapterstilts train-target --task {name} --from {run.path} --out DIR",
            )
    files = encoder_files(run, base)
    method = methods.get(run.method)
    model = TransferModel(method.restore(files, run.path, MODULE))
    labels = {name: _load_head(model, tasks.get(name), run) for name in task_names}
    model.requires_grad_(False).eval()
    if runtime.precision == "bf16":
        adapter = method.parameters(model.encoder, MODULE).values() if method.frozen_base else ()
        hold_frozen_in_bf16(model.encoder, adapter)
    return Loaded(run, model.to(runtime.device), load_tokenizer(files), labels)


def save_head(model: TransferModel, task: Task, folder: Path) -> None:
    """Write one head's weights and what its outputs mean."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.heads[task.name].state_dict().items()}
    save_file(state, inside(folder, f"{task.name}.safetensors"))
    record = HeadRecord(task=task.name, task_version=task.version, format=task.format, labels=list(task.labels))
    write_json(inside(folder, f"{task.name}.json"), record.model_dump())


def _load_head(model: TransferModel, task: Task, run: Run) -> list[str]:
    file = run.path / "heads" / f"{task.name}.json"
    try:
        record = HeadRecord.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, ValidationError) as error:
        raise UserError(f"{file} cannot be read: {str(error).splitlines()[0]}", fix="train again") from None
    if sorted(record.labels) != sorted(task.labels) or record.format != task.format:
        raise UserError(
            f"the head of {run.path} for task {task.name} has other labels than the task has now",
            where=f"head: {', '.join(record.labels)}; task: {', '.join(task.labels)}",
            fix="train the head again",
        )
    model.add_head(task, seed=0)
    model.heads[task.name].load_state_dict(load_file(file.with_suffix(".safetensors")))
    return record.labels
