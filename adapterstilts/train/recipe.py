"""Recipes of trainings: what a task's settings were elsewhere, each with where it is known from and how surely.

A value that is known from memory alone is never called anybody's: it is printed as not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from adapterstilts.config.identity import fingerprint
from adapterstilts.config.recipe import Wrong, find_recipe, read_recipe, refusal
from adapterstilts.config.resolve import describe, read_settings
from adapterstilts.config.schema import DataSettings, MethodSettings, TrainSettings
from adapterstilts.console import log
from adapterstilts.errors import UserError, nearest
from adapterstilts.methods import methods
from adapterstilts.tasks import tasks

Sure = Literal["read", "memory", "ours"]

_SECTIONS: Mapping[str, type[BaseModel]] = {"train": TrainSettings, "data": DataSettings}
_WORDS: Mapping[Sure, str] = {
    "read": "read there",
    "memory": "from memory, not checked",
    "ours": "not known, this program's choice",
}
_RATE = "train.learning_rate"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Known(_Part):
    """One value; `source` says where it stands or what it is from, `sure` whether somebody has read it there."""

    value: bool | int | float | str | None
    source: str = Field(min_length=1)
    sure: Sure

    def certainty(self) -> str:
        """Say how surely it is known."""
        return _WORDS[self.sure]


Settings = dict[str, Known]


class Recipe(_Part):
    """Settings of several tasks: `everywhere`, but for those of its own that a task has; `together`, of all at once.

    `method`: how the recipe's authors trained; a learning rate means nothing to another method.
    """

    about: str = Field(min_length=1)
    method: str
    everywhere: Settings = {}
    tasks: dict[str, Settings] = Field(min_length=1)
    together: Settings | None = None


@dataclass(frozen=True)
class Opened:
    """A recipe that was read: the name it was asked for by (of a file, its own), the file, the content."""

    name: str
    file: Path
    recipe: Recipe

    @cached_property
    def digest(self) -> str:
        """A digest of the content, comments aside: what makes two recipes the same."""
        return fingerprint(self.recipe.model_dump(mode="json"))

    def settings(self, names: Sequence[str]) -> Settings:
        """Return the settings of one task, or of several at once.

        A UserError names the tasks that the recipe has, and says where it has no settings for several at once.
        """
        for name in names:
            if name not in self.recipe.tasks:
                raise UserError(
                    f"recipe {self.name} says nothing of task {name}",
                    where=f"its tasks: {', '.join(self.recipe.tasks)}",
                    fix=f"{nearest(name, self.recipe.tasks)}; or leave --recipe out",
                )
        if len(names) == 1:
            return {**self.recipe.everywhere, **self.recipe.tasks[names[0]]}
        if self.recipe.together is None:
            raise UserError(
                f"recipe {self.name} says nothing of several tasks at once", fix="train each in a run of its own"
            )
        return {**self.recipe.everywhere, **self.recipe.together}


def open_recipe(name: str) -> Opened:
    """Return a recipe of trainings, by name or file.

    Raises UserError for one that is not there, and for entries that are wrong: all at once, with lines.
    """
    file, recipe = find_recipe(name), read_recipe(name, Recipe)
    problems = [*_unknown_names(recipe), *_wrong_settings(recipe)]
    if problems:
        raise refusal(file, problems)
    return Opened(file.stem if name.endswith(".yaml") else name, file, recipe)


def with_recipe(given: Mapping[str, Any], names: Sequence[str], method: str) -> dict[str, Any]:
    """Return settings with those of the recipe that they name (`recipe`), where they have none of their own; say it.

    The recipe's place is taken by what a record keeps of it. A learning rate of another method is left out.
    """
    settings = dict(given)
    name = settings.pop("recipe", None)
    if name is None:
        return settings
    opened = open_recipe(str(name))
    known = opened.settings(names)
    used = {key: one for key, one in known.items() if key not in settings}
    log(f"recipe {opened.name}: {opened.recipe.about.strip()}")
    if method != opened.recipe.method and _RATE in used:
        del used[_RATE]
        log(f"  {_RATE}: not the recipe's, which is for --method {opened.recipe.method}; that of {method}")
    for key, one in used.items():
        log(f"  {key} = {one.value} ({one.certainty()}: {one.source})")
    for key in (key for key in known if key in settings):
        log(f"  {key} = {settings[key]}, as given (the recipe: {known[key].value}, {known[key].certainty()})")
    if settings.get("train.max_steps") is not None and "train.epochs" in used:
        log("  train.max_steps was given, so the recipe's epochs do not count")
    sure = {key: one.sure for key, one in used.items()}
    filled = {key: one.value for key, one in used.items()}
    return {**filled, **settings, "recipe": {"name": opened.name, "digest": opened.digest, "sure": sure}}


def _unknown_names(recipe: Recipe) -> Iterator[Wrong]:
    if recipe.method not in methods.names():
        yield Wrong(("method",), f": unknown method {recipe.method!r}, {nearest(recipe.method, methods.names())}")
    for name in recipe.tasks:
        if name not in tasks.names():
            yield Wrong(("tasks", name), f": unknown task, {nearest(name, tasks.names())}")


def _wrong_settings(recipe: Recipe) -> Iterator[Wrong]:
    """Yield settings that there are not, and values that they cannot have."""
    places: dict[tuple[str, ...], Settings] = {("everywhere",): recipe.everywhere, ("together",): recipe.together or {}}
    places |= {("tasks", name): settings for name, settings in recipe.tasks.items()}
    known = [entry.key for entry in describe(MethodSettings) if entry.key.split(".")[0] in _SECTIONS]
    for place, settings in places.items():
        for key, one in settings.items():
            section, _, name = key.partition(".")
            if key not in known:
                yield Wrong((*place, key), f": unknown setting, {nearest(key, known)}")
                continue
            try:
                read_settings(_SECTIONS[section], {name: one.value})
            except UserError as error:
                yield Wrong((*place, key, "value"), f": {error.what}")
