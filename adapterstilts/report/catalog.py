"""The catalog of tasks for people and programs: what a task is, what may be done with it, which group it is in."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from collections.abc import Sequence
from typing import Any

from adapterstilts.errors import UserError, nearest
from adapterstilts.report.tables import Table
from adapterstilts.tasks import Task, tasks
from adapterstilts.tasks._groups import GROUPS, groups_of, narrowed

_NON_COMMERCIAL = "NON-COMMERCIAL: these rows may not be used commercially, and so perhaps not what is trained on them"
_NOT_STATED = "No licence is stated for these rows: ask their authors before you pass them on or earn money with them"


def choose(group: str | None = None, skill: str | None = None, category: str | None = None) -> list[Task]:
    """Return the tasks of a group, a skill and a category, by name; None means any.

    A task of a group has the group's languages alone. Raises UserError for an unknown name of any of them.
    """
    entries = [tasks.get(name) for name in tasks.names()]
    _must_be_one(group, "group", GROUPS)
    _must_be_one(skill, "skill", {task.skill for task in entries})
    _must_be_one(category, "category", {task.category for task in entries})
    if group is not None:
        entries = [narrowed(task, [group]) for task in entries if task.name in GROUPS[group].tasks]
    return [task for task in entries if skill in (None, task.skill) and category in (None, task.category)]


def _must_be_one(word: str | None, kind: str, known: Any) -> None:
    if word is not None and word not in known:
        raise UserError(f"unknown {kind} {word!r}", fix=nearest(word, known))


def facts(task: Task) -> dict[str, Any]:
    """Return all that is declared of a task, ready for JSON: with its languages and groups.

    `commercial`: whether the licence leaves commercial use open; None where none is stated.
    """
    more = {"languages": list(task.languages), "groups": groups_of(task.name), "commercial": commercial(task)}
    return {**dataclasses.asdict(task), "about": about(task.name), **more}


def commercial(task: Task) -> bool | None:
    """Return whether a task's licence leaves commercial use open; None where no licence is stated."""
    return None if re.match("not stated", task.licence) else task.commercial


def about(name: str) -> str:
    """Return what the file of a task says in its first line; empty for a task that has no file here."""
    if not importlib.util.find_spec(f"adapterstilts.tasks.{name}"):
        return ""
    lines = (importlib.import_module(f"adapterstilts.tasks.{name}").__doc__ or "").splitlines()
    return lines[0] if lines else ""


def warnings(task: Task) -> list[str]:
    """Return what the licence of a task's rows does not allow, or does not say."""
    if task.files:  # a person's own
        return []
    told = {False: [_NON_COMMERCIAL], None: [_NOT_STATED], True: []}
    return told[commercial(task)]


def task_table(entries: Sequence[Task]) -> Table:
    """Return the table of tasks for a terminal."""
    rows = [
        [task.name, task.category, task.skill, str(task.difficulty), task.format, task.metric, str(len(task.languages)),
         _use(task)]
        for task in entries
    ]  # fmt: skip
    headings = ["task", "category", "skill", "difficulty", "format", "metric", "languages", "as"]
    return Table("tasks", headings, rows, words=True)


def markdown() -> str:
    """Return the catalog as Markdown: a table of the tasks and one of the groups."""
    headings = ["Task", "What", "As", "Category", "Skill", "Difficulty", "Format", "Metric", "Languages", "Hub id",
                "Licence of the rows", "Commercial use", "From"]  # fmt: skip
    rows = [_in_full(tasks.get(name)) for name in tasks.names()]
    groups = [[f"`{name}`", group.about, " ".join(f"`{one}`" for one in group.tasks)] for name, group in GROUPS.items()]
    tables = [Table("Tasks", headings, rows, words=True)]
    tables += [Table("Groups", ["Group", "What", "Tasks"], groups, words=True)]
    return "\n".join(table.markdown() for table in tables)


def _in_full(task: Task) -> list[str]:
    spoken = task.languages if len(task.languages) > 1 else ()
    languages = f"{len(task.languages)}: {' '.join(spoken)}" if spoken else task.languages[0]
    use = {True: "yes", False: "**no**", None: "not stated"}[commercial(task)]
    return [
        f"`{task.name}`", about(task.name), _use(task), task.category, task.skill, str(task.difficulty), task.format,
        task.metric, languages, f"`{task.repo}`", task.licence, use, task.source,
    ]  # fmt: skip


def _use(task: Task) -> str:
    return task.roles[0] if len(task.roles) == 1 else "both"


def fact_table(task: Task) -> Table:
    """Return all that is known of one task, a fact a row, and beneath it what its licence does not allow."""
    known = {"about": about(task.name), **dataclasses.asdict(task)}
    known["languages"], known["groups"] = task.languages, tuple(groups_of(task.name))
    known["rows"] = "; ".join(_counts(language, splits) for language, splits in task.rows.items())
    rows = [[key, _words(value)] for key, value in known.items() if value]
    return Table(f"task {task.name}", ["", ""], rows, warnings(task), words=True)


def group_table(name: str) -> Table:
    """Return the tasks of a group, with the languages it has of each."""
    rows = [[task.name, task.category, " ".join(task.languages)] for task in choose(name)]
    return Table(f"group {name}: {GROUPS[name].about}", ["task", "category", "languages"], rows, words=True)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_words(inner)}" for key, inner in value.items())
    return ", ".join(value) if isinstance(value, tuple | list) else str(value)


def _counts(language: str, splits: Any) -> str:
    return f"{language} {' '.join(f'{split} {count:,}' for split, count in splits.items())}"
