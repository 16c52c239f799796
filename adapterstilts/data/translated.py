"""What a mirror says of its machine translations, and a task that knows of them.

`adapterstilts translate` lays a file beside the rows of a repository: for each task and language, the configuration
that holds them and by what they were translated. A task read with that mirror has those languages too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapterstilts.errors import UserError
from adapterstilts.tasks import Split, Task, tasks

NOTE = "adapterstilts.json"
Said = dict[str, dict[str, dict[str, Any]]]  # by task, then language: its `config`, and by what it was translated


def with_translations(task: Task, mirror: str | None) -> Task:
    """Return the task with the languages that a mirror holds translations of; without any, the task itself.

    `mirror`: a folder, as `load_rows` takes it; None means the Hub, which holds none. A language of the task's own
    stays what it is. A task of several parts has the languages that all of its parts have. Raises UserError for a note
    that cannot be read.
    """
    if mirror is None:
        return task
    if task.parts:
        return _of_parts(task, mirror)
    found = read_note(Path(mirror) / task.repo).get(task.name, {})
    new = {language: said for language, said in found.items() if language not in task.configs}
    return _with(task, {one: str(said["config"]) for one, said in new.items()}, new) if new else task


def split_name(task: Task, language: str, split: Split) -> str:
    """Return what the Hub calls a split; translations of a joined one (`a+b`) lie together, under the first name."""
    name = task.split(split)
    return name.partition("+")[0] if language in task.translated else name


def read_note(repository: Path) -> Said:
    """Return what is said of a repository's translations; nothing where there are none."""
    file = repository / NOTE
    if not file.is_file():
        return {}
    try:
        said: Said = json.loads(file.read_text(encoding="utf-8"))["translated"]
        if all(isinstance(one["config"], str) for languages in said.values() for one in languages.values()):
            return said
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise UserError(f"{file} is not what `adapterstilts translate` writes", fix="translate again into another folder")


def _of_parts(task: Task, mirror: str) -> Task:
    parts = [with_translations(tasks.get(name), mirror) for name in task.parts]
    common = set.intersection(*(set(part.translated) for part in parts)) - set(task.configs)
    said = {language: {part.name: part.translated[language] for part in parts} for language in sorted(common)}
    return _with(task, {language: "+".join(part.configs[language] for part in parts) for language in said}, said)


def _with(task: Task, configs: Mapping[str, str], said: Mapping[str, Mapping[str, Any]]) -> Task:
    """Return the task with further languages; a configuration of its own holds one language, whatever its ids."""
    prefixes = {**task.id_prefix, **dict.fromkeys(configs, "")} if task.id_prefix else task.id_prefix
    return replace(task, configs={**task.configs, **configs}, id_prefix=prefixes, translated=said)
