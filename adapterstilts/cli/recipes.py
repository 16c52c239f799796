"""`adapterstilts recipes`."""

from __future__ import annotations

import json

import click

from adapterstilts.cli import _options


@click.group(invoke_without_command=True, short_help="List the recipes, or copy one.")
@_options.as_json
@click.pass_context
def recipes(context: click.Context, as_json: bool) -> None:
    """List the recipes that come with the program: studies, settings of trainings, compositions.

    \b
    Examples:
      adapterstilts recipes
      adapterstilts recipes cp mini/efficient-versus-full mine.yaml
      adapterstilts check mine.yaml
    """
    if context.invoked_subcommand:
        return
    from adapterstilts.report.recipes import recipe_table
    from adapterstilts.report.recipes import recipes as known
    from adapterstilts.report.tables import show

    if as_json:
        click.echo(json.dumps([one._asdict() for one in known()], indent=2, ensure_ascii=False))
    else:
        show([recipe_table()])


@recipes.command("cp")
@click.argument("name")
@click.argument("file")
def cp(name: str, file: str) -> None:
    """Copy a recipe to a file of your own, to change it; a file that is there stays.

    \b
    Example:
      adapterstilts recipes cp mini/merging mine.yaml
    """
    from adapterstilts.report.recipes import copy_recipe

    copied = copy_recipe(name, file)
    click.echo(f"next: change it; then: adapterstilts check {file}", err=True)
    click.echo(str(copied))


COMMAND = recipes
