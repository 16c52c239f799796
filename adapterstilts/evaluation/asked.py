"""Which tasks and languages an evaluation is asked for, where it may name groups of tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from adapterstilts.console import log_once
from adapterstilts.data.own import find_tasks
from adapterstilts.errors import UserError, nearest
from adapterstilts.tasks import Task, tasks
from adapterstilts.tasks._groups import GROUPS, expand, narrowed


class Asked(NamedTuple):
    """One task and the languages asked for; None means all that have rows."""

    task: Task
    languages: Sequence[str] | None


def ask(names: Sequence[str], languages: Sequence[str] | None, able: Callable[[Task], bool]) -> list[Asked]:
    """Return the tasks of these names, each with its languages.

    Of a group, tasks that are not `able` to be scored are left out, aloud, and so are those that have none of the
    languages; of the others it is asked for the languages that it has. What is named itself stays as it is. Raises
    UserError for an unknown name, for a language that no task has, and where nothing is left.
    """
    groups = [name for name in names if name in GROUPS]
    named = [Asked(task, languages) for task in find_tasks([name for name in names if name not in groups])]
    brought = [narrowed(tasks.get(name), names) for name in expand(names)[len(named) :]]
    if not brought:
        return named
    must_have([*(one.task for one in named), *brought], languages)
    fit = [Asked(task, _had(task, languages)) for task in brought if able(task)]
    fit = [one for one in fit if one.languages != ()]
    left_out = " ".join(task.name for task in brought if task.name not in {one.task.name for one in fit})
    if not fit and not named:
        raise UserError(
            f"nothing here answers a task of {', '.join(groups)}",
            where=f"its tasks: {left_out}",
            fix="train a target first: adapterstilts train-target --task TASK --from RUN --out DIR",
        )
    if left_out:
        log_once(f"evaluate: left out of {', '.join(groups)}, as nothing here answers them: {left_out}")
    return [*named, *fit]


def _had(task: Task, languages: Sequence[str] | None) -> Sequence[str] | None:
    return None if languages is None else tuple(one for one in languages if one in task.configs)


def must_have(declared: Sequence[Task], languages: Sequence[str] | None) -> None:
    """Raise UserError for a language that none of the tasks has."""
    known = {language for task in declared for language in task.configs}
    for language in languages or ():
        if language not in known:
            raise UserError(f"no task asked for has language {language!r}", fix=nearest(language, known))
