"""`adapterstilts gc`."""

from __future__ import annotations

import json

import click

from adapterstilts.cli import _options, _study


@click.command(short_help="Find steps that a study no longer needs.")
@_study.recipe
@_study.out
@click.option("--yes", is_flag=True, help="Remove them.")
@_options.as_json
def gc(recipe: str, out: str | None, yes: bool, as_json: bool) -> None:
    """List the steps in a study's folder that its recipe no longer asks for, with their sizes.

    They are removed with --yes only, and never while the study is being run.

    \b
    Examples:
      adapterstilts gc mini/merging
      adapterstilts gc mini/merging --yes
    """
    from adapterstilts.experiment.gc import remove_unasked, unasked
    from adapterstilts.experiment.study import job_for
    from adapterstilts.report import plan as report
    from adapterstilts.report.tables import show

    job = job_for(recipe, out)
    if yes and job.folder.is_dir():
        found, told = remove_unasked(job.graph, job.folder), "removed"
    else:
        found, told = unasked(job.graph, job.folder), f"remove them with: adapterstilts gc {' '.join(job.words)} --yes"
    if as_json:
        click.echo(json.dumps(report.unasked_json(found), ensure_ascii=False))
    elif found:
        show([report.unasked_table(found)])
    click.echo(told if found else "nothing to remove", err=True)


COMMAND = gc
