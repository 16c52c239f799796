"""`adapterstilts stack`."""

from __future__ import annotations

from typing import Any

import click

from adapterstilts.cli import _options


@click.command(short_help="Put several adapters on one base, all frozen.")
@click.argument("runs", nargs=-1, required=True)
@click.option("--base", metavar="ID|DIR", help="The base of peft folders that do not name the runs' own.")
@_options.probe
@click.option("--out", required=True, metavar="DIR", help="The stack's folder.")
@_options.as_json
def stack(runs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Stack the adapters of RUNS, the first at the bottom. A training from a stack puts a fresh module on top.

    LoRAs add up. A bottleneck works on what the one below it gives; LoRA runs stand below bottleneck runs.

    \b
    Examples:
      adapterstilts stack runs/snli runs/squad_v1 --out runs/stack
      adapterstilts stack runs/snli runs/hellaswag runs/cosmos_qa-bottleneck --out runs/three
    """
    from adapterstilts.compose.stack import stack as compose

    _options.print_composition(compose(runs, **options), as_json)


COMMAND = stack
