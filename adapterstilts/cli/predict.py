"""`adapterstilts predict`."""

from __future__ import annotations

from typing import Any

import click

from adapterstilts.cli import _options


@click.command(short_help="Label new text with a run.")
@click.argument("run")
@click.option("--task", required=True, metavar="NAME|FILE", help="What the text is to the run: a task, or its YAML.")
@click.option("--input", "source", required=True, metavar="FILE", help="Text without gold: .jsonl, .csv, .txt, ...")
@click.option("--language", metavar="xx", help="The language of the text, noted beside every answer.")
@click.option("--out", metavar="FILE", help="Where the answers go, as JSONL.  [default: stdout]")
@click.option("--head", metavar="TASK", help="Answer with the head of this task.  [default: the task's own]")
@click.option("--base", metavar="ID|DIR", help="Where the run's base lies now.")
@_options.device
@_options.precision
def predict(run: str, task: str, source: str, **options: Any) -> None:
    """Label new text with a finished RUN: one line of JSON a row, with its id or line, the prediction and a score.

    The file has the columns that the task reads, under the task's names or the format's; a .txt file has one text a
    line. The score says from 0 to 1 how sure the model is.

    \b
    Examples:
      adapterstilts predict runs/udpos --task udpos --input words.conll
      adapterstilts predict runs/own --task ./my.yaml --input new.jsonl --out labelled.jsonl
      adapterstilts predict runs/xnli --task xnli --input pairs.csv --language sw
    """
    from adapterstilts.evaluation.unlabelled import as_lines
    from adapterstilts.evaluation.unlabelled import predict as label

    settings = {**_options.settings({key: options[key] for key in ("device", "precision")}), "base": options["base"]}
    where = {key: options[key] for key in ("language", "out", "head")}
    found = label(run, task, input=source, settings=settings, **where)
    if options["out"]:
        click.echo(f"{len(found):,} rows labelled", err=True)
        click.echo(options["out"])
    else:
        click.echo(as_lines(found), nl=False)


COMMAND = predict
