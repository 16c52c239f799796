"""What a person sees while a study runs: a bar on a terminal, one line a finished step in a log; failures at once."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from adapterstilts.console import Bar, log, progress
from adapterstilts.experiment.record import LOG
from adapterstilts.experiment.step import Step, folder_of
from adapterstilts.experiment.work import Ended

_QUIET_S = 300.0  # a log that says nothing for longer looks dead
_NAMED = 3


class Telling:
    """Tells of steps as they begin and end; a context manager, which holds the bar."""

    def __init__(self, study: Path, steps: int, done: int) -> None:
        self.study, self.steps, self.done = study, steps, done
        self.at_work: dict[str, tuple[Step, float]] = {}
        self.failed = 0
        self.spoken = time.monotonic()
        self._bar: Bar | None = None
        self._context: AbstractContextManager[Bar] | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._context = progress("steps", self.steps, self.done)
            self._bar = self._context.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        if self._context:
            self._context.__exit__(None, None, None)

    def began(self, step: Step) -> None:
        """Tell that a step has begun, on a terminal only."""
        self.at_work[step.id] = (step, time.monotonic())
        self._note()

    def ended(self, step: Step, how: Ended) -> None:
        """Tell how a step has ended; of a failure where its log is."""
        self.at_work.pop(step.id, None)
        if how.state == "done":
            self.done += 1
            if self._bar:
                self._bar.advance()
            else:
                self._say(f"[{self.done}/{self.steps}] done  {duration(how.seconds):>6}  {step.label}")
        if how.state == "failed":
            self.failed += 1
            self._say(f"[{self.done}/{self.steps}] FAILED  {step.label}: {how.error}")
            self._say(f"    log: {folder_of(self.study, step.id) / LOG}")
        self._note()

    def passed(self) -> None:
        """Tell, after a long silence, what is being done."""
        if not self._bar and self.at_work and time.monotonic() - self.spoken > _QUIET_S:
            self._say(f"[{self.done}/{self.steps}] at work: {self._running()}")

    def _running(self) -> str:
        now = time.monotonic()
        named = [f"{step.label} ({duration(now - begun)})" for step, begun in self.at_work.values()]
        return "; ".join(named[:_NAMED]) + (f"; and {len(named) - _NAMED} more" if named[_NAMED:] else "")

    def _note(self) -> None:
        if self._bar:
            failed = f"{self.failed} failed; " if self.failed else ""
            self._bar.note(failed + "; ".join(step.label for step, _ in list(self.at_work.values())[:_NAMED]))

    def _say(self, text: str) -> None:
        log(text)
        self.spoken = time.monotonic()


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it: 34 s, 12 min, 3.4 h, 1,200 h."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    hours = seconds / 3600
    return f"{seconds / 60:.0f} min" if hours < 1.65 else f"{hours:.1f} h" if hours < 99.5 else f"{hours:,.0f} h"
