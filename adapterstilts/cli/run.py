"""`adapterstilts run`."""

from __future__ import annotations

import click

from adapterstilts.cli import _options, _study


@click.command(short_help="Run a study, or go on with it.")
@_study.recipe
@_study.out
@_study.slots
@click.option("--step", metavar="ID", help="Do this step alone, here: what `plan --commands` prints.")
@_options.mirror
@click.option("--no-disk-check", is_flag=True, help="Start even if the disk looks too small.")
@_options.as_json
def run(
    recipe: str,
    out: str | None,
    devices: str | None,
    jobs: int | None,
    step: str | None,
    mirror: str | None,
    **more: bool,
) -> int:
    """Run a study: every step of RECIPE that is not done. The same command again goes on.

    A step that fails keeps back only what needs it; the others are done, and the exit code is 3. Failed steps are
    tried again by `retry`. Ctrl-C or SIGTERM stops at safe points, with exit code 75.

    \b
    Examples:
      adapterstilts run mini/merging
      adapterstilts run mini/merging --jobs 2
      adapterstilts run mine.yaml --out runs/mine --devices cuda:0,cuda:1
    """
    from adapterstilts.experiment.study import job_for

    job = job_for(recipe, out, mirror)
    if step:
        return _study.run_step(job, step, devices, jobs)
    return _study.run_all(job, devices, jobs, (), **more)


COMMAND = run
