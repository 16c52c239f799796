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
    """A step at work: its study's folder, its own folder for a run, and what the steps before it have left.

    `runs`: by the part that they play, the run folders of the steps before it; of a select step, what it has chosen.
    `facts`: what those steps have found out, by the same parts. `resources`: dotted settings that say where the work is
    done.
    """

    step: Step
    study: Path
    out: Path
    runs: Mapping[str, tuple[Path, ...]]
    facts: Mapping[str, tuple[Facts, ...]]
    resources: Mapping[str, Any]

    def relative(self, path: Path | str) -> str:
        """Return a path as facts hold it: from the study's folder, so that this can be moved."""
        return Path(path).resolve().relative_to(self.study.resolve()).as_posix()


class Kind(Protocol):
    """One kind of step. `version` grows when the same settings would give something else.

    `run` does the work, or goes on with it, and returns what is to be remembered of it; where it leads to a run,
    `run` in it is that run's folder, from the study's. `writes_into`: the part whose run folder it writes into; "" for
    its own alone.
    """

    version: int
    summary: str
    writes_into: str

    def run(self, work: Work) -> Facts: ...


kinds: Catalog[Kind] = Catalog("adapterstilts.experiment.kinds", "KIND", "kind of step")
