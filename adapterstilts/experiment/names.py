"""Names for people: links from what a run is in the grid to its folder, which is called by its content."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from adapterstilts.data.own import find_task
from adapterstilts.experiment.build import Layout
from adapterstilts.experiment.record import read_done
from adapterstilts.store.manifest import Damaged
from adapterstilts.store.places import inside

BY_NAME = "by-name"
_UNFIT = re.compile(r"[^A-Za-z0-9_.+-]+")


def link_runs(layout: Layout, study: Path) -> None:
    """Link every finished run of the grid: `by-name/<method>/<way>/<target>/seed-N`, and `encoder` for the target.

    Bases and variants stand before the method where there are several. Links are relative, so a study can be moved; one
    that leads elsewhere than it should is replaced, one whose step is no longer done is removed.
    """
    wanted = dict(_links(layout, study))
    root = study / BY_NAME
    for link in root.rglob("seed-*") if root.is_dir() else ():
        if link.is_symlink() and link not in wanted:
            link.unlink()
    for link, run in wanted.items():
        link.parent.mkdir(parents=True, exist_ok=True)
        aim = os.path.relpath(run, link.parent)
        if link.is_symlink() and link.readlink() == Path(aim):
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(aim)


def _links(layout: Layout, study: Path) -> Iterator[tuple[Path, Path]]:
    bases, variants = ({cell[place] for cell in layout.cells} for place in (0, 1))

    def at(base: str, variant: str, *names: str) -> Path:
        parts = [*([base] if len(bases) > 1 else []), *([variant] if len(variants) > 1 else []), *names]
        folder = study / BY_NAME
        for part in parts:
            folder = inside(folder, _UNFIT.sub("-", part).strip("-.") or "none")
        return folder

    for (point, way), identity in layout.prepared.items():
        run = _run(study, identity)
        if run:
            yield at(point.base, point.variant, point.method, way, "encoder", f"seed-{point.seed}"), run
    for cell, steps in layout.cells.items():
        run = _run(study, steps.trained)
        if run:
            target = find_task(cell.target).name
            yield at(cell.base, cell.variant, cell.method, cell.way, target, f"seed-{cell.seed}"), run


def _run(study: Path, identity: str | None) -> Path | None:
    if identity is None:
        return None
    try:
        done = read_done(study, identity)
    except Damaged:
        return None
    return done.run(study) if done else None
