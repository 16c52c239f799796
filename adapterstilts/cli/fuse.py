"""`adapterstilts fuse`."""

from __future__ import annotations

from typing import Any

import click

from adapterstilts.cli import _options


@click.command(short_help="Learn how to join several adapters for a target task.")
@click.argument("runs", nargs=-1, required=True)
@click.option("--how", metavar="NAME", help="layer_weights or attention.  [default: by the members' method]")
@click.option("--base", metavar="ID|DIR", help="Another place of the members' base.")
@_options.fusion
def fuse(runs: tuple[str, ...], how: str | None, base: str | None, **options: Any) -> None:
    """Learn on a target task how to join the adapters of RUNS, all of them frozen.

    layer_weights trains a number for every LoRA and layer; what it leaves is one LoRA, to evaluate, merge or start
    from. attention trains AdapterFusion over bottlenecks. The same command again resumes an interrupted run.

    \b
    Examples:
      adapterstilts fuse runs/snli runs/squad_v1 --task xnli --out runs/fused
      adapterstilts fuse runs/snli runs/squad_v1 --task xnli --set method.per=module --out runs/by-module
      adapterstilts fuse runs/snli-bottleneck runs/squad_v1-bottleneck --task xnli --out runs/attention
    """
    from adapterstilts.train.fuse import fuse as train

    run = train(runs, options["task"], out=options["out"], how=how, base=base, settings=_options.settings(options))
    _options.print_training(run, options["task"], options["as_json"])


COMMAND = fuse
