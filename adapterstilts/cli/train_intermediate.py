"""`adapterstilts train-intermediate`."""

from __future__ import annotations

from typing import Any

import click

from adapterstilts.cli import _options


@click.command(short_help="Learn intermediate tasks.")
@_options.training
def train_intermediate(**options: Any) -> None:
    """Learn one or several intermediate tasks, as a module on a frozen base or by full fine-tuning.

    The same command again resumes an interrupted run.

    \b
    Examples:
      adapterstilts train-intermediate --task snli --out runs/snli
      adapterstilts train-intermediate --task snli --task udpos --set method.r=16 --out runs/both
      adapterstilts train-intermediate --task mnli --method full --out runs/mnli-full
    """
    from adapterstilts.train.command import train_intermediate as train

    _options.run_training(train, options)


COMMAND = train_intermediate
