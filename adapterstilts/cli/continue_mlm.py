"""`adapterstilts continue-mlm`."""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import TYPE_CHECKING, Any

import click

from adapterstilts.cli import _options
from adapterstilts.errors import UserError

if TYPE_CHECKING:
    from adapterstilts.report.tables import Table
    from adapterstilts.store.run import HeldOut


@click.command(short_help="Go on with masked language modelling, on text of several languages.")
@_options.training_on("wikipedia")
@click.option("--languages", metavar="xx,yy", help="Languages to train on.  [default: all that are here]")
@click.option(
    "--text", "text", multiple=True, metavar="LANGUAGE=FILE", help="Your own UTF-8 text instead; may be repeated."
)
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
    from adapterstilts.report.tables import show
    from adapterstilts.train.command import continue_mlm as train

    own = functools.partial(train, text=_by_language(text) if text else None)
    run = _options.run_training(own, {**options, "as_json": as_json})
    if run.record.held_out and not as_json:
        with contextlib.redirect_stdout(sys.stderr):  # stdout has the run's folder alone
            show([_table(run.record.held_out)])


def _by_language(words: tuple[str, ...]) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for word in words:
        language, _, file = word.partition("=")
        if not language or not file:
            raise UserError(f"cannot read --text {word!r}", fix="write --text LANGUAGE=FILE, such as sw=notes.txt")
        files.setdefault(language, []).append(file)
    return files


def _table(held_out: HeldOut) -> Table:
    from adapterstilts.report.tables import Table

    pairs = [(language, before, held_out.after[language]) for language, before in held_out.before.items()]
    rows = [
        [language, f"{before.loss:.3f}", f"{after.loss:.3f}", f"{before.accuracy:.1f} %", f"{after.accuracy:.1f} %"]
        for language, before, after in pairs
    ]
    headings = ["language", "loss before", "loss after", "guessed before", "guessed after"]
    return Table("held-out text", headings, rows, ["loss: nats a hidden token; guessed: share of the hidden tokens"])


COMMAND = continue_mlm
