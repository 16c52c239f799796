"""What a person sees while work goes on: lines and bars on stderr, never on stdout.

On a terminal a bar moves; in a log file one line every half minute tells the same, so logs stay small.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Protocol

_LOG_SECONDS = 30.0


class Bar(Protocol):
    """A running count: `advance` moves it, `note` shows the latest figures beside it."""

    def advance(self, steps: int = 1) -> None: ...
    def note(self, text: str) -> None: ...


def log(message: str) -> None:
    """Print one line on stderr."""
    print(message, file=sys.stderr, flush=True)


@cache
def log_once(message: str) -> None:
    """Print one line on stderr, unless this process has printed it already."""
    log(message)


@contextmanager
def progress(description: str, total: int, done: int = 0) -> Iterator[Bar]:
    """Show a bar for `total` steps of which `done` lie behind us."""
    if sys.stderr.isatty():
        with _rich_bar(description, total, done) as bar:
            yield bar
    else:
        yield _LogBar(description, total, done)


class _LogBar:
    def __init__(self, description: str, total: int, done: int) -> None:
        self.description, self.total, self.done = description, total, done
        self.start, self.first, self.text = time.monotonic(), done, ""
        self.next_line = self.start + _LOG_SECONDS

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        now = time.monotonic()
        if now >= self.next_line:
            self.next_line = now + _LOG_SECONDS
            left = (now - self.start) / max(1, self.done - self.first) * (self.total - self.done)
            log(f"{self.description}: {self.done}/{self.total} {self.text} ({left:.0f} s left)")

    def note(self, text: str) -> None:
        self.text = text


@contextmanager
def _rich_bar(description: str, total: int, done: int) -> Iterator[Bar]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(description, total=total, completed=done, text="")

        class _RichBar:
            def advance(self, steps: int = 1) -> None:
                bars.advance(task, steps)

            def note(self, text: str) -> None:
                bars.update(task, text=text)

        yield _RichBar()
