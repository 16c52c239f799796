"""`adapterstilts continue-mlm`."""

from __future__ import annotations

import functools
from typing import Any

import click

from adapterstilts.cli import _options, _text


@click.command(short_help="Go on with masked language modelling, on text of several languages.")
@_options.training_on("wikipedia")
@click.option("--languages", metavar="xx,yy", help="Languages to train on.  [default: all that are here]")
@click.option(
    "--text", "text", multiple=True, metavar="LANGUAGE=FILE", help="Your own UTF-8 text instead; may be repeated."
)
@_options.limit_text
def continue_mlm(text: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Go on with masked language modelling: on Wikipedia, a mirror's text in its place, or text files of your own.

    In a text file, blank lines separate texts; without any, each line is a text. A language's share is its rows to
    the power of train.language_exponent. Two percent of the texts are held out; how well their hidden tokens are
    guessed is told from before and after. The LM head is the base's own where its files have one, and frozen except
    by the method full.

    \b
    Examples:
      adapterstilts continue-mlm --languages sw,yo --out runs/mlm
      adapterstilts continue-mlm --method full --set train.language_exponent=1 --out runs/mlm-full
      adapterstilts continue-mlm --text sw=notes.txt --text yo=more.txt --out runs/mlm-own
    """
    from adapterstilts.train.command import continue_mlm as train

    own = functools.partial(train, text=_text.by_language(text, "--text") if text else None)
    run = _options.run_training(own, {**options, "as_json": as_json})
    if not as_json:
        _text.show_held_out(run)


COMMAND = continue_mlm
