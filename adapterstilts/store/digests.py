"""What a saved module or encoder is, whatever its folder is called: a digest of its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from adapterstilts.store.places import remembered
from adapterstilts.store.run import Run


def digest_of(files: Sequence[Path]) -> str:
    """Return 16 hex digits that stand for files, their names and contents, in the order given."""
    return remembered(list(files), lambda: _digest(files))


def digest_of_run(run: Run) -> str:
    """Return the digest of a run's modules, or of its encoder where every weight was trained."""
    folders = [module.folder for module in run.modules] or [run.path / "encoder"]
    return digest_of([file for folder in folders for file in sorted(folder.glob("*")) if file.is_file()])


def _digest(files: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(json.dumps(file.name).encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]
