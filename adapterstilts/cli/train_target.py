"""`adapterstilts train-target`."""

from __future__ import annotations

from typing import Any

import click

from adapterstilts.cli import _options


@click.command(short_help="Learn a target task, from a run or a base.")
@_options.training
def train_target(**options: Any) -> None:
    """Learn a target task on its English rows, or those of --source-language, usually from an intermediate run.

    The same command again resumes an interrupted run.

    \b
    Examples:
      adapterstilts train-target --task udpos --out runs/udpos
      adapterstilts train-target --task udpos --from runs/snli --out runs/snli-udpos
      adapterstilts train-target --task xnli --from runs/snli --limit-train 1000 --out runs/few
    """
    from adapterstilts.train.command import train_target as train

    _options.run_training(train, options)


COMMAND = train_target
