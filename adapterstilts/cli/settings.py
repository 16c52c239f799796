"""`adapterstilts settings`."""

from __future__ import annotations

import json

import click

from adapterstilts.cli import _options


@click.command(short_help="List every setting of --set.")
@click.option("--method", default="lora", show_default=True, metavar="NAME", help="Whose own settings to list too.")
@_options.as_json
def settings(method: str, as_json: bool) -> None:
    """List every setting that --set takes, with its default and its meaning.

    \b
    Examples:
      adapterstilts settings
      adapterstilts settings --method full --json
    """
    from adapterstilts.config.resolve import describe
    from adapterstilts.methods import methods
    from adapterstilts.report.tables import Table, show

    entries = describe(methods.get(method).schema)
    if as_json:
        click.echo(json.dumps([entry._asdict() for entry in entries], indent=2))
        return
    rows = [[entry.key, entry.default, entry.description] for entry in entries]
    show([Table("settings", ["--set", "default", "meaning"], rows, words=True)])


COMMAND = settings
