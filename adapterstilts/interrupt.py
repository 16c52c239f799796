"""Stop at a safe point: the first signal asks, the second one insists.

The flag is read between optimiser steps and between evaluation batches, so what is saved is always whole.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from adapterstilts.console import log
from adapterstilts.errors import Interrupted


class StopRequest:
    """Whether somebody asked this process to stop."""

    def __init__(self) -> None:
        self.signal_name: str | None = None

    def raise_if_asked(self) -> None:
        """Raise Interrupted if a signal has come; call it only where nothing is half done."""
        if self.signal_name:
            raise Interrupted(self.signal_name)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal_name:
            raise KeyboardInterrupt
        self.signal_name = signal.Signals(number).name
        log(f"{self.signal_name}: stopping at the next safe point (again: stop at once)")


_active: list[StopRequest] = []


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Listen for SIGTERM and Ctrl-C inside the block, and give the old handlers back after it.

    Inside another such block this is that one's request: what it was asked before is not forgotten.
    """
    if _active:
        yield _active[-1]
        return
    request = StopRequest()
    # Python lets only the main thread handle signals; elsewhere the caller's own handling stands.
    in_main = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGTERM, signal.SIGINT) if in_main else ()
    old = {number: signal.signal(number, request._receive) for number in numbers}
    _active.append(request)
    try:
        yield request
    finally:
        _active.remove(request)
        for number, handler in old.items():
            signal.signal(number, handler)
