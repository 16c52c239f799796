"""`adapterstilts continue-mlm`."""

from __future__ import annotations

from typing import Any

import click

from adapterstilts.cli import _options


@click.command(short_help="Go on with masked language modelling, on text of several languages.")
@_options.training_on("wikipedia")
@click.option("--languages", metavar="xx,yy", help="Languages to train on.  [default: all that are here]")
def continue_mlm(**options: Any) -> None:
    """Go on with masked language modelling: on Wikipedia, or on a mirror's text in its place.

    A language's share is its rows to the power of train.language_exponent. The LM head is the base's own where its
    files have one, and frozen except by the method full.

    \b
    Examples:
      adapterstilts continue-mlm --languages sw,yo --out runs/mlm
      adapterstilts continue-mlm --method full --set train.language_exponent=1 --out runs/mlm-full
    """
    from adapterstilts.train.command import continue_mlm as train

    _options.run_training(train, options)


COMMAND = continue_mlm
