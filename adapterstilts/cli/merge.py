"""`adapterstilts merge`."""

from __future__ import annotations

from typing import Any

import click

from adapterstilts.cli import _options
from adapterstilts.errors import UserError


@click.command(short_help="Make one adapter of several, exactly or by a stated error.")
@click.argument("runs", nargs=-1, required=True)
@click.option("--how", metavar="NAME", help="mean, linear, cat, svd, ...: see `adapterstilts merges`.")
@click.option("--recipe", metavar="NAME|FILE", help="Instead: a named merge, such as compose/layer-swapping.")
@click.option("--weights", metavar="W,W,...", help="One a run (write --weights=-1,1).  [default: 1 each]")
@click.option("--rank", type=int, metavar="R", help="Of what has one, such as svd.  [default: as `merges` says]")
@click.option("--base", metavar="ID|DIR", help="The base of peft folders that do not name the runs' own.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="The merge's own, see `merges`.")
@_options.probe
@click.option("--out", required=True, metavar="DIR", help="The merged run's folder.")
@_options.as_json
def merge(
    runs: tuple[str, ...],
    how: str | None,
    recipe: str | None,
    weights: str | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Merge the adapters of RUNS into one, which is a run like any other: to start from, or to evaluate.

    LoRAs are merged on their updates, whatever their ranks and scales; folders of peft or adapters may be members.
    Heads are kept by task. certificate.md says what was computed and what was checked.

    \b
    Examples:
      adapterstilts merge runs/snli runs/squad_v1 --how mean --out runs/merged
      adapterstilts merge runs/snli runs/squad_v1 --how linear --weights=1,-0.5 --out runs/minus
      adapterstilts merge runs/snli runs/squad_v1 runs/hellaswag --how svd --rank 8 --out runs/rank8
      adapterstilts merge runs/snli runs/squad_v1 --how ties --set density=0.3 --out runs/ties
      adapterstilts merge runs/snli runs/lang-sw --recipe compose/layer-swapping --out runs/swapped
    """
    from adapterstilts.compose.merge import merge as compose
    from adapterstilts.compose.recipe import Wanted, from_recipe

    if (how is None) == (recipe is None):
        raise UserError("a merge needs either --how or --recipe", fix="see: adapterstilts merges; recipes/compose/")
    named = from_recipe(recipe, len(runs)) if recipe else Wanted(str(how), None, {})
    settings = {**named.settings, **_options.settings({"assignments": assignments})}
    shares = named.weights if weights is None else _numbers(weights)
    _options.print_composition(compose(runs, how=named.how, weights=shares, settings=settings, **options), as_json)


def _numbers(words: str | None) -> list[float] | None:
    if words is None:
        return None
    try:
        return [float(word) for word in words.split(",")]
    except ValueError:
        raise UserError(f"cannot read --weights {words!r}", fix="write numbers with commas: --weights=1,0.5") from None


COMMAND = merge
