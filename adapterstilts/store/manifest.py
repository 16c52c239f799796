"""A folder vouches for itself: MANIFEST.json lists every file with its size and digest, written last.

A folder without one was never finished; a folder that disagrees with its own was damaged later.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from adapterstilts.store.atomic import write_json

NAME = "MANIFEST.json"


class Damaged(Exception):
    """The folder is not what its manifest says; the message is the reason."""


def sign(folder: Path) -> None:
    """Write the manifest over all files that lie in `folder` now."""
    parts = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": digest(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != NAME
    }
    write_json(folder / NAME, {"schema": 1, "parts": parts})


def verify(folder: Path) -> None:
    """Raise Damaged, with the reason, unless every file is there, of its size and its digest."""
    try:
        parts = json.loads((folder / NAME).read_text(encoding="utf-8"))["parts"]
    except FileNotFoundError:
        raise Damaged("it was never finished (no manifest)") from None
    except (ValueError, KeyError, OSError) as error:
        raise Damaged(f"its manifest cannot be read ({error})") from None
    for name, part in parts.items():
        path = folder / name
        if not path.is_file():
            raise Damaged(f"{name} is missing")
        if path.stat().st_size != part["bytes"]:
            raise Damaged(f"{name} has {path.stat().st_size} bytes instead of {part['bytes']}")
        if digest(path) != part["sha256"]:
            raise Damaged(f"{name} does not match its digest")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
