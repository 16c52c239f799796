"""The source language of a training: whose rows are learned from, in place of the language that a task usually has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapterstilts.console import log_once
from adapterstilts.data.source import has_rows
from adapterstilts.data.translated import with_translations
from adapterstilts.errors import UserError, nearest
from adapterstilts.formats import formats
from adapterstilts.tasks import Split, Task


def from_language(task: Task, asked: Task, language: str, mirror: str | None) -> Task:
    """Return `task` as one that is trained on in `language`: in its own rows, or in those that a mirror translates.

    `asked` is the task that was asked for: `task` itself, or a target without train rows that learns from it. Such a
    target's own rows in that language are never a substitute, since they are what is scored. Raises UserError for a
    language without train or dev rows, with those that have them (of the Hub: with the task's languages), and for a
    task that is trained on several languages anyway.
    """
    if getattr(formats.get(task.format), "multilingual", False):
        raise UserError(
            f"task {task.name} is text of several languages, and has no source language",
            fix=f"choose its languages: --languages {language}",
        )
    task = with_translations(task, mirror)
    if language not in task.configs or not _can_teach(task, language, mirror):
        known = [one for one in task.languages if _can_teach(task, one, mirror)]
        if language in task.configs and not known:  # nothing at all is here: reading the rows tells what is amiss
            return replace(task, train_language=language)
        raise UserError(
            f"task {_named(task, asked)} has no {' and '.join(_needed(task))} rows in language {language!r}",
            where=_where(known, task, asked, language),
            fix=f"{nearest(language, known)}; or write translated ones: adapterstilts translate --help",
        )
    log_once(f"{task.name}: trained on its {language} rows; its {language} dev rows choose the checkpoint")
    return replace(task, train_language=language)


def _can_teach(task: Task, language: str, mirror: str | None) -> bool:
    """Return whether rows to learn from are here; those of the Hub are only looked at when they are fetched."""
    return not (mirror or task.files) or all(has_rows(task, language, split, mirror) for split in _needed(task))


def _needed(task: Task) -> tuple[Split, ...]:
    return ("train",) if task.held_out else ("train", "dev")


def _named(task: Task, asked: Task) -> str:
    return task.name if asked.name == task.name else f"{task.name}, which {asked.name} learns from,"


def _where(known: Sequence[str], task: Task, asked: Task, language: str) -> str:
    there = f"languages that have them here: {', '.join(known)}" if known else "no language has them here"
    if asked.name == task.name or language not in asked.configs:
        return there
    return f"{there}; {asked.name} has {language} rows, but those are what is scored, and nothing is trained on them"
