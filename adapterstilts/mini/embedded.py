"""`mini`: the name of the embedded base, and of the embedded mirror, which is written once into the cache."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from adapterstilts.console import log
from adapterstilts.errors import UserError
from adapterstilts.store.places import cache_root, locked

if TYPE_CHECKING:
    from adapterstilts.store.run import Run

MINI = "mini"
_SIZE, _FEW = 3000, 250  # English training rows a task; rows of other splits and languages
_HERE = Path(__file__).parent


def embedded_base() -> Path:
    """Return the folder of the embedded base: 1.3 million parameters, pretrained by recipes/mini/base.yaml.

    Raises UserError where an installation has left it out.
    """
    folder = _HERE / "base"
    if not (folder / "config.json").is_file():
        raise UserError(
            f"the embedded base is not in {folder}",
            fix=f"install adapterstilts again, or make it anew: adapterstilts pretrain mini/base --out {folder}",
        )
    return folder


def mirror_folder(mirror: str | None) -> str | None:
    """Return the folder that a mirror's name means: the embedded mirror's for `mini`, else the name itself."""
    return str(_embedded_mirror()) if mirror == MINI else mirror


def usual_mirror(base: str | None, run: Run | None) -> str | None:
    """Return the mirror where none is named: `mini` for the embedded base, and for what was trained on that mirror."""
    if base == MINI or (run and run.record.base.name == MINI):
        return MINI
    trained_on = run.record.config.get("resources", {}).get("mirror") if run else None
    return MINI if trained_on == MINI else None


def _embedded_mirror() -> Path:
    """Return the embedded mirror, written now if this version's is not in the cache yet."""
    folder = cache_root() / "mini" / f"rows-{_SIZE}-{_FEW}-{_digest()}"
    if not folder.is_dir():
        with locked(cache_root() / "mini", wait=True):
            if not folder.is_dir():
                from adapterstilts.mini.rows import write_rows  # the grammars: nothing that naming the mirror needs

                log("writing the embedded world's rows, once: about half a minute")
                write_rows(folder, size=_SIZE, few=min(_FEW, _SIZE))
    return folder


def _digest() -> str:
    """Return a digest of the sources that the rows follow from."""
    total = hashlib.sha256()
    for file in sorted((*_HERE.glob("*.py"), *_HERE.glob("languages/*.py"), *_HERE.parent.glob("tasks/*.py"))):
        total.update(file.read_bytes())
    return total.hexdigest()[:12]
