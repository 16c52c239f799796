"""Named merges: what each member is, the merge, its weights and settings, in a YAML file (`recipes/compose/`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from adapterstilts.compose.merges import merges
from adapterstilts.config.recipe import Wrong, find_recipe, read_recipe, refusal
from adapterstilts.config.resolve import read_settings
from adapterstilts.console import log
from adapterstilts.errors import UserError, nearest


class MergeRecipe(BaseModel):
    """One named merge; `members` says what each is, in their order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str = Field(min_length=1)
    source: str = Field(min_length=1)
    members: list[str] = Field(min_length=1)
    how: str
    weights: list[float] | None = None
    settings: dict[str, Any] = {}


@dataclass(frozen=True)
class Wanted:
    """What `merge` is to be asked for: the merge, one weight a member (None: as it comes), its settings."""

    how: str
    weights: list[float] | None
    settings: Mapping[str, Any]


def from_recipe(name: str, members: int) -> Wanted:
    """Return what a recipe of merges asks for, by name or file, and say what it takes each member for.

    Raises UserError for a recipe that is not there or of another kind, for wrong entries, with their lines, and for
    another number of members.
    """
    file, recipe = find_recipe(name), read_recipe(name, MergeRecipe)
    if recipe.how not in merges.names():
        unknown = f": unknown merge {recipe.how!r}, {nearest(recipe.how, merges.names())}"
        raise refusal(file, [Wrong(("how",), unknown)])
    if recipe.weights is not None and len(recipe.weights) != len(recipe.members):
        raise refusal(file, [Wrong(("weights",), f": {len(recipe.weights)} for {len(recipe.members)} members")])
    try:
        read_settings(merges.get(recipe.how).schema, recipe.settings)
    except UserError as error:
        raise refusal(file, [Wrong(("settings",), f": {error.what}")]) from None
    if members != len(recipe.members):
        raise UserError(
            f"recipe {name} is for {len(recipe.members)} members, not {members}",
            where=f"in this order: {'; '.join(recipe.members)}",
            fix="name these runs",
        )
    log(f"recipe {name}: {recipe.about} ({recipe.source})\n  members, in this order: {'; '.join(recipe.members)}")
    return Wanted(recipe.how, recipe.weights, recipe.settings)
