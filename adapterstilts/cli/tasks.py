"""`adapterstilts tasks`."""

from __future__ import annotations

import json

import click

from adapterstilts.cli import _options


@click.group(invoke_without_command=True, short_help="List the tasks, or show one.")
@click.option("--group", metavar="NAME", help="Only the tasks of this group: xtreme, african, ...")
@click.option("--skill", metavar="NAME", help="Only those of this skill: syntax or semantics.")
@click.option("--category", metavar="NAME", help="Only those of this category: inference, QA, tagging, ...")
@click.option("--markdown", is_flag=True, help="Print the whole catalog as Markdown.")
@_options.as_json
@click.pass_context
def tasks(
    context: click.Context, group: str | None, skill: str | None, category: str | None, markdown: bool, as_json: bool
) -> None:
    """List the tasks, or show one.

    Where a command takes --task, a group's name stands for all of its tasks. Difficulty: 1 decided word by word or by
    likeness, 2 by holding two sentences against each other, 3 by reading a passage or by knowledge outside the text.

    \b
    Examples:
      adapterstilts tasks
      adapterstilts tasks --group xtreme --skill syntax
      adapterstilts tasks show udpos
    """
    if context.invoked_subcommand:
        return
    from adapterstilts.report import catalog
    from adapterstilts.report.tables import show

    chosen = catalog.choose(group, skill, category)
    if as_json:
        click.echo(json.dumps([catalog.facts(task) for task in chosen], indent=2, ensure_ascii=False))
    elif markdown:
        click.echo(catalog.markdown(), nl=False)
    else:
        show([catalog.task_table(chosen)])


@tasks.command()
@click.argument("name")
@_options.as_json
def show(name: str, as_json: bool) -> None:
    """Show one task: where its rows are, its languages, labels, licence and known traps; or a group's tasks.

    \b
    Examples:
      adapterstilts tasks show udpos
      adapterstilts tasks show xtreme
    """
    from adapterstilts.data.own import find_task
    from adapterstilts.report import catalog
    from adapterstilts.report.tables import show as print_tables
    from adapterstilts.tasks._groups import GROUPS

    if as_json:
        facts = [*map(catalog.facts, catalog.choose(name))] if name in GROUPS else catalog.facts(find_task(name))
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        print_tables([catalog.group_table(name) if name in GROUPS else catalog.fact_table(find_task(name))])


@tasks.command()
@click.option("--format", "format", default="classification", show_default=True, metavar="NAME", help="Its format.")
@click.argument("out")
def init(format: str, out: str) -> None:
    """Begin a task of your own: write a commented YAML file.

    \b
    Examples:
      adapterstilts tasks init my.yaml
      adapterstilts tasks init --format tagging tags.yaml
    """
    from pathlib import Path

    from adapterstilts.data.own.template import write_template

    write_template(Path(out), format)
    click.echo(f"next: put its files beside it; then: adapterstilts tasks show {out}", err=True)
    click.echo(out)


@tasks.command("import")
@click.argument("name")
@click.option("--from", "source", required=True, metavar="DIR", help="The folder of your own copy.")
def import_(name: str, source: str) -> None:
    """Bring your own copy of data that the Hub does not have to where a task's rows are read.

    \b
    Example:
      adapterstilts tasks import ccg --from ccgbank_1_1
    """
    from adapterstilts.data.importing import import_data

    click.echo(str(import_data(name, source)))


COMMAND = tasks
