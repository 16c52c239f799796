"""What the commands of a study share: its recipe, its folder, the slots that it is run on."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from adapterstilts.experiment.command import Job

Command = TypeVar("Command", bound=Callable[..., Any])

recipe = click.argument("recipe")
out = click.option("--out", metavar="DIR", help="The study's folder.  [default: runs/RECIPE]")
_slots = (
    click.option("--devices", metavar="LIST", help="One slot each: cuda:0,cuda:1.  [default: cuda:0, else one cpu]"),
    click.option("--jobs", type=click.IntRange(1), metavar="N", help="So many slots on the CPU, of one thread each."),
)


def slots(command: Command) -> Command:
    """Give a command the options that say on how many devices a study is run."""
    for option in reversed(_slots):
        command = option(command)
    return command


def run_all(
    job: Job, devices: str | None, jobs: int | None, again: Collection[str], *, as_json: bool, no_disk_check: bool
) -> int:
    """Run what is left of a study, print what it has come to, and return the exit code."""
    from adapterstilts.errors import EXIT_PARTIAL
    from adapterstilts.experiment.command import run_job
    from adapterstilts.experiment.runner import LocalRunner, slots_for
    from adapterstilts.report import plan as report
    from adapterstilts.report.tables import show

    outcome = run_job(job, LocalRunner(slots_for(devices, jobs)), again, check_disk=not no_disk_check)
    if as_json:
        click.echo(json.dumps(report.outcome_json(outcome), ensure_ascii=False))
    else:
        show(report.outcome_tables(outcome, job.words))
    return 0 if outcome.whole else EXIT_PARTIAL


def run_step(job: Job, step: str, devices: str | None, jobs: int | None) -> int:
    """Do one step of a study here, and return the exit code."""
    from adapterstilts.errors import EXIT_PARTIAL, UserError
    from adapterstilts.experiment.command import run_one
    from adapterstilts.experiment.runner import slots_for

    places = slots_for(devices, jobs)
    if len(places) > 1:
        raise UserError(f"one step is done on one device, and {len(places)} are given", fix="give one of --devices")
    how = run_one(job, step, places[0])
    if how.state == "failed":
        click.echo(f"failed: {how.error}", err=True)
        return EXIT_PARTIAL
    return 0
