"""The LM head that fits a run's encoder: it tells of any run how well it still knows its languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from adapterstilts.base import BaseFiles, find_base, load_lm_head
from adapterstilts.errors import UserError
from adapterstilts.evaluation.heads import HeadRecord, SavedHead, head_for, read_head
from adapterstilts.evaluation.load import encoder_files
from adapterstilts.formats import is_text
from adapterstilts.store.run import Run, read_run
from adapterstilts.tasks import Task

if TYPE_CHECKING:
    from torch import Tensor


class Found(NamedTuple):
    """An LM head's weights, and whose they are: `run` or `base`, and its fingerprint."""

    weights: dict[str, Tensor]
    source: str


def head_of(run: Run, task: Task, wanted: str | None = None, base: str | None = None) -> SavedHead:
    """Return the head that answers `task`, as `head_for`; of text, where the run has none, an LM head from before it.

    That is the one of the run it started from, or its base's. `base`: another place of the run's own base. Raises
    UserError where there is no head.
    """
    if wanted or not is_text(task) or task.name in run.heads:
        return head_for(run, task, wanted)
    own = _saved_name(run)
    if own:
        return head_for(run, task, own)
    found = _inherited(run) or _of_base(run, base)
    if found is None:
        raise UserError(
            f"{run.path} has no LM head for task {task.name}, and its base has none in its files",
            fix=f"train one: adapterstilts continue-mlm --from {run.path} --out DIR",
        )
    record = HeadRecord(task=task.name, task_version=task.version, format=task.format, labels=[])
    return SavedHead(run, record, found.weights, found.source)


def fitting(run: Run | None, base: BaseFiles) -> Found | None:
    """Return the LM head that fits what a training starts from, `run` or (None) a bare base; None where there is none.

    A run's own is nearer to its encoder than the base's.
    """
    if run is not None:
        return _inherited(run) or _of_base(run, base.name if run.method != "full" else None)
    weights = load_lm_head(base)
    return Found(weights, f"base {base.fingerprint}") if weights else None


def _inherited(run: Run) -> Found | None:
    """Return the LM head that a run has, or else the run that it started from; None where no such run has one.

    What was made of several runs has none of theirs.
    """
    name = _saved_name(run)
    if name:
        return Found(read_head(run, name).weights(), f"run {run.record.fingerprint}")
    before = _before(run)
    return _inherited(before) if before else None


def _before(run: Run) -> Run | None:
    """Return the one run that this one started from; None where there is none, or it is no longer there."""
    if len(run.record.parents) != 1:
        return None
    [parent] = run.record.parents
    try:
        before = read_run(parent.path)
    except UserError:  # gone; the base may still have a head
        return None
    return before if before.record.fingerprint == parent.fingerprint else None


def _saved_name(run: Run) -> str | None:
    return next((name for name in run.heads if read_head(run, name).record.format == "masked_lm"), None)


def _of_base(run: Run, base: str | None) -> Found | None:
    files = _base_files(run, base)
    weights = load_lm_head(files)
    before = _before(run)
    if weights is None and before:  # its base is the encoder of a run before it
        return _of_base(before, None)
    return Found(weights, f"base {files.fingerprint}") if weights else None


def _base_files(run: Run, base: str | None) -> BaseFiles:
    """Return the files of what the run was trained on; where its encoder is its own, those of the one before."""
    if run.method != "full":
        return encoder_files(run, base)
    files = find_base(run.record.base.name)
    if files.fingerprint != run.record.base.fingerprint:
        raise UserError(
            f"the base that {run.path} began with is another one now: {files.name}",
            where=f"then {run.record.base.fingerprint}, now {files.fingerprint}",
            fix="put the base back where it was",
        )
    return files
