"""`adapterstilts average`."""

from __future__ import annotations

from typing import Any

import click

from adapterstilts.cli import _options


@click.command(short_help="Make one run of several that differ in their seed.")
@click.argument("runs", nargs=-1, required=True)
@click.option("--rank", type=int, metavar="R", help="LoRA: the nearest update of this rank.  [default: the exact mean]")
@click.option("--may-differ", multiple=True, metavar="train.KEY", help="A setting that may differ, beside the seed.")
@_options.probe
@click.option("--out", required=True, metavar="DIR", help="The averaged run's folder.")
@_options.as_json
def average(runs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Average RUNS of one configuration and several seeds, heads included: a run like any other.

    Heads have a mean only where they began from the same weights, so train with the same --set init_seed=N. Of LoRAs
    it is the exact mean of their updates. certificate.md says what was computed and what was checked.

    \b
    Examples:
      adapterstilts average runs/udpos-1 runs/udpos-2 runs/udpos-3 --out runs/udpos-mean
      adapterstilts average runs/udpos-1 runs/udpos-2 --rank 8 --out runs/udpos-rank-8
      adapterstilts average runs/slow runs/fast --may-differ train.learning_rate --out runs/both-rates
    """
    from adapterstilts.compose.average import average as compose

    _options.print_composition(compose(runs, **options), as_json)


COMMAND = average
