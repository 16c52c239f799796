"""`adapterstilts status`."""

from __future__ import annotations

import json

import click

from adapterstilts.cli import _options, _study


@click.command(short_help="Say how a study stands.")
@_study.recipe
@_study.out
@_options.as_json
def status(recipe: str, out: str | None, as_json: bool) -> None:
    """Say how many steps of a study are done, at work, failed and why, and how much disk it takes.

    It can be asked while the study runs, in this process or in others.

    \b
    Examples:
      adapterstilts status mini/merging
      adapterstilts status mine.yaml --out runs/mine --json
    """
    from adapterstilts.experiment.status import status_of
    from adapterstilts.experiment.study import job_for
    from adapterstilts.report import plan as report
    from adapterstilts.report.tables import show

    job = job_for(recipe, out)
    found = status_of(job.graph, job.folder)
    if as_json:
        click.echo(json.dumps(report.status_json(found), ensure_ascii=False))
    else:
        show(report.status_tables(found))


COMMAND = status
