"""Text for masked language modelling on a command line: files by language, and the table of held-out text."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from adapterstilts.errors import UserError

if TYPE_CHECKING:
    from adapterstilts.report.tables import Table
    from adapterstilts.store.run import HeldOut, Run


def by_language(words: tuple[str, ...], option: str) -> dict[str, list[str]]:
    """Return the files of `LANGUAGE=FILE` words by language; a UserError for a word without either."""
    files: dict[str, list[str]] = {}
    for word in words:
        language, _, file = word.partition("=")
        if not language or not file:
            raise UserError(f"cannot read {option} {word!r}", fix=f"write {option} LANGUAGE=FILE, such as sw=notes.txt")
        files.setdefault(language, []).append(file)
    return files


def show_held_out(run: Run) -> None:
    """Print how well held-out text was guessed before and after, where a run has recorded it."""
    from adapterstilts.report.tables import show

    if run.record.held_out:
        with contextlib.redirect_stdout(sys.stderr):  # stdout has the run's folder alone
            show([_table(run.record.held_out)])


def _table(held_out: HeldOut) -> Table:
    from adapterstilts.report.tables import Table

    pairs = [(language, before, held_out.after[language]) for language, before in held_out.before.items()]
    rows = [
        [language, f"{before.loss:.3f}", f"{after.loss:.3f}", f"{before.accuracy:.1f} %", f"{after.accuracy:.1f} %"]
        for language, before, after in pairs
    ]
    headings = ["language", "loss before", "loss after", "guessed before", "guessed after"]
    return Table("held-out text", headings, rows, ["loss: nats a hidden token; guessed: share of the hidden tokens"])
