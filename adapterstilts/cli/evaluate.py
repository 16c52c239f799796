"""`adapterstilts evaluate`."""

from __future__ import annotations

import json
from typing import Any

import click

from adapterstilts.cli import _options
from adapterstilts.errors import UserError

_NOT_OF_RETENTION = {
    "split": "--split", "head": "--head", "layer": "--layer", "pairs": "--pairs", "noise": "--noise", "out": "--out",
    "language_adapters": "--language-adapter", "submission": "--submission", "labels": "--labels",
}  # fmt: skip


@click.command(short_help="Score a run in all languages of a task.")
@click.argument("run", required=False)
@click.option("--task", "task", multiple=True, metavar="NAME", help="Task or group; may be repeated.")
@click.option("--retention", is_flag=True, help="Score the tasks before RUN again, with their kept heads, on dev rows.")
@click.option("--languages", default="all", show_default=True, metavar="all|xx,yy", help="Languages to score.")
@click.option("--split", type=click.Choice(["dev", "test"]), help="[default: test]")
@click.option("--head", metavar="TASK", help="Answer with the head of this task.  [default: the task's own]")
@click.option("--layer", metavar="N|sweep", help="Retrieval: the layer to read, or all.  [default: XTREME's]")
@click.option("--pairs", type=click.Choice(["same", "mixed"]), help="mixed: both texts of a pair in other languages.")
@click.option("--noise", metavar="KIND:RATE", help="Slips in what is read: chars or words, and a share, as chars:0.1.")
@click.option(
    "--language-adapter",
    "language_adapters",
    multiple=True,
    metavar="xx=RUN",
    help="Read language xx with the module of this run of continue-mlm in the lowest place; repeatable.",
)
@click.option("--base", metavar="ID|DIR", help="Where the run's base lies now; or, without RUN, the base to score.")
@click.option("--out", metavar="DIR", help="Without RUN: where the base's scores go.")
@click.option("--submission", metavar="DIR", help="Write the predictions here too, in XTREME's layout.")
@click.option("--labels", metavar="DIR", help="Write their gold here too, in the same layout (for `score`).")
@_options.limit_text
@_options.mirror
@_options.device
@_options.precision
@_options.as_json
def evaluate(
    run: str | None, task: tuple[str, ...], retention: bool, languages: str, as_json: bool, **options: Any
) -> None:
    """Score a finished RUN in all languages of a task, zero-shot where it never saw them.

    Predictions are written first and scored second; an interrupted command keeps the languages it has
    finished. Without RUN, an untrained base is scored on a task that needs no trained head. On text (wikipedia), a
    run without an LM head of its own answers with its base's: how well it still knows its languages. Scores of mixed
    pairs and under noise stand apart from ordinary ones. --retention asks instead what RUN still knows of the tasks
    that were learned before it, beside what the runs that learned them score; --task then names some of these.

    \b
    Examples:
      adapterstilts evaluate runs/udpos --task udpos
      adapterstilts evaluate runs/xnli --retention
      adapterstilts evaluate runs/xnli --task xnli --languages sw,ur --split dev --json
      adapterstilts evaluate runs/cosmos_qa --task xcopa --head cosmos_qa
      adapterstilts evaluate runs/mnli --task wikipedia --split dev --languages en,sw
      adapterstilts evaluate runs/xnli --task xnli --pairs mixed --noise chars:0.1
      adapterstilts evaluate runs/xnli --retention
      adapterstilts evaluate runs/xnli --task xnli --language-adapter sw=runs/lang-sw
      adapterstilts evaluate --base FacebookAI/xlm-roberta-large --out runs/base --task tatoeba --layer sweep
    """
    from adapterstilts.report.scores import score_tables
    from adapterstilts.report.tables import show

    spoken = None if languages == "all" else [word.strip() for word in languages.split(",")]
    if retention:
        return _show_retention(run, task, spoken, as_json, options)
    if not task:
        raise UserError("there is no task to score", fix="name one: --task NAME; or, of a run, ask for --retention")
    asked = {
        "languages": spoken,
        "split": options["split"] or "test",
        "layer": _layer(options["layer"]),
    }
    others = {key: options.pop(key) for key in ("pairs", "noise", "submission", "labels", "limit_text")}
    settings = {**_options.settings(options), **others}
    found = _score_run(run, task, asked, settings, options) if run else _score_base(task, asked, settings, options)
    if as_json:
        click.echo(json.dumps([evaluation.metrics for evaluation in found], indent=2, ensure_ascii=False))
    else:
        show(score_tables(found))
    return None


def _show_retention(
    run: str | None, task: tuple[str, ...], languages: list[str] | None, as_json: bool, options: dict[str, Any]
) -> None:
    from adapterstilts.evaluation.retention import retention
    from adapterstilts.report.scores import retention_table
    from adapterstilts.report.tables import show

    if run is None:
        raise UserError("--retention is asked of a run; an untrained base has learned no task", fix="give RUN")
    unfit = [flag for name, flag in _NOT_OF_RETENTION.items() if options[name]]
    if unfit:
        raise UserError(f"{unfit[0]} means nothing to --retention: kept heads answer dev rows", fix="leave it out")
    settings = {**_options.settings(options), "base": options["base"]}
    found = retention(run, task=task or None, languages=languages, settings=settings)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        show([retention_table(found)])


def _score_run(
    run: str, task: tuple[str, ...], asked: dict[str, Any], settings: dict[str, Any], options: dict[str, Any]
) -> Any:
    from adapterstilts.evaluation.command import evaluate as score

    if options["out"]:
        raise UserError("--out is for an untrained base; a run's scores lie in its own folder", fix="leave --out out")
    adapters = _options.by_language("--language-adapter", options["language_adapters"])
    settings = {**settings, "base": options["base"]}
    return score(run, task, head=options["head"], settings=settings, language_adapters=adapters, **asked)


def _score_base(task: tuple[str, ...], asked: dict[str, Any], settings: dict[str, Any], options: dict[str, Any]) -> Any:
    from adapterstilts.evaluation.command import evaluate_base

    if not options["base"] or not options["out"]:
        raise UserError(
            "there is no run to score", fix="give RUN; or, for an untrained base, --base ID|DIR and --out DIR"
        )
    if options["language_adapters"]:
        raise UserError("--language-adapter is for a run above another one", fix="leave it out")
    if options["head"]:
        raise UserError("--head is for a run; an untrained base has none", fix="leave --head out")
    return evaluate_base(options["base"], task, out=options["out"], settings=settings, **asked)


def _layer(word: str | None) -> int | str | None:
    if word is None or word == "sweep":
        return word
    if not word.isdecimal():
        raise UserError(f"--layer {word!r} is no layer", fix="give a number, counted from 0 (embeddings), or sweep")
    return int(word)


COMMAND = evaluate
