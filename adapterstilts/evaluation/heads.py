"""Heads on disk: weights, and beside them what the outputs mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pydantic import BaseModel, ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor

from adapterstilts.errors import UserError, nearest
from adapterstilts.formats import Learnable, Meaning, formats, learnable
from adapterstilts.model import TransferModel
from adapterstilts.store.atomic import write_json
from adapterstilts.store.places import inside
from adapterstilts.store.run import Run
from adapterstilts.tasks import Task


class HeadRecord(BaseModel):
    """heads/<task>.json: what the head's outputs mean."""

    task: str
    task_version: int
    format: str
    labels: list[str]


@dataclass(frozen=True)
class SavedHead:
    """A head in a run folder; or `borrowed`, an LM head from before the run: `source` says whose."""

    run: Run
    record: HeadRecord
    borrowed: Mapping[str, Tensor] | None = None
    source: str = ""

    @property
    def name(self) -> str:
        """The task that it was trained for."""
        return self.record.task

    def load(self, model: TransferModel, name: str) -> None:
        """Put the head on a model, under `name`."""
        model.add_head(name, cast(Learnable, formats.get(self.record.format)), len(self.record.labels), seed=0)
        model.heads[name].load_state_dict(self.weights())

    def weights(self) -> dict[str, Tensor]:
        """Return the head's tensors."""
        if self.borrowed is not None:
            return dict(self.borrowed)
        return load_file(inside(self.run.path / "heads", f"{self.name}.safetensors"))


def save_head(model: TransferModel, task: Task, folder: Path) -> None:
    """Write one head's weights and what its outputs mean."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.heads[task.name].state_dict().items()}
    save_file(state, inside(folder, f"{task.name}.safetensors"))
    record = HeadRecord(task=task.name, task_version=task.version, format=task.format, labels=list(task.labels))
    write_json(inside(folder, f"{task.name}.json"), record.model_dump())


def read_head(run: Run, name: str) -> SavedHead:
    """Return the head that a run has for task `name`; a UserError names the heads there are."""
    file = inside(run.path / "heads", f"{name}.json")
    if not file.is_file():
        raise UserError(f"{run.path} has no head for task {name!r}", where=nearest(name, run.heads))
    try:
        return SavedHead(run, HeadRecord.model_validate(json.loads(file.read_text(encoding="utf-8"))))
    except (ValueError, ValidationError) as error:
        raise UserError(f"{file} cannot be read: {str(error).splitlines()[0]}", fix="train again") from None


def head_for(run: Run, task: Task, wanted: str | None = None) -> SavedHead:
    """Return the head that answers `task`: `wanted`, else the task's own, else one that it learns from.

    Raises UserError where there is none, or where its outputs mean something else.
    """
    name = wanted or _usual(run, task)
    if name is None:
        raise UserError(
            f"{run.path} has no head for task {task.name!r}",
            where=nearest(task.name, run.heads),
            fix=f"train one: adapterstilts train-target --task {task.name} --from {run.path} --out DIR",
        )
    head = read_head(run, name)
    if head.record.format != task.format or not _knows(head.record, task):
        raise UserError(
            f"the head of {run.path} for task {name} does not answer task {task.name}",
            where=f"head: {_about(head.record)}; task: {_about(task)}",
            fix="train the head again, or choose another with --head",
        )
    return head


def can_answer(run: Run, task: Task, wanted: str | None = None) -> bool:
    """Return whether a run has a head for `task`, as `head_for` would choose it."""
    name = wanted or _usual(run, task)
    if name is None:
        return False
    record = read_head(run, name).record
    return record.format == task.format and _knows(record, task)


def _usual(run: Run, task: Task) -> str | None:
    return next((name for name in (task.name, *task.learns_from) if name in run.heads), None)


def meaning_of(head: SavedHead, task: Task) -> Meaning:
    """Return what the head's outputs mean in answers to `task`."""
    labels = task.labels if learnable(task).positional else head.record.labels
    return Meaning(labels, task.no_answer)


def as_answered(task: Task, head: SavedHead | None) -> Task:
    """Return the task without the labels that `head` does not know: they count as others, as the task declares."""
    if head is None or set(task.labels) <= set(head.record.labels):
        return task
    return replace(task, labels=tuple(name for name in task.labels if name not in task.counted_as))


def _knows(record: HeadRecord, task: Task) -> bool:
    """Return whether a head's outputs are the task's labels, those aside that count as others for a head without."""
    if learnable(task).positional:
        return True
    if task.open_labels:  # which they are is known once rows are read; gold and answers are compared by name
        return record.task == task.name
    fewer = [name for name in task.labels if name not in task.counted_as]
    return sorted(record.labels) in (sorted(task.labels), sorted(fewer))


def _about(what: HeadRecord | Task) -> str:
    return f"{what.format} {', '.join(what.labels)}".strip()
