"""`adapterstilts pretrain`."""

from __future__ import annotations

import click


@click.command(short_help="Pretrain a small base from nothing, by a recipe.")
@click.argument("recipe")
@click.option("--out", required=True, metavar="DIR", help="The model folder to write.")
@click.option("--work", metavar="DIR", help="What it is made of, to go on from.  [default: OUT-work]")
def pretrain(recipe: str, out: str, work: str | None) -> None:
    """Pretrain a base from random weights on the embedded world's text: vocabulary, encoder, LM head.

    This is how the base `mini` was made. The same command goes on after an interrupt.

    \b
    Example:
      adapterstilts pretrain mini/base --out bases/mini
    """
    from adapterstilts.train.pretrain import pretrain as make

    click.echo(str(make(recipe, out=out, work=work or f"{out}-work")))


COMMAND = pretrain
