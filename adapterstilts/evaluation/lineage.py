"""The runs before a run, as its record and theirs name them; what is not there any more is told, never passed over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapterstilts.errors import UserError
from adapterstilts.store.digests import digest_of_run
from adapterstilts.store.run import Parent, Run, read_run


@dataclass(frozen=True)
class Ancestor:
    """A run before another one; `trail` leads to it, from the run that was asked about."""

    run: Run
    trail: Sequence[Run]


@dataclass(frozen=True)
class Hole:
    """What cannot be said of a run before another one, and why; `task` is empty where not even that is known."""

    path: str
    task: str
    why: str


def ancestors(run: Run) -> tuple[list[Ancestor], list[Hole]]:
    """Return all runs before `run`, each once, nearest first, and what is missing among them."""
    found: dict[Path, Ancestor] = {}
    holes: dict[str, Hole] = {}
    for step in _walk(run, (run,)):
        if isinstance(step, Hole):
            holes.setdefault(step.path, step)
        else:
            found.setdefault(step.run.path.resolve(), step)
    return list(found.values()), list(holes.values())


def _walk(run: Run, trail: Sequence[Run]) -> Iterator[Ancestor | Hole]:
    for parent in run.record.parents:
        before = _read(parent)
        if isinstance(before, Hole):
            yield before
            continue
        yield Ancestor(before, (*trail, before))
        yield from _walk(before, (*trail, before))


def _read(parent: Parent) -> Run | Hole:
    """Return the run that a record names, if it still is that run: compositions know theirs by their files."""
    try:
        before = read_run(parent.path)
    except UserError as error:
        bare = (Path(parent.path) / "adapter_config.json").is_file()
        return Hole(parent.path, "", "an adapter without a run: what it was trained on is not known"
                    if bare else f"{error.what}; it was there when this was made")  # fmt: skip
    if parent.fingerprint not in (before.record.fingerprint, digest_of_run(before)):
        return Hole(parent.path, "", "another run lies there now")
    return before
