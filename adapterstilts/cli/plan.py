"""`adapterstilts plan`."""

from __future__ import annotations

import json
from typing import Any

import click

from adapterstilts.cli import _options, _study


@click.command(short_help="Say what a study's run would do and take.")
@_study.recipe
@_study.out
@_study.slots
@click.option("--tflops", type=click.FloatRange(0, min_open=True), metavar="N", help="Speed of one slot in TFLOP/s.")
@click.option("--steps", is_flag=True, help="Print one line a step.")
@click.option("--commands", is_flag=True, help="Print one `run --step ID` a line, for Slurm arrays.")
@click.option("--stage", type=int, metavar="N", help="Of the commands only those of stage N.")
@_options.as_json
def plan(
    recipe: str,
    out: str | None,
    tflops: float | None,
    stage: int | None,
    as_json: bool,
    **more: Any,
) -> None:
    """Say which steps of a study are done, to be run, stale and why, and what the rest will take.

    Times and sizes are fitted on steps that were done before, here and in other studies; without any they are
    assumed, and said to be. Nothing is run, and nothing written.

    \b
    Examples:
      adapterstilts plan mini/merging
      adapterstilts plan mini/merging --jobs 8
      adapterstilts plan mini/merging --commands --stage 1
    """
    from adapterstilts.experiment.plan import commands, make_plan
    from adapterstilts.experiment.study import job_for

    job = job_for(recipe, out)
    if more["commands"] or stage is not None:
        found = commands(make_plan(job.graph, job.folder), job.words, stage)
        for line in found.lines:
            click.echo(line)
        left_out = f"; {found.left_out} steps that failed, or need one, are left out" if found.left_out else ""
        click.echo(f"{len(found.lines)} commands; stages: {found.stages}{left_out}", err=True)
        return
    from adapterstilts.report import plan as report

    forecast = report.forecast_of(job, more["devices"], more["jobs"], tflops)
    if as_json:
        click.echo(json.dumps(report.plan_json(forecast), ensure_ascii=False))
    elif more["steps"]:
        click.echo("\n".join(report.plan_lines(forecast)))
    else:
        from adapterstilts.report.tables import show

        show(report.plan_tables(forecast))


COMMAND = plan
