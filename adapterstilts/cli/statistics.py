"""`adapterstilts statistics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from adapterstilts.cli import _options

if TYPE_CHECKING:
    from adapterstilts.compose.statistics import Kind


@click.command(short_help="Measure a run on its own rows, for the merges regmean and fisher.")
@click.argument("run")
@click.option("--gram", is_flag=True, help="Gram matrices of what its Linear layers read (LoRA), for regmean.")
@click.option("--fisher", is_flag=True, help="Diagonal Fisher information of its changes, for fisher.")
@click.option("--examples", metavar="N", help="Training examples, drawn with the run's seed.  [default: 512]")
@click.option("--places", metavar="changed|all", help="Linear layers: those that the run changes, or all.")
@click.option("--labels", metavar="gold|model", help="Fisher: gold labels, or drawn from the model.  [default: gold]")
@click.option("--task", "tasks", multiple=True, metavar="FILE", help="The run's own tasks, where they are YAML files.")
@click.option("--base", metavar="ID|DIR", help="Where the run's base lies now.")
@_options.mirror
@_options.device
@_options.precision
def statistics(run: str, gram: bool, fisher: bool, base: str | None, **options: Any) -> None:
    """Measure a finished RUN on rows that it was trained on, and keep the figures beside its record.

    They take gram.safetensors and fisher.safetensors in the run's folder; the run stays what it is. The files' size is
    said before they are written. Members of one merge need figures for every layer that one of them changes:
    --places all gives them for all layers.

    \b
    Examples:
      adapterstilts statistics runs/mnli --gram --examples 512
      adapterstilts statistics runs/mnli --fisher --labels model
      adapterstilts statistics runs/mnli --gram --fisher --places all
    """
    from adapterstilts.train.statistics import statistics as measure

    flagged: dict[Kind, bool] = {"gram": gram, "fisher": fisher}
    kinds = [kind for kind, wanted in flagged.items() if wanted]
    flags = _options.settings({key: options[key] for key in ("mirror", "device", "precision")})
    own = {key: options[key] for key in ("examples", "places", "labels") if options[key] is not None}
    named = {"tasks": options["tasks"]} if options["tasks"] else {}
    for file in measure(run, kinds, base=base, settings={**flags, **own, **named}):
        click.echo(str(file))


COMMAND = statistics
