"""Which intermediate tasks are a target's own training data: gains there are no transfer from another task."""

from __future__ import annotations

from functools import cache

from adapterstilts.data.own import find_task
from adapterstilts.experiment.recipe import Study


@cache
def rows_behind(name: str) -> frozenset[str]:
    """Return the tasks whose rows a task is trained on: itself, its parts, the one that it usually learns from."""
    task = find_task(name)
    found = {name}
    for other in (*task.parts, *task.learns_from[:1], *task.rows_of):
        found |= rows_behind(other)
    return frozenset(found)


def learned_by(study: Study, way: str) -> set[str]:
    """Return the intermediate tasks that go into a way, through all ways that it builds on."""
    one = study.ways[way]
    found = set(one.learn or ())
    for before in one.needs if one.verb != "match" else ():
        found |= learned_by(study, before)
    return found


def same_rows(study: Study) -> frozenset[tuple[str, str]]:
    """Return the pairs of a way and a target that learn from the same rows."""
    return frozenset(
        (way, target)
        for way in study.ways
        for target in study.targets
        if any(rows_behind(task) & rows_behind(target) for task in learned_by(study, way))
    )
