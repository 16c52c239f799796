"""A task of one's own: a YAML file in the place of a task's name, wherever a task is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adapterstilts.errors import UserError
from adapterstilts.tasks import Task, tasks
from adapterstilts.tasks._groups import must_be_known


def is_own(name: str) -> bool:
    """Whether a task is named by its YAML file."""
    return name.endswith((".yaml", ".yml"))


def find_task(name: str) -> Task:
    """Return the task that `name` means: one of the catalog, or a person's own, by the path of its YAML file.

    Raises UserError: an unknown name, or everything that is wrong with the file and the files that it names.
    """
    if is_own(name):
        from adapterstilts.data.own.declaration import read_own  # numpy: nothing that planning needs

        return read_own(Path(name))
    if name in tasks.names():
        return tasks.get(name)
    beside = next((file for file in (f"{name}.yaml", f"{name}.yml") if Path(file).is_file()), None)
    if beside:
        raise UserError(f"unknown task {name!r}", fix=f"a task of your own is named by its file: --task ./{beside}")
    return tasks.get(must_be_known(name))


def find_tasks(names: Sequence[str]) -> list[Task]:
    """Return the tasks that `names` mean; a UserError where two different ones have the same name."""
    found = [find_task(name) for name in names]
    for place, task in enumerate(found):
        earlier = next((one for one in found[:place] if one.name == task.name and one != task), None)
        if earlier:
            raise UserError(
                f"two different tasks are called {task.name!r}",
                where=" and ".join(name for name, one in zip(names, found, strict=True) if one.name == task.name),
                fix="rename one of them (`name:` in its file)",
            )
    return found
