"""`adapterstilts report`."""

from __future__ import annotations

import json

import click

from adapterstilts.cli import _options, _study


@click.command(short_help="Report a study: a page, tables for papers.")
@_study.recipe
@_study.out
@click.option("--to", metavar="DIR", help="The report's folder.  [default: report, in the study's]")
@_options.as_json
def report(recipe: str, out: str | None, to: str | None, as_json: bool) -> None:
    """Report what a study has come to: one HTML page that opens anywhere, and its tables as CSV, Markdown and LaTeX.

    Differences have 95 % intervals from three seeds on, p values are corrected for their number, and what has no
    scores is shown as a hole. A study may be reported before it is finished.

    \b
    Examples:
      adapterstilts report mini/efficient-versus-full
      adapterstilts report mine.yaml --out runs/mine --to report
    """
    from adapterstilts.report.study_report import report_study
    from adapterstilts.report.tables import show

    made = report_study(recipe, out=out, to=to)
    if as_json:
        click.echo(json.dumps(made.as_json(), indent=2, ensure_ascii=False))
        return
    show(made.tables())
    click.echo(f"\ntables for papers: {made.files[0].parent}", err=True)
    click.echo(str(made.page))


COMMAND = report
