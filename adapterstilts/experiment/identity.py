"""What a step's result depends on beside its settings: the tasks' declarations, a person's own files, a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from adapterstilts.config.identity import fingerprint
from adapterstilts.config.recipe import find_recipe, read_yaml
from adapterstilts.data.own import find_task, is_own
from adapterstilts.store.manifest import digest


def rows_identity(names: Sequence[str]) -> dict[str, str]:
    """Return by task what tells its rows apart: the version of its declaration; of a person's own, its files too."""
    return {name: _identity(name) for name in names}


@cache
def _identity(name: str) -> str:
    task = find_task(name)
    versions = [f"{one}.{find_task(one).version}" for one in (*task.learns_from, *task.parts)]
    files = sorted({Path(file) for splits in task.files.values() for file in splits.values()})
    if not is_own(name):
        return ".".join([str(task.version), *versions])
    return fingerprint([task.repo, *map(digest, files)])


def settings_identity(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of the recipe of trainings that the settings name, where they name one."""
    name = settings.get("recipe")
    return {"recipe": _content(str(name))} if name else {}


@cache
def _content(name: str) -> str:
    return fingerprint(read_yaml(find_recipe(name)))
