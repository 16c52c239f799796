"""`adapterstilts quickstart`."""

from __future__ import annotations

import json

import click

from adapterstilts.cli import _options


@click.command(short_help="Run the whole job offline in minutes.")
@click.option("--out", default="runs/quickstart", show_default=True, metavar="DIR", help="Everything is put here.")
@_options.as_json
def quickstart(out: str, as_json: bool) -> None:
    """Run the main job from end to end, offline, on an invented world and a tiny random encoder.

    Intermediate task, target task, evaluation in eight languages, LoRA beside full fine-tuning. It shows the
    machinery; its scores mean nothing. Run again, it repeats nothing; interrupted, it goes on.

    \b
    Example:
      adapterstilts quickstart --out runs/quickstart
    """
    from adapterstilts.report.quickstart import TARGET
    from adapterstilts.report.quickstart import quickstart as tour
    from adapterstilts.report.tables import show

    comparison = tour(out)
    if as_json:
        click.echo(json.dumps(comparison.as_json(), indent=2, ensure_ascii=False))
        return
    show(comparison.tables())
    click.echo(f"Everything lies in {out}. Try next:", err=True)
    click.echo(f"  adapterstilts evaluate {out}/snli-lora --task snli --mirror {out}/mirror", err=True)
    click.echo(f"  adapterstilts train-target --task xnli --from {out}/snli-lora --mirror {out}/mirror \\", err=True)
    click.echo("    --out runs/xnli", err=True)
    click.echo(f"  adapterstilts tasks show {TARGET}", err=True)


COMMAND = quickstart
