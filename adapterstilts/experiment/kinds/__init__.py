"""Kinds of steps: how one piece of a study's work is done. One file a kind.

Kind files import the rooms that need torch only inside functions, so that planning stays light.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from adapterstilts.experiment.step import Step
from adapterstilts.registry import Catalog

Facts = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """A step at work: its own folder, and what the steps before it have left.

    `out` is where a run goes. `runs`: by the part that they play, the run folders of the steps before it. `facts`: what
    those steps have found out, by identity. `resources`: dotted settings that say where the work is done.
    """

    step: Step
    out: Path
    runs: Mapping[str, tuple[Path, ...]]
    facts: Mapping[str, Facts]
    resources: Mapping[str, Any]


class Kind(Protocol):
    """One kind of step. `version` grows when the same settings would give something else.

    `run` does the work, or goes on with it, and returns what is to be remembered of it; where it leads to a run,
    `run` in it names the run's folder. `writes_into`: the part whose run folder it writes into; "" for its own.
    """

    version: int
    summary: str
    writes_into: str

    def run(self, work: Work) -> Facts: ...


kinds: Catalog[Kind] = Catalog("adapterstilts.experiment.kinds", "KIND", "kind of step")
