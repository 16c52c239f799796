"""`adapterstilts evaluate`."""

from __future__ import annotations

import json
from typing import Any

import click

from adapterstilts.cli import _options


@click.command(short_help="Score a run in all languages of a task.")
@click.argument("run")
@click.option("--task", "task", multiple=True, required=True, metavar="NAME", help="Task; may be repeated.")
@click.option("--languages", default="all", show_default=True, metavar="all|xx,yy", help="Languages to score.")
@click.option("--split", type=click.Choice(["dev", "test"]), default="test", show_default=True)
@click.option("--base", metavar="ID|DIR", help="Where the run's base lies now.  [default: where it was]")
@_options.mirror
@_options.device
@_options.precision
@_options.as_json
def evaluate(run: str, task: tuple[str, ...], languages: str, as_json: bool, **options: Any) -> None:
    """Score a finished RUN in all languages of a task, zero-shot where it never saw them.

    Predictions are written first and scored second; an interrupted command keeps the languages it has
    finished.

    \b
    Examples:
      adapterstilts evaluate runs/udpos --task udpos
      adapterstilts evaluate runs/xnli --task xnli --languages sw,ur --split dev --json
    """
    from adapterstilts.config.resolve import read_resources
    from adapterstilts.evaluation.command import evaluate as score
    from adapterstilts.report.scores import score_table
    from adapterstilts.report.tables import show

    found = score(
        run,
        task,
        languages=None if languages == "all" else [word.strip() for word in languages.split(",")],
        split=options["split"],
        base=options["base"],
        precision=options["precision"],
        resources=read_resources({key: options[key] for key in ("mirror", "device")}),
    )
    if as_json:
        click.echo(json.dumps([evaluation.metrics for evaluation in found], indent=2, ensure_ascii=False))
    else:
        show([score_table(evaluation) for evaluation in found])


COMMAND = evaluate
