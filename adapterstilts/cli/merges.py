"""`adapterstilts merges`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from adapterstilts.cli import _options

if TYPE_CHECKING:
    from adapterstilts.compose.merges import Merge

_RANKS = {
    "factors": "the sum of the members'",
    "exact": "as many as it needs",
    "largest": "--rank, else the largest of the members'",
    "sum": "--rank, else the sum of the members'",
}


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
            told[name]["rank"] = _RANKS[one.kept]
            told[name]["settings"] = one.schema.model_json_schema()["properties"]
        click.echo(json.dumps(told, indent=2))
    else:
        rows = [[name, "\n".join([*_about(one), ""])] for name, one in known.items()]
        show([Table("merges", ["name", "what it gives, its formula, rank, settings, source"], rows, words=True)])


def _about(merge: Merge) -> list[str]:
    """Return what is to be known of one merge, a line each."""
    defaults = merge.schema().model_dump(mode="json")
    settings = ", ".join(f"{key}={value}" for key, value in defaults.items())
    lines = [merge.summary, merge.formula, f"rank: {_RANKS[merge.kept]}"]
    return [*lines, *([f"--set: {settings}"] if settings else []), merge.source]


COMMAND = merges
