"""Where things lie: our cache, names that may become paths, one writer a folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from adapterstilts.config.identity import fingerprint
from adapterstilts.errors import UserError
from adapterstilts.store.atomic import write_json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")


def cache_root() -> Path:
    """Return our cache: ADAPTERSTILTS_CACHE, else ~/.cache/adapterstilts."""
    return Path(os.environ.get("ADAPTERSTILTS_CACHE") or Path.home() / ".cache" / "adapterstilts")


def imported_root() -> Path:
    """Return where imported data lies, the user's own copies: ADAPTERSTILTS_DATA, else ~/.local/share/adapterstilts."""
    return Path(os.environ.get("ADAPTERSTILTS_DATA") or Path.home() / ".local" / "share" / "adapterstilts")


def inside(root: Path, name: str) -> Path:
    """Return `root / name` for one plain name; anything that could leave `root` is a UserError."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise UserError(f"{name!r} cannot be a file name", fix="use letters, digits, '_', '-' and '.'")
    return root / name


_patient: ContextVar[bool] = ContextVar("patient", default=False)


@contextmanager
def patience() -> Iterator[None]:
    """Inside the block, wait for folders that another process holds: steps of one study may meet in a run's folder."""
    token = _patient.set(True)
    try:
        yield
    finally:
        _patient.reset(token)


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold `folder` for this process; a UserError tells when another one holds it, unless this one is to wait.

    The lock is the operating system's, so it dies with its holder and never goes stale.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=-1 if wait or _patient.get() else 0)
    except Timeout:
        raise UserError(f"another process is working in {folder}", fix="wait for it, or choose another --out") from None
    try:
        yield
    finally:
        lock.release()


def remembered(files: list[Path], compute: Callable[[], str]) -> str:
    """Return `compute()`, or what it gave before for the same files (path, size, time of change).

    Hashing two gigabytes of weights takes seconds, and every command asks for it.
    """
    stamps = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(files)]
    note = cache_root() / "digests" / f"{fingerprint(stamps)}.json"
    try:
        known: str = json.loads(note.read_text(encoding="utf-8"))["digest"]
        return known
    except (OSError, ValueError, KeyError):
        pass
    value = compute()
    write_json(note, {"digest": value, "files": [stamp[0] for stamp in stamps]})
    return value
