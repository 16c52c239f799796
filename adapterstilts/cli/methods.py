"""`adapterstilts methods`."""

from __future__ import annotations

import json

import click

from adapterstilts.cli import _options


@click.command(short_help="List the methods.")
@_options.as_json
def methods(as_json: bool) -> None:
    """List the methods, their default learning rates and where these come from.

    \b
    Example:
      adapterstilts methods
    """
    from adapterstilts.methods import methods as catalog
    from adapterstilts.report.tables import Table, show

    entries = {name: catalog.get(name) for name in catalog.names()}
    if as_json:
        facts = {
            name: {
                "summary": method.summary,
                "learning_rate": method.learning_rate,
                "learning_rate_source": method.learning_rate_source,
                "settings": method.schema.model_json_schema()["properties"],
            }
            for name, method in entries.items()
        }
        click.echo(json.dumps(facts, indent=2))
        return
    rows = [[n, m.summary, f"{m.learning_rate:g}", m.learning_rate_source] for n, m in entries.items()]
    show([Table("methods", ["method", "what is trained", "learning rate", "its source"], rows, words=True)])


COMMAND = methods
