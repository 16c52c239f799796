"""`adapterstilts random-base`."""

from __future__ import annotations

import click


@click.command(short_help="Make an XLM-R of random weights.")
@click.option("--tokenizer", required=True, metavar="DIR", help="Folder of the tokenizer to put beside the weights.")
@click.option("--layers", default=6, show_default=True, metavar="N")
@click.option("--hidden", default=256, show_default=True, metavar="N", help="Units of a layer; a multiple of 64.")
@click.option("--seed", default=0, show_default=True, metavar="N")
@click.option("--out", required=True, metavar="DIR", help="The model folder to write.")
def random_base(tokenizer: str, layers: int, hidden: int, seed: int, out: str) -> None:
    """Make an XLM-R of random weights, to try things out or to measure at real shapes.

    \b
    Example:
      adapterstilts random-base --tokenizer xlmr-tokenizer --layers 6 --hidden 256 --out bases/small
    """
    from adapterstilts.mini.random_base import Shape
    from adapterstilts.mini.random_base import random_base as make

    click.echo(str(make(tokenizer, out, shape=Shape(layers, hidden), seed=seed)))


COMMAND = random_base
