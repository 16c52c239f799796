"""`adapterstilts quickstart`."""

from __future__ import annotations

import json

import click

from adapterstilts.cli import _options


@click.command(short_help="Run the whole method offline in minutes.")
@click.option("--out", default="runs/quickstart", show_default=True, metavar="DIR", help="Everything is put here.")
@click.option("--baselines", is_flag=True, help="Also the paper's baselines: some ten minutes more.")
@_options.as_json
def quickstart(out: str, baselines: bool, as_json: bool) -> None:
    """Run the whole method from end to end, offline, on an invented world and a small base.

    Three intermediate tasks; merged, stacked, as bottleneck, by full fine-tuning, or none at all; then four target
    tasks, zero-shot in eight languages. It shows the machinery, with true effects of its own, and is no evidence
    about XLM-R. Run again, it repeats nothing; interrupted, it goes on.

    The baselines are SNLI with masked LM beside it, SNLI in German and in Swahili, all three tasks at once, and three
    runs averaged.

    \b
    Examples:
      adapterstilts quickstart --out runs/quickstart
      adapterstilts quickstart --baselines
    """
    from adapterstilts.report.quickstart import quickstart as tour
    from adapterstilts.report.tables import show

    found = tour(out, baselines=baselines)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
        return
    show(found.tables())
    click.echo(
        f"\nAll runs lie in {out}; every language and cost: {out}/comparison.md; a picture: {out}/result.svg\n"
        "Try next:\n"
        f"  adapterstilts compare {out}/targets/xnli/none {out}/targets/xnli/merged\n"
        f"  adapterstilts evaluate {out}/intermediate/snli-lora --task tatoeba --layer sweep\n"
        f"  adapterstilts train-target --task pawsx --from {out}/composed/stacked --out runs/pawsx\n"
        "  adapterstilts tasks show xnli",
        err=True,
    )


COMMAND = quickstart
