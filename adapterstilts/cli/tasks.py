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
    rows = [[t.name, t.category, t.format, t.metric, str(len(t.languages)), _use(t.roles)] for t in entries]
    show([Table("tasks", ["task", "category", "format", "metric", "languages", "as"], rows, words=True)])


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

    flat = {key: ", ".join(f"{k}: {v}" for k, v in value.items()) for key, value in facts.items() if _is_flat(value)}
    listed = {key: ", ".join(value) for key, value in facts.items() if isinstance(value, tuple)}
    facts |= flat | listed | {"rows": "; ".join(_counts(k, v) for k, v in task.rows.items())}
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


def _use(roles: tuple[str, ...]) -> str:
    return roles[0] if len(roles) == 1 else "both"


def _is_flat(value: object) -> bool:
    return isinstance(value, dict) and not any(isinstance(inner, dict) for inner in value.values())


def _counts(language: str, splits: object) -> str:
    assert isinstance(splits, dict)
    return f"{language} {' '.join(f'{split} {count:,}' for split, count in splits.items())}"


COMMAND = tasks
