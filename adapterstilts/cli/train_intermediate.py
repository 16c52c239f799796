"""`adapterstilts train-intermediate`."""

from __future__ import annotations

from typing import Any

import click

from adapterstilts.cli import _options, _text


@click.command(short_help="Learn intermediate tasks.")
@_options.training
@click.option("--with-mlm", metavar="RATIO", help="Interleave masked LM: this share of the steps, above 0, below 1.")
@click.option("--mlm-languages", metavar="xx,yy", help="Languages of its text.  [default: all that are here]")
@click.option(
    "--mlm-text", multiple=True, metavar="LANGUAGE=FILE", help="Your own UTF-8 text instead; may be repeated."
)
@_options.limit_text
@click.option("--save-gram", metavar="N", help="Measure Gram matrices on N train rows at the end, for regmean.")
def train_intermediate(mlm_text: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Learn one or several intermediate tasks, as a module on a frozen base or by full fine-tuning.

    With --with-mlm, masked LM on Wikipedia (or a mirror's text in its place) comes between the tasks' steps, so that
    languages are not forgotten. The tasks' steps stay as many as without, and their dev rows alone choose the
    checkpoint; how well hidden tokens of held-out text are guessed is told from before and after.

    The same command again resumes an interrupted run.

    \b
    Examples:
      adapterstilts train-intermediate --task snli --out runs/snli
      adapterstilts train-intermediate --task snli --task udpos --set method.r=16 --out runs/both
      adapterstilts train-intermediate --task mnli --method full --out runs/mnli-full
      adapterstilts train-intermediate --task qqp --save-gram 512 --out runs/qqp
      adapterstilts train-intermediate --task mnli --with-mlm 0.2 --mlm-languages en,sw,ur --out runs/mnli-mlm
    """
    from adapterstilts.train.command import train_intermediate as train

    more = {"data.text": _text.by_language(mlm_text, "--mlm-text")} if mlm_text else {}
    run = _options.run_training(train, {**options, "as_json": as_json}, more)
    if not as_json:
        _text.show_held_out(run)


COMMAND = train_intermediate
