"""`adapterstilts fuse`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from adapterstilts.cli import _options

if TYPE_CHECKING:
    from adapterstilts.store.run import Run


_OF_SEARCH = ("examples", "budget", "head")


@click.command(short_help="Learn how to join several adapters for a target task.")
@click.argument("runs", nargs=-1, required=True)
@click.option("--how", metavar="NAME", help="layer_weights, attention or search.  [default: by the members' method]")
@click.option("--base", metavar="ID|DIR", help="Another place of the members' base.")
@click.option("--examples", metavar="N", help="search: look at N train rows, drawn with the seed.  [default: 64]")
@click.option("--budget", metavar="N", help="search: N looks.  [default: 40]")
@click.option(
    "--head", metavar="TASK", help="search: answer by a member's head for this task.  [default: one that can]"
)
@_options.fusion
def fuse(runs: tuple[str, ...], how: str | None, base: str | None, **options: Any) -> None:
    """Learn on a target task how to join the adapters of RUNS, all of them frozen.

    layer_weights trains a number for every LoRA and layer; what it leaves is one LoRA, to evaluate, merge or start
    from. attention trains AdapterFusion over bottlenecks. search finds one weight a LoRA without gradients, on few
    rows and with a head that a member has, and merges by them. The same command again resumes an interrupted run.

    \b
    Examples:
      adapterstilts fuse runs/snli runs/squad_v1 --task xnli --out runs/fused
      adapterstilts fuse runs/snli runs/squad_v1 --task xnli --set method.per=module --out runs/by-module
      adapterstilts fuse runs/snli-bottleneck runs/squad_v1-bottleneck --task xnli --out runs/attention
      adapterstilts fuse runs/snli runs/squad_v1 --task xnli --how search --budget 40 --out runs/searched
    """
    from adapterstilts.train.fuse import fuse as train

    own = {f"search.{key}": options[key] for key in _OF_SEARCH if options[key] is not None}
    run = train(runs, options["task"], out=options["out"], how=how, base=base,
                settings={**_options.settings(options), **own})  # fmt: skip
    if how == "search" and not options["as_json"]:
        _print_search(run)
    else:
        _options.print_training(run, options["task"], options["as_json"])


def _print_search(run: Run) -> None:
    found = run.record.config["search"]
    mean, best = found["mean"], found["best"]
    weights = ", ".join(f"{weight:.3g}" for weight in best["weights"])
    click.echo(
        f"best of {found['looks']} looks: weights {weights}, loss {best['loss']:.3f} (the mean: {mean['loss']:.3f}) "
        f"on {found['examples']} rows\ncertificate: {run.path / 'certificate.md'}",
        err=True,
    )
    click.echo(str(run.path))


COMMAND = fuse
