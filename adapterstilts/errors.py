"""What goes wrong, told to a person, and the exit code that tells it to a program.

Raise `UserError` for anything the user can mend; everything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

EXIT_BUG = 1
EXIT_USER = 2
EXIT_PARTIAL = 3  # some steps of a study failed; the others are done
EXIT_RESUMABLE = 75  # EX_TEMPFAIL of sysexits.h: a scheduler may start the same command again
EXIT_ABORT = 130


class UserError(Exception):
    """Something the user can mend: what is wrong, where, and the command or name that fixes it."""

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        return "\n  ".join(part for part in (self.what, self.where, self.fix) if part)


class Interrupted(Exception):
    """A signal stopped the work at a safe point; the same command goes on from there."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return a sentence naming the choice closest to `name`, or all choices where none is close."""
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(known)}" if known else "there is none yet"
