"""Merges: how the updates of several members become one. One file a merge.

All of them see updates alone, dW by layer: two factorings of the same update merge to the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapterstilts.compose.updates import Updates
from adapterstilts.registry import Catalog


@dataclass(frozen=True)
class Merged:
    """The merged update, and how far each layer lies from the weighted sum because of its rank (0 to 1)."""

    updates: Updates
    truncation: dict[str, float]


@dataclass(frozen=True)
class Merge:
    """One way to merge.

    `combine(members, weights, rank)` takes one finite weight a member; it raises UserError for weights that are
    not 1/K each where `equal_weights` says so, and for a rank where `takes_rank` is false. Rank None means: as
    the merge's summary says. An `exact` merge is the weighted sum itself.
    """

    summary: str
    formula: str
    source: str
    combine: Callable[[Sequence[Updates], Sequence[float], int | None], Merged]
    equal_weights: bool
    takes_rank: bool
    exact: bool


merges: Catalog[Merge] = Catalog("adapterstilts.compose.merges", "MERGE", "merge")
