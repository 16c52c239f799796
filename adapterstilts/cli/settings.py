"""`adapterstilts settings`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from adapterstilts.cli import _options
from adapterstilts.errors import UserError

if TYPE_CHECKING:
    from adapterstilts.report.tables import Table
    from adapterstilts.train.recipe import Opened, Settings


@click.command(short_help="List every setting of --set, or those of a recipe.")
@click.option("--method", default="lora", show_default=True, metavar="NAME", help="Whose own settings to list too.")
@click.option("--recipe", metavar="NAME|FILE", help="List this recipe's settings instead, with their sources.")
@click.option("--task", "task", multiple=True, metavar="NAME", help="Of this task; of several, those of all at once.")
@_options.as_json
def settings(method: str, recipe: str | None, task: tuple[str, ...], as_json: bool) -> None:
    """List every setting that --set takes, with its default and its meaning; or the settings of a recipe.

    \b
    Examples:
      adapterstilts settings
      adapterstilts settings --method full --json
      adapterstilts settings --recipe paper/jiant --task xnli
    """
    if recipe:
        _show_recipe(recipe, task, as_json)
        return
    if task:
        raise UserError("--task is for the settings of a recipe", fix="add --recipe NAME, or leave --task out")
    from adapterstilts.config.resolve import describe
    from adapterstilts.methods import method_of
    from adapterstilts.report.tables import Table, show

    entries = describe(method_of(method).schema)
    if as_json:
        click.echo(json.dumps([entry._asdict() for entry in entries], indent=2))
        return
    rows = [[entry.key, entry.default, entry.description] for entry in entries]
    show([Table("settings", ["--set", "default", "meaning"], rows, words=True)])


def _show_recipe(name: str, asked: tuple[str, ...], as_json: bool) -> None:
    from adapterstilts.report.tables import show
    from adapterstilts.tasks._groups import expand
    from adapterstilts.train.recipe import open_recipe

    opened = open_recipe(name)
    found = {", ".join(names): opened.settings(names) for names in _wanted(opened, expand(asked))}
    if as_json:
        plain = {title: {key: one.model_dump() for key, one in some.items()} for title, some in found.items()}
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        show([_table(opened, title, some) for title, some in found.items()])


def _wanted(opened: Opened, asked: list[str]) -> list[list[str]]:
    """Return the tasks that were asked for; without any, each of the recipe's, and all at once if it has that."""
    if asked:
        return [asked]
    every = list(opened.recipe.tasks)
    return [*([name] for name in every), *([every] if opened.recipe.together is not None else [])]


def _table(opened: Opened, title: str, settings: Settings) -> Table:
    from adapterstilts.report.tables import Table

    rows = [
        [key, "none" if one.value is None else str(one.value), one.certainty(), one.source]
        for key, one in settings.items()
    ]
    heading = ["--set", "value", "how surely", "where from"]
    notes = [opened.recipe.about.strip(), f"learning rate: of --method {opened.recipe.method} alone"]
    return Table(f"{opened.name}: {title}", heading, rows, notes, words=True)


COMMAND = settings
