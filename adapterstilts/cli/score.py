"""`adapterstilts score`."""

from __future__ import annotations

import json
from typing import Any

import click

from adapterstilts.cli import _options


@click.command(short_help="Score predictions in XTREME's layout.")
@click.argument("predictions")
@click.option("--labels", required=True, metavar="DIR", help="The right answers, in the same layout.")
@click.option("--benchmark", default="xtreme", show_default=True, metavar="xtreme|xtreme-r")
@click.option("--task", "task", multiple=True, metavar="NAME", help="Only this task; may be repeated.  [default: all]")
@click.option("--languages", default="all", show_default=True, metavar="all|xx,yy", help="Languages to score.")
@_options.as_json
def score(predictions: str, as_json: bool, **options: Any) -> None:
    """Score the folder PREDICTIONS, whoever made it, as XTREME's own program does.

    A folder a task, in it a file a language: xnli/test-de.tsv, xquad/test-de.json, xcopa/test-et.jsonl.
    Groups and the overall number stand only where all their tasks are there. All languages of a task must be, or
    those that --languages names; means over fewer are told apart.

    \b
    Examples:
      adapterstilts score submission --labels xtreme/labels
      adapterstilts score submission --labels xtreme/labels --task xnli --task pawsx --json
      adapterstilts score submission --labels african/labels --languages sw,yo
    """
    from adapterstilts.evaluation.submission.score import score as score_submission
    from adapterstilts.report.submission import submission_tables
    from adapterstilts.report.tables import show

    asked = options["languages"]
    found = score_submission(
        predictions,
        labels=options["labels"],
        benchmark=options["benchmark"],
        tasks=options["task"],
        languages=None if asked == "all" else [word.strip() for word in asked.split(",")],
    )
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        show(submission_tables(found))


COMMAND = score
