"""`adapterstilts export`."""

from __future__ import annotations

import json
from typing import Any

import click

from adapterstilts.cli import _options


@click.command(short_help="Write a run as a folder that transformers, peft or adapters loads.")
@click.argument("run")
@click.option("--to", required=True, metavar="LIBRARY", help="transformers, peft or adapters.")
@click.option("--head", metavar="TASK", help="The task whose head goes along.  [default: transformers: the only one]")
@click.option("--rank", type=int, metavar="R", help="Of a DoRA, made the nearest LoRA.  [default: 4 times its own]")
@click.option("--base", metavar="ID|DIR", help="Where the run's base lies now, or a folder's that does not name it.")
@click.option("--out", required=True, metavar="DIR", help="The exported folder.")
@_options.as_json
def export(run: str, as_json: bool, **options: Any) -> None:
    """Export RUN, or an adapter folder of peft or adapters, with a model card (README.md) from its records.

    The folder is loaded again by its library and must answer as the run does, or nothing is kept: export.json.

    \b
    Examples:
      adapterstilts export runs/udpos --to transformers --head udpos --out exports/udpos
      adapterstilts export runs/udpos --to peft --head udpos --out exports/udpos-peft
      adapterstilts export runs/merged --to adapters --out exports/merged
      adapterstilts export somebody/dora --to peft --rank 32 --base FacebookAI/xlm-roberta-large --out exports/plain
    """
    from adapterstilts.exchange.command import export as write

    made = write(run, **options)
    if as_json:
        click.echo(json.dumps(made.record, indent=2, ensure_ascii=False))
        return
    check = made.record["check"]
    click.echo(
        f"checked by {check['loader']}: {check['compared']} {check['largest']:.2g} away at most "
        f"(allowed: {check['allowed']:.0e})",
        err=True,
    )
    if "conversion" in made.record:
        lost = made.record["conversion"]["truncation"]
        click.echo(f"lost by its rank: {lost['whole']:.2%} (worst layer {lost['largest']:.2%})", err=True)
    click.echo(f"next: read {made.path / 'README.md'}, then: adapterstilts push {made.path} --to USER/NAME", err=True)
    click.echo(str(made.path))


COMMAND = export
