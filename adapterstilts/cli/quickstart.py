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
    about XLM-R. Run again, it repeats nothing; interrupted, it goes on. What it runs is the study mini/quickstart.

    The baselines are SNLI with masked LM beside it, SNLI in German and in Swahili, all three tasks at once, and three
    runs averaged.

    \b
    Examples:
      adapterstilts quickstart --out runs/quickstart
      adapterstilts quickstart --baselines
    """
    from adapterstilts.report import quickstart as tour
    from adapterstilts.report.tables import show

    found = tour.quickstart(out, baselines=baselines)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
        return
    show(found.tables())
    named = f"{out}/by-name/lora"
    recipe = tour.WITH_BASELINES if baselines else tour.RECIPE
    click.echo(
        f"\nAll runs lie in {out}; every language and cost: {out}/comparison.md; a picture: {out}/result.svg\n"
        "Try next:\n"
        f"  adapterstilts report {recipe} --out {out}\n"
        f"  adapterstilts compare {named}/none/xnli/seed-0 {named}/merged/xnli/seed-0\n"
        f"  adapterstilts evaluate {named}/merged/encoder/seed-0 --task tatoeba --layer sweep\n"
        f"  adapterstilts train-target --task pawsx --from {named}/stacked/encoder/seed-0 --out runs/pawsx\n"
        "  adapterstilts tasks show xnli",
        err=True,
    )


COMMAND = quickstart
