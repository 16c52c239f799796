"""Merges: how the changes of several members become one. One file a merge.

All of them see changes alone, dW by layer: two factorings of the same update merge to the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from adapterstilts.compose.updates import Matrix, Update
from adapterstilts.config.schema import Frozen
from adapterstilts.errors import UserError
from adapterstilts.registry import Catalog

Delta = Update | Matrix  # a change as factors, or number by number
Kept = Literal["factors", "exact", "largest", "sum"]


class MergeSettings(Frozen):
    """A merge's own settings (`--set KEY=VALUE`); this one has none."""


@dataclass(frozen=True)
class Layer:
    """One layer of all members, in their order: the change that each makes, of rank 0 where it makes none.

    `reads` give by a layer's name what was measured on each member's own rows, for merges that need it.
    """

    name: str
    deltas: Sequence[Delta]
    reads: Sequence[Callable[[str], Matrix]] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (out, in) of every change."""
        out, into = self.deltas[0].shape
        return out, into

    def changed_by(self, member: int) -> bool:
        """Whether a member has a change here at all, be it of zeros."""
        delta = self.deltas[member]
        return not isinstance(delta, Update) or delta.rank > 0

    def dense(self, member: int, rows: slice = slice(None)) -> Matrix:
        """Return one member's change number by number: all of it, or some rows (a copy of its own)."""
        delta = self.deltas[member]
        return np.asarray(delta.left[rows] @ delta.right) if isinstance(delta, Update) else delta[rows].copy()

    def statistic(self, member: int) -> Matrix:
        """Return what was measured on one member's own rows; a UserError where nothing was."""
        if not self.reads:
            raise UserError(
                "this merge needs what was measured on the members' rows", fix="adapterstilts statistics RUN"
            )
        return self.reads[member](self.name)


class Ingredients(Protocol):
    """What is merged: one finite weight and one digest a member, and their layers, which can be gone through again.

    Random draws follow the digests, so that the order of the members has no effect.
    """

    @property
    def weights(self) -> Sequence[float]:
        """One finite weight a member."""

    @property
    def digests(self) -> Sequence[str]:
        """What each member is, whatever its folder is called."""

    def layers(self) -> Iterator[Layer]:
        """Yield all layers; each call begins anew."""


@dataclass(frozen=True)
class Merge:
    """One way to merge.

    `combine(ingredients, settings)` yields the merged change layer by layer, before any rank is asked for. `kept` says
    what is kept of it: its factors as they come, exactly what is needed, or the nearest of a rank: the `largest` of the
    members or the `sum` of all, unless another is asked for. `linear`: it is the weighted sum. `alone`: settings with
    which one member alone, at weight 1, is itself. `methods`: what the members may have been trained by. `needs`:
    what must have been measured on each member's own rows.
    """

    summary: str
    formula: str
    source: str
    combine: Callable[[Ingredients, Any], Iterator[tuple[str, Delta]]]
    kept: Kept
    schema: type[MergeSettings] = MergeSettings
    linear: bool = False
    equal_weights: bool = False
    alone: Mapping[str, Any] = field(default_factory=dict)
    methods: Sequence[str] = ("lora",)
    needs: Literal["gram", "fisher"] | None = None

    @property
    def takes_rank(self) -> bool:
        """Whether a rank may be asked for; without one the result of the others follows from the members."""
        return self.kept in ("largest", "sum")

    @property
    def exact(self) -> bool:
        """Whether it is the weighted sum itself, whatever its rank."""
        return self.linear and not self.takes_rank


merges: Catalog[Merge] = Catalog("adapterstilts.compose.merges", "MERGE", "merge")
