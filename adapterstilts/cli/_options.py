"""Options that several commands share, declared once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adapterstilts.config.resolve import parse_assignments
from adapterstilts.errors import UserError

if TYPE_CHECKING:
    from adapterstilts.compose.composition import Composition
    from adapterstilts.store.run import Run

Command = TypeVar("Command", bound=Callable[..., Any])

mirror = click.option(
    "--mirror",
    envvar="ADAPTERSTILTS_MIRROR",
    metavar="DIR",
    help="Read data sets from this folder in the Hub's layout, or `mini` (or set ADAPTERSTILTS_MIRROR).",
)
device = click.option("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N.")
precision = click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), help="How to compute.")
probe = click.option(
    "--probe/--no-probe",
    default=None,
    help="Compute with base and adapter, as a last check.  [default: where the base is on this machine]",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")

limit_text = click.option(
    "--limit-text", metavar="N|none", help="Take N articles a language from the Hub, or all.  [default: 20000]"
)

# Each of these flags is short for a setting; --set reaches all of them.
_SHORTHANDS = {
    "mirror": "resources.mirror",
    "device": "resources.device",
    "precision": "precision",
    "seed": "seed",
    "max_steps": "train.max_steps",
    "limit_train": "data.limit_train",
    "limit_text": "data.limit_text",
    "select_on": "data.select_on",
    "languages": "data.languages",
    "recipe": "recipe",
    "source_language": "data.source_language",
    "with_mlm": "mlm.ratio",
    "mlm_languages": "mlm.languages",
    "reuse_head": "reuse_head",
    "save_gram": "gram_examples",
}

_tasks = click.option("--task", "task", multiple=True, required=True, metavar="NAME", help="Task or group, repeatable.")
_start = (
    click.option("--method", default="lora", show_default=True, metavar="NAME", help="How to train: lora, full, ..."),
    click.option("--base", metavar="ID|DIR|mini", help="Pretrained encoder.  [default: XLM-R Large, or --from's]"),
    click.option("--from", "start", metavar="RUN", help="Start from this run."),
    click.option("--on-top", is_flag=True, help="Freeze the run of --from and train a fresh module above it."),
)
_run = (
    click.option("--out", required=True, metavar="DIR", help="The run's folder."),
    mirror,
    click.option("--seed", metavar="N", help="Decides order, first weights and dropout.  [default: 0]"),
    click.option("--max-steps", metavar="N", help="Stop after N optimiser steps."),
    click.option("--limit-train", metavar="N", help="Train on N rows, drawn with the seed."),
    click.option("--select-on", metavar="dev|xtreme", help="Rows that choose the checkpoint (tydiqa).  [default: dev]"),
    click.option("--reuse-head", metavar="TASK", help="Start the head from this task's in --from.  [default: fresh]"),
    device,
    precision,
    click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        help="Any setting: see `adapterstilts settings`.",
    ),
    as_json,
)
_training = (*_start, *_run)
_labelled = (
    click.option("--recipe", metavar="NAME|FILE", help="Settings of a paper or its code, such as paper/jiant."),
    click.option(
        "--source-language", metavar="xx", help="Train and select on rows in this language.  [default: mostly en]"
    ),
)


def training(command: Command) -> Command:
    """Give a command all options of a training on labelled rows."""
    for option in reversed((_tasks, *_training, *_labelled)):
        command = option(command)
    return command


def fusion(command: Command) -> Command:
    """Give a command all options of a training that starts from several runs."""
    for option in reversed((_tasks, *_run, *_labelled)):
        command = option(command)
    return command


def training_on(task: str) -> Callable[[Command], Command]:
    """Give a command all options of a training on one task, by default `task`."""

    def decorate(command: Command) -> Command:
        one = click.option("--task", default=task, show_default=True, metavar="NAME", help="What to train on.")
        for option in reversed((one, *_training)):
            command = option(command)
        return command

    return decorate


def run_training(train: Callable[..., Any], options: dict[str, Any], more: Mapping[str, object] | None = None) -> Run:
    """Call a training function with what `training` has parsed and `more` settings; print and return the run."""
    wanted = {**settings(options), **(more or {})}
    keys = ("method", "base", "start", "on_top", "out")
    finished: Run = train(options["task"], settings=wanted, **{key: options[key] for key in keys})
    print_training(finished, options["task"], options["as_json"])
    return finished


def print_training(run: Run, task: str | tuple[str, ...], as_json: bool) -> None:
    """Print a finished run: what it has come to on stderr and its folder, or its record as JSON."""
    if as_json:
        click.echo(json.dumps(run.record.model_dump(mode="json"), indent=2))
    else:
        click.echo(_summary(run, task), err=True)
        click.echo(str(run.path))


def _summary(run: Run, task: str | tuple[str, ...]) -> str:
    """Say in two lines what a run has come to, and what to do with it."""
    from adapterstilts.report.tables import amount

    best, cost = run.record.best, run.record.cost
    trained = f"{amount(cost.trainable_params.adapter)} + {amount(cost.trainable_params.heads)} in heads"
    names = [task] if isinstance(task, str) else task
    language = next(iter(run.record.data.values()))["language"]
    rows = "English dev" if language == "en" else f"dev ({language})"
    command = f"evaluate {run.path} --task {' --task '.join(names)}"
    if run.phase == "mlm":
        rows, command = "held-out text", f"train-intermediate --task TASK --from {run.path} --out DIR"
    kept = f"mean of {best['average']['looks']} looks: {best['average']['score']:.2f}, " if "average" in best else ""
    return (
        f"{kept}best at step {best['step']} of {best['steps']}: {best['score']:.2f} on {rows}; "
        f"trained {trained} parameters in {cost.train_s:.0f} s\n"
        f"next: adapterstilts {command}"
    )


def by_language(option: str, words: Sequence[str]) -> dict[str, str]:
    """Return what `LANGUAGE=VALUE` words name, by language; a UserError for a word without either, and for two."""
    found: dict[str, str] = {}
    for word in words:
        language, _, value = word.partition("=")
        if not language or not value:
            raise UserError(f"cannot read {option} {word!r}", fix=f"write {option} LANGUAGE=RUN, such as sw=runs/sw")
        if language in found:
            raise UserError(f"{option} is given twice for {language}: {found[language]} and {value}", fix="give one")
        found[language] = value
    return found


def print_composition(made: Composition, as_json: bool) -> None:
    """Print a composition: its checks on stderr and its folder, or the certificate as JSON."""
    if as_json:
        click.echo(json.dumps(made.certificate, indent=2, ensure_ascii=False))
        return
    for name, one in made.certificate["checks"].items():
        click.echo(f"checked {name}: {one['largest']:.2g} at most (allowed: {one['allowed']:.0e})", err=True)
    if "truncation" in made.certificate:
        lost = made.certificate["truncation"]
        click.echo(
            f"lost by rank {made.certificate['rank']}: {lost['whole']:.2%} (worst layer {lost['largest']:.2%})",
            err=True,
        )
    click.echo(f"certificate: {made.path / 'certificate.md'}", err=True)
    click.echo(str(made.path))


def settings(options: dict[str, Any]) -> dict[str, Any]:
    """Return shorthand flags and --set words as dotted settings; one setting given twice is a UserError."""
    flags = {key: options[flag] for flag, key in _SHORTHANDS.items() if options.get(flag) is not None}
    words = parse_assignments(options.get("assignments", ()))
    for key in flags.keys() & words.keys():
        if str(flags[key]) != words[key]:
            raise UserError(f"{key} is given twice: {flags[key]!r} and {words[key]!r}", fix="give it once")
    return {**flags, **words}
