"""`adapterstilts check`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from adapterstilts.cli import _options

if TYPE_CHECKING:
    from adapterstilts.experiment.build import Cell


@click.command(short_help="Check a study's recipe.")
@click.argument("recipe")
@_options.as_json
def check(recipe: str, as_json: bool) -> None:
    """Check a study's recipe: every key, name, value and reference, all problems at once, with their lines.

    RECIPE is a name of `adapterstilts recipes` or a YAML file. Nothing is trained, and nothing written.

    \b
    Examples:
      adapterstilts check mini/merging
      adapterstilts check mine.yaml
    """
    from adapterstilts.experiment.open import open_study

    opened = open_study(recipe)
    study, layout = opened.study, opened.layout
    steps = Counter(step.kind for step in layout.graph)
    if as_json:
        click.echo(json.dumps({"name": opened.name, "cells": len(layout.cells), "steps": dict(steps)}, indent=2))
        return
    click.echo(f"{opened.name} is sound: {study.study}")
    click.echo(f"{len(layout.cells)} cells: {_grid(layout.cells)}")
    click.echo(f"{len(layout.graph)} steps: {', '.join(f'{count} {kind}' for kind, count in steps.items())}")
    click.echo(f"next: adapterstilts plan {recipe}", err=True)


def _grid(cells: Iterable[Cell]) -> str:
    """Say how many of each there are on the grid's axes, of those with more than one."""
    axes = {"base": "bases", "variant": "variants", "method": "methods", "way": "ways", "target": "targets"}
    axes["seed"] = "seeds"
    counts = {name: len({getattr(cell, name) for cell in cells}) for name in axes}
    return " x ".join(f"{count} {axes[name]}" for name, count in counts.items() if count > 1) or "one of each"


COMMAND = check
