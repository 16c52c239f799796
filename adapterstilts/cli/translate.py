"""`adapterstilts translate`."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from adapterstilts.cli import _options

if TYPE_CHECKING:
    from adapterstilts.report.tables import Table


@click.command(short_help="Write a task's rows in other languages, by machine.")
@click.option("--task", required=True, metavar="NAME|FILE", help="The task whose rows are translated.")
@click.option("--to", required=True, metavar="xx,yy", help="Languages that the task does not have.")
@click.option("--model", required=True, metavar="ID|DIR|mini", help="M2M100, NLLB, OPUS-MT; mini: the embedded world.")
@click.option("--out", required=True, metavar="DIR", help="The mirror's folder; it may hold other translations.")
@click.option("--split", default="train,dev", show_default=True, metavar="NAMES", help="Which rows.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The first N rows of each split.")
@click.option("--back-translate", metavar="ID|DIR|mini", help="Flag what this model brings back unlike its source.")
@click.option("--flagged", type=click.Choice(["drop", "keep"]), help="Rows with bad translations.  [default: drop]")
@click.option("--beams", metavar="N", help="Beam search; 1 is greedy.  [default: the model's own]")
@_options.mirror
@_options.device
@_options.precision
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="ratio, back, batch_tokens.")
@_options.as_json
def translate(task: str, to: str, split: str, as_json: bool, **options: Any) -> None:
    """Write a task's English rows in other languages with a local model, as a mirror that the same task reads.

    Sentences are translated one by one, each once; the same command goes on where it was stopped. Rows whose
    translation is empty, looping, of odd length or the source again, and questions whose answer is not found again,
    are left out and counted.

    \b
    Examples:
      adapterstilts translate --task snli --to de,sw --model facebook/m2m100_418M --out translated
      adapterstilts translate --task squad_v1 --to yo --model facebook/nllb-200-distilled-600M --out translated
      adapterstilts translate --task snli --to de --model mini --out translated
    """
    from adapterstilts.report.tables import show
    from adapterstilts.translation.command import translate as write

    names = ("mirror", "device", "precision", "assignments")
    wanted = _options.settings({name: options[name] for name in names})
    wanted |= {name: options[name] for name in ("flagged", "beams", "back_translate") if options[name] is not None}
    where = {name: options[name] for name in ("model", "out", "limit")}
    report = write(task, to=_words(to), splits=_splits(split), settings=wanted, **where)
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    with contextlib.redirect_stdout(sys.stderr):  # stdout has the mirror's folder alone
        show([_table(report)])
    click.echo(options["out"])


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _splits(text: str) -> list[Any]:
    from adapterstilts.errors import UserError, nearest

    known = ("train", "dev", "test")
    for word in _words(text):
        if word not in known:
            raise UserError(f"unknown split {word!r}", fix=nearest(word, known))
    return _words(text)


def _table(report: dict[str, Any]) -> Table:
    from adapterstilts.report.tables import Table

    languages: dict[str, dict[str, Any]] = report["languages"]
    found = [(language, split, one) for language, splits in languages.items() for split, one in splits.items()]
    reasons = sorted({reason for *_, one in found for reason in one["reasons"]})
    rows = [
        [f"{language} {split}", f"{one['rows']:,}", f"{one['written']:,}"]
        + [f"{one['reasons'].get(reason, 0):,}" for reason in reasons]
        for language, split, one in found
    ]
    return Table(f"{report['task']}, translated", ["", "rows", "written", *reasons], rows)


COMMAND = translate
