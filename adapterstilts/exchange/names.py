"""Names that may leave this machine: Hub ids, and never a path."""

from __future__ import annotations

import re
from pathlib import Path

from adapterstilts.mini.embedded import MINI

_HUB_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*")
# a path from a root, a home or a drive; what follows a colon or another slash is a part of a URL
_PATH = re.compile(r"(?<![\w:/.~<)\]-])(?:~?/[\w.~-]+/[\w./~-]+|[A-Za-z]:\\[\w\\.-]+)|file://\S+")


def hub_id(name: str) -> str | None:
    """Return a base's recorded name if it is one of the Hub; None for a folder, and for our own `mini`."""
    return name if _HUB_ID.fullmatch(name) and name != MINI else None


def public_base(name: str) -> str:
    """Return a base's name, of a folder only its last part."""
    return hub_id(name) or Path(name).name


def machine_path(text: str) -> str | None:
    """Return the first path of a machine that a text holds, None where it holds none."""
    found = _PATH.search(text)
    return found.group() if found else None
