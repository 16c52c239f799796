"""`gc`: steps in a study's folder that its recipe no longer asks for."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from adapterstilts.console import log
from adapterstilts.errors import UserError
from adapterstilts.experiment.record import FAILED, LOG, RUN, STEP, read_done
from adapterstilts.experiment.step import Graph
from adapterstilts.experiment.work import bytes_in, is_held
from adapterstilts.store.atomic import remove_leftovers
from adapterstilts.store.manifest import Damaged
from adapterstilts.store.places import locked

_NAME = re.compile(r"[a-z_]+-[0-9a-f]{16}")
_OURS = {STEP, FAILED, LOG, RUN, ".lock"}
_DOOMED = ".tmp-"  # what is renamed so is gone, even if its removal is interrupted (store/atomic.py)


@dataclass(frozen=True)
class Unasked:
    """A step that the recipe does not ask for: its folder, its label ("" where no record tells), its bytes."""

    folder: Path
    label: str
    bytes: int


def unasked(graph: Graph, study: Path) -> list[Unasked]:
    """Return the steps in a study's folder that its graph does not have, the largest first.

    Raises UserError for anything else that lies among the steps: it is not ours to judge.
    """
    if not (study / "steps").is_dir():
        return []
    strangers = [path for path in sorted((study / "steps").iterdir()) if path.name not in graph.steps]
    strangers = [path for path in strangers if not path.name.startswith(_DOOMED)]
    odd = [path for path in strangers if not is_step(path)]
    if odd:
        raise UserError(
            f"{odd[0]} is not the folder of a step", fix="move it away: nothing is removed beside files of yours"
        )
    found = [Unasked(path, _label(study, path.name), bytes_in(path)) for path in strangers]
    return sorted(found, key=lambda one: -one.bytes)


def is_step(path: Path) -> bool:
    """Whether a path is the folder of a step, as `run` leaves it: by its name, and by all that lies in it."""
    if path.is_symlink() or not path.is_dir() or not _NAME.fullmatch(path.name):
        return False
    return all(inner.name in _OURS or inner.name.startswith(_DOOMED) for inner in path.iterdir())


def remove_unasked(graph: Graph, study: Path) -> list[Unasked]:
    """Remove the steps that a study's graph does not have, and return what was removed; one at work is left.

    Raises UserError while another process runs the study.
    """
    removed = []
    with locked(study):
        remove_leftovers(study / "steps")
        for one in unasked(graph, study):
            if is_held(one.folder):
                log(f"left alone, since a process is at it: {one.folder}")
                continue
            doomed = one.folder.with_name(_DOOMED + one.folder.name)
            one.folder.rename(doomed)
            shutil.rmtree(doomed)
            removed.append(one)
    return removed


def _label(study: Path, identity: str) -> str:
    try:
        done = read_done(study, identity)
    except Damaged:
        return ""
    return done.label if done else ""
