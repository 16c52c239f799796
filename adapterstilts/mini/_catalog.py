"""Which maker draws the rows of which task, in the order in which they are written."""

from __future__ import annotations

from adapterstilts.mini import _makers, _more_makers
from adapterstilts.mini._makers import Maker
from adapterstilts.tasks import Task

MAKERS: dict[str, Maker] = {**_makers.MAKERS, **_more_makers.MAKERS}
_KINDS = {"span": 3, "masked_lm": 5, "preference": 2, "mining": 2, "answer_retrieval": 3}


def kinds(task: Task) -> int:
    """Return how many labels a task's maker knows: the task's own, or where it names none, those of its format."""
    return len(task.labels) or _KINDS.get(task.format, 1) + task.no_answer
