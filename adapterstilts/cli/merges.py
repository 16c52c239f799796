"""`adapterstilts merges`."""

from __future__ import annotations

import json

import click

from adapterstilts.cli import _options


@click.command(short_help="List the ways to merge.")
@_options.as_json
def merges(as_json: bool) -> None:
    """List the ways to merge, with what they compute and where they come from.

    \b
    Examples:
      adapterstilts merges
      adapterstilts merges --json
    """
    from adapterstilts.compose.merges import merges as catalog
    from adapterstilts.report.tables import Table, show

    known = {name: catalog.get(name) for name in catalog.names()}
    if as_json:
        fields = ("summary", "formula", "source", "exact", "methods")
        told = {name: {field: getattr(one, field) for field in fields} for name, one in known.items()}
        for name, one in known.items():
            told[name]["settings"] = one.schema.model_json_schema()["properties"]
        click.echo(json.dumps(told, indent=2))
    else:
        rows = [[name, one.summary, one.formula] for name, one in known.items()]
        show([Table("merges", ["name", "what it gives", "formula"], rows, words=True)])


COMMAND = merges
