"""What goes with what: which methods a way can be gone by, and which targets it leads to."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from adapterstilts.data.own import find_task
from adapterstilts.experiment.recipe import Study, Way
from adapterstilts.formats import formats
from adapterstilts.methods import fusions

SEARCH = "search"
if TYPE_CHECKING:
    from adapterstilts.compose.merges import Merge

_STACKED = ("lora", "bottleneck")
_FUSED = {"attention": ("bottleneck",), "layer_weights": ("lora",), SEARCH: ("lora",)}


def ways_to_fuse() -> list[str]:
    """Return the names that a fusion's `how` may have."""
    return sorted({*fusions.names(), SEARCH})


def merge_of(way: Way) -> Merge:
    """Return the merge that a way puts its members together by."""
    from adapterstilts.compose.merges import merges  # numpy takes its time, and many a study merges nothing

    return merges.get(way.how or "mean")


def allowed(way: Way) -> Collection[str] | None:
    """Return the catalog's methods whose modules a way can put together; None means any."""
    if way.verb == "merge":
        return merge_of(way).methods
    if way.verb == "stack":
        return _STACKED
    return _FUSED.get(way.how or "", ()) if way.verb == "fuse" else None


def suiting(study: Study) -> dict[str, tuple[str, ...]]:
    """Return by way the recipe's methods that it can be gone by, itself and all that it needs, in their order.

    Ways that need each other in a circle have none.
    """
    found: dict[str, tuple[str, ...]] = {}

    def methods(name: str, above: tuple[str, ...]) -> tuple[str, ...]:
        if name in above:
            return ()
        if name not in found:
            way = study.ways[name]
            able, wanted = allowed(way), way.methods
            below = [methods(one, (*above, name)) for one in way.needs]
            found[name] = tuple(
                method
                for method in study.methods
                if (wanted is None or method in wanted)
                and (able is None or study.catalog_name(method) in able)
                and all(method in some for some in below)
            )
        return found[name]

    return {name: methods(name, ()) for name in study.ways}


@cache
def learns(target: str) -> bool:
    """Whether a target is trained; retrieval searches an encoder as it is."""
    return hasattr(formats.get(find_task(target).format), "head")


def reaches(study: Study, name: str, target: str) -> bool:
    """Whether a way leads to scores on a target.

    What is joined or matched by a target's own training leads nowhere where there is none; a search leads to targets
    that a member's head can answer.
    """
    way = study.ways[name]
    if way.verb == "fuse" and way.how == SEARCH:
        return any(_alike(task, target) for one in way.fuse or () for task in study.ways[one].learn or ())
    return learns(target) or way.verb not in ("fuse", "match")


def remembers(study: Study, name: str) -> bool:
    """Whether a way builds on others that learned tasks with a head, so that what is left of these can be asked."""
    return any(study.ways[one].learn is not None or remembers(study, one) for one in study.ways[name].needs)


def spoken(study: Study, target: str) -> list[str] | None:
    """Return the languages that a target is scored in: of those that the study names, its own; None means all."""
    wanted = study.scores.languages
    return None if wanted is None else [one for one in wanted if one in find_task(target).configs]


def _alike(task: str, target: str) -> bool:
    """Whether a head for the one task can answer the other."""
    one, other = find_task(task), find_task(target)
    return one.format == other.format and set(one.labels) == set(other.labels)
