"""`adapterstilts compare`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from adapterstilts.cli import _options


@click.command(short_help="Lay runs side by side: scores and costs.")
@click.argument("runs", nargs=-1, required=True)
@click.option("--baseline", metavar="RUN", help="Differences are to this run.  [default: the first]")
@click.option("--markdown", metavar="FILE", help="Write the tables to this file too.")
@click.option("--latex", metavar="FILE", help="Write the tables to this file in LaTeX, for booktabs.")
@click.option("--csv", metavar="FILE", help="Write scores and costs to this file, one a row, unrounded.")
@_options.as_json
def compare(
    runs: tuple[str, ...],
    baseline: str | None,
    markdown: str | None,
    latex: str | None,
    csv: str | None,
    as_json: bool,
) -> None:
    """Lay evaluated RUNS side by side: scores, differences, parameters, time, bytes.

    Runs scored on other rows, splits or metric versions are refused; another precision or training budget
    is marked.

    \b
    Examples:
      adapterstilts compare runs/udpos-full runs/udpos-lora
      adapterstilts compare runs/* --baseline runs/udpos-full --markdown comparison.md
      adapterstilts compare runs/* --latex comparison.tex --csv comparison.csv
    """
    from adapterstilts.report.compare import compare as lay_side_by_side
    from adapterstilts.report.tables import show
    from adapterstilts.store.atomic import write_text

    comparison = lay_side_by_side(runs, baseline=baseline)
    if markdown:
        write_text(Path(markdown), "\n".join(table.markdown() for table in comparison.tables()))
    if latex:
        write_text(Path(latex), "\n".join(table.latex() for table in comparison.tables()))
    if csv:
        write_text(Path(csv), comparison.csv())
    if as_json:
        click.echo(json.dumps(comparison.as_json(), indent=2, ensure_ascii=False))
    else:
        show(comparison.tables())


COMMAND = compare
