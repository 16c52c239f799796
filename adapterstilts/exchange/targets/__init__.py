"""Where an export may go: one file a library."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from adapterstilts.exchange.source import Heads, Source
from adapterstilts.registry import Catalog


class Target(Protocol):
    """One library's folders.

    `heads`: a run's only head goes along as is usual, one may be asked for, or there is no place for any. `library` is
    the Hub's name for the library. `must_hold` raises UserError for what the format cannot hold, before anything is
    computed. `write` fills `folder`. `check` loads the folder by the library's own loader and compares; it returns what
    was compared and how far apart it was, and raises UserError above what is allowed. `usage` is the Python that loads
    the folder, which it calls DIR, and the base, which it calls BASE.
    """

    summary: str
    library: str
    heads: Heads

    def must_hold(self, source: Source) -> None: ...
    def write(self, source: Source, folder: Path) -> None: ...
    def check(self, source: Source, folder: Path) -> Mapping[str, Any]: ...
    def usage(self, source: Source) -> str: ...


targets: Catalog[Target] = Catalog("adapterstilts.exchange.targets", "TARGET", "target of an export")
