"""Masked LM beside intermediate tasks: which text it is, and where it is refused.

The paper interleaves it as one more task, so that the encoder does not forget its languages (arXiv 2005.13013).
"""

from __future__ import annotations

from collections.abc import Sequence

from adapterstilts.config.schema import MethodSettings, Phase, RunConfig
from adapterstilts.errors import UserError
from adapterstilts.formats import is_text
from adapterstilts.tasks import Task

TEXT = "wikipedia"


def must_suit(phase: Phase, declared: Sequence[Task], config: RunConfig[MethodSettings]) -> None:
    """Raise UserError where masked LM is asked for beside what has it already, or text of it without its share."""
    wanted = config.mlm
    if wanted.ratio is None:
        if wanted.languages is not None:
            raise UserError("--mlm-languages says nothing without a share", fix="add --with-mlm RATIO, such as 0.2")
        return
    if phase != "intermediate":
        command = {"target": "train-target", "mlm": "continue-mlm"}[phase]
        raise UserError(f"mlm.ratio = {wanted.ratio}: {command} has no masked LM beside it", fix="leave it out")
    for task in declared:
        if is_text(task):
            raise UserError(
                f"task {task.name} is masked LM itself, and --with-mlm puts masked LM beside it",
                fix="leave one of them out",
            )
    if wanted.languages is not None and config.data.text is not None:
        raise UserError(
            "--mlm-languages chooses among Wikipedia's; the files of --mlm-text stand in for them",
            fix="leave --mlm-languages out",
        )


def for_tasks(config: RunConfig[MethodSettings]) -> RunConfig[MethodSettings]:
    """Return the settings that the tasks' rows are chosen by: text files are the masked LM's, if there is any."""
    return _with_data(config, text=None) if config.mlm.ratio else config


def for_text(config: RunConfig[MethodSettings]) -> RunConfig[MethodSettings]:
    """Return the settings that the text is chosen by: its own languages, and all of it."""
    return _with_data(config, languages=config.mlm.languages, limit_train=None, select_on="dev")


def _with_data(config: RunConfig[MethodSettings], **changed: object) -> RunConfig[MethodSettings]:
    return config.model_copy(update={"data": config.data.model_copy(update=changed)})
