"""A step: one piece of a study's work, known by what it does and by what it builds on.

The identity is a digest of the kind, its version, the settings and the identities of the steps before it: no name, no
path, no clock. So two recipes that ask for the same work share it, and a change shows in all that follows from it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from adapterstilts.config.identity import fingerprint
from adapterstilts.errors import UserError

Parents = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Step:
    """One step. `settings`: JSON values that decide its result; `parents`: identities of steps, by the part they play.

    `label` is for people, and no part of what the step is; `version` is that of its kind (`kinds/`).
    """

    kind: str
    label: str
    settings: Mapping[str, Any]
    parents: Parents = field(default_factory=dict)
    version: int = 1

    @cached_property
    def id(self) -> str:
        """Its identity, which is also its folder's name."""
        return f"{self.kind}-{fingerprint([self.kind, self.version, self.settings, self.parents])}"

    @property
    def needs(self) -> Iterator[str]:
        """The identities of the steps that must be done before it."""
        for ids in self.parents.values():
            yield from ids


@dataclass(frozen=True)
class Graph:
    """All steps of a study by identity, every one behind those that it needs."""

    steps: Mapping[str, Step]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps.values())

    def __len__(self) -> int:
        return len(self.steps)

    def find(self, identity: str) -> Step:
        """Return a step by its identity, or by the beginning of one; a UserError where none or several begin so."""
        found = [step for name, step in self.steps.items() if name.startswith(identity)]
        if identity in self.steps or len(found) == 1:
            return self.steps.get(identity) or found[0]
        if found:
            raise UserError(f"{len(found)} steps begin with {identity!r}", fix="give more of the identity")
        raise UserError(f"the study has no step {identity!r}", fix=_nearest(identity, self.steps))

    def stages(self) -> list[list[Step]]:
        """Return the steps in stages: each needs only steps of earlier ones."""
        stage: dict[str, int] = {}
        for step in self:
            stage[step.id] = 1 + max((stage[need] for need in step.needs), default=-1)
        found: list[list[Step]] = [[] for _ in range(max(stage.values(), default=-1) + 1)]
        for step in self:
            found[stage[step.id]].append(step)
        return found

    def after(self, identities: Iterable[str]) -> set[str]:
        """Return the identities of all steps that need one of these, directly or not."""
        found = set(identities)
        first = set(found)
        for step in self:
            if found.intersection(step.needs):
                found.add(step.id)
        return found - first


def _nearest(identity: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(identity, known, n=1, cutoff=0.8)
    return f"did you mean {close[0]!r}?" if close else "`adapterstilts plan RECIPE --steps` lists all of them"


def folder_of(study: Path, identity: str) -> Path:
    """Return the folder of a step inside a study's."""
    return study / "steps" / identity
