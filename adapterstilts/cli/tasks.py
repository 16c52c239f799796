"""`adapterstilts tasks`."""

from __future__ import annotations

import dataclasses
import json

import click

from adapterstilts.cli import _options


@click.group(invoke_without_command=True, short_help="List the tasks, or show one.")
@_options.as_json
@click.pass_context
def tasks(context: click.Context, as_json: bool) -> None:
    """List the tasks, or show one.

    \b
    Examples:
      adapterstilts tasks
      adapterstilts tasks show udpos
    """
    if context.invoked_subcommand:
        return
    from adapterstilts.report.tables import Table, show
    from adapterstilts.tasks import tasks as catalog

    entries = [catalog.get(name) for name in catalog.names()]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(task) for task in entries], indent=2, ensure_ascii=False))
        return
    rows = [[t.name, t.category, t.format, t.metric, str(len(t.languages)), ", ".join(t.roles)] for t in entries]
    show([Table("tasks", ["task", "category", "format", "metric", "languages", "usable as"], rows, words=True)])


@tasks.command()
@click.argument("name")
@_options.as_json
def show(name: str, as_json: bool) -> None:
    """Show one task: where its rows are, its languages, labels, licence and known traps.

    \b
    Example:
      adapterstilts tasks show udpos
    """
    from adapterstilts.tasks import tasks as catalog

    task = catalog.get(name)
    facts = dataclasses.asdict(task)
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    from adapterstilts.report.tables import Table
    from adapterstilts.report.tables import show as print_tables

    facts |= {
        "configs": ", ".join(f"{k}: {v}" for k, v in task.configs.items()),
        "labels": ", ".join(task.labels),
    }
    facts |= {part: ", ".join(f"{k}: {v}" for k, v in facts[part].items()) for part in ("splits", "columns")}
    facts |= {"roles": ", ".join(task.roles), "rows": "; ".join(_counts(k, v) for k, v in task.rows.items())}
    print_tables(
        [
            Table(
                f"task {name}",
                ["", ""],
                [[key, str(value)] for key, value in facts.items() if value],
                words=True,
            )
        ]
    )


def _counts(language: str, splits: object) -> str:
    assert isinstance(splits, dict)
    return f"{language} {' '.join(f'{split} {count:,}' for split, count in splits.items())}"


COMMAND = tasks
