"""What a composition is asked for, before it has a folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapterstilts.compose.members import Member
from adapterstilts.compose.statistics import Statistics
from adapterstilts.config.identity import fingerprint
from adapterstilts.store.run import Base


@dataclass(frozen=True)
class Request:
    """What is asked for: how, with which settings, from which members at which weights, on which base.

    `unproven` are the members whose base is only named, `settings` the merge's own. `probe`: whether it is to be
    probed; None where its base is at hand. `statistics`: what was measured on the members' rows, where it is needed.
    """

    phase: str
    how: str
    rank: int | None
    members: Sequence[Member]
    weights: Sequence[float]
    base: Base
    unproven: Sequence[str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    probe: bool | None = None
    statistics: Sequence[Statistics] = ()
    begun: float = field(default_factory=time.perf_counter)

    @property
    def identity(self) -> str:
        """A fingerprint of all that decides the result."""
        own = [self.phase, self.how, self.rank, list(self.weights), self.base.fingerprint]
        more = [part for part in (dict(self.settings), [one.digest() for one in self.statistics]) if part]
        return fingerprint([*own, *more, [[member.digest(), member.head_digest()] for member in self.members]])
