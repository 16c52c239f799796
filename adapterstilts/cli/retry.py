"""`adapterstilts retry`."""

from __future__ import annotations

import click

from adapterstilts.cli import _options, _study
from adapterstilts.errors import UserError


@click.command(short_help="Go on with a study, and try failed steps again.")
@_study.recipe
@_study.out
@_study.slots
@click.option("--failed", is_flag=True, help="Try all failed steps again.")
@click.option("--step", "steps", multiple=True, metavar="ID", help="Try this failed step again; repeatable.")
@_options.mirror
@click.option("--no-disk-check", is_flag=True, help="Start even if the disk looks too small.")
@_options.as_json
def retry(
    recipe: str,
    out: str | None,
    devices: str | None,
    jobs: int | None,
    steps: tuple[str, ...],
    mirror: str | None,
    **more: bool,
) -> int:
    """Go on with a study as `run` does, and try steps again that have failed.

    \b
    Examples:
      adapterstilts retry mini/merging --failed
      adapterstilts retry mini/merging --step train-0123456789abcdef
    """
    if more.pop("failed") == bool(steps):
        raise UserError("what is to be tried again?", fix="give --failed, or --step ID")
    from adapterstilts.experiment.study import job_for

    job = job_for(recipe, out, mirror)
    again = [job.graph.find(step).id for step in steps] if steps else list(job.graph.steps)
    return _study.run_all(job, devices, jobs, again, **more)


COMMAND = retry
