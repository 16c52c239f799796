"""Do one step, here and now: its lock, its log, its cost, its record.

The locks are the operating system's: they die with their holder. A step that writes into the run folder of an earlier
one holds the lock of the step that this folder belongs to as well.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from adapterstilts.console import log
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.experiment.kinds import Kind, Work, kinds
from adapterstilts.experiment.record import LOG, RUN, Cost, Done, read_done, record_of, write_done, write_failure
from adapterstilts.experiment.step import Step, folder_of
from adapterstilts.interrupt import StopRequest, listening
from adapterstilts.store.atomic import remove_leftovers
from adapterstilts.store.manifest import Damaged
from adapterstilts.store.places import patience

_POLL_S = 0.2


@dataclass(frozen=True)
class Place:
    """Where steps are done: the study's folder, the device, and dotted settings of the resources beside it."""

    study: Path
    device: str = "cpu"
    resources: Mapping[str, Any] | None = None


class Ended(NamedTuple):
    """How a step has ended; `error` is one line, and where it `stopped` the signal's name."""

    id: str
    state: Literal["done", "failed", "stopped"]
    seconds: float = 0.0
    error: str = ""


def do(step: Step, place: Place, *, aloud: bool = False) -> Ended:
    """Do a step whose needs are done, unless it is done already, and say how it has ended.

    What it prints goes into its log.txt, and to the terminal too if `aloud`. Another process that is at the same step
    is waited for. An error is written to failed.json and does not come out of here.
    """
    folder = folder_of(place.study, step.id)
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    with _logged(folder / LOG, aloud):
        try:
            with listening() as stop:
                return _hold_and_do(step, place, stop)
        except Interrupted as signal:
            log(f"stopped by {signal}")
            return Ended(step.id, "stopped", time.perf_counter() - begun, str(signal))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in one step, the others go on
            return _failed(step, place, error, time.perf_counter() - begun)


def _hold_and_do(step: Step, place: Place, stop: StopRequest) -> Ended:
    with ExitStack() as locks:
        locks.enter_context(held(folder_of(place.study, step.id), stop))
        remove_leftovers(folder_of(place.study, step.id))
        done = settled(place.study, step.id)
        if done:
            return Ended(step.id, "done", done.cost.seconds)
        kind = kinds.get(step.kind)
        work = work_of(step, place)
        owner = owner_of(place.study, kind, work.runs)
        if owner and owner != step.id:
            locks.enter_context(held(folder_of(place.study, owner), stop))
        stop.raise_if_asked()
        record = _measured(step, kind, work, folder_of(place.study, owner or step.id))
        write_done(place.study, record)
        return Ended(step.id, "done", record.cost.seconds)


def _measured(step: Step, kind: Kind, work: Work, written: Path) -> Done:
    """Call the kind and return the record with what it took; `written` is the folder that grows meanwhile."""
    own = written == work.out.parent
    resumed = own and work.out.is_dir()
    before = 0 if own else bytes_in(written)
    _forget_peak_memory()
    log(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {step.label} ({step.id}), process {os.getpid()}")
    begun = time.perf_counter()
    with patience():  # others of this study may be reading from the same run
        facts = kind.run(work)
    seconds = time.perf_counter() - begun
    device = str(work.resources["resources.device"]).partition(":")[0]
    size = max(0, bytes_in(written) - before)
    return record_of(step, Cost(seconds, _peak_memory(), size, device, resumed), facts)


def settled(study: Path, identity: str) -> Done | None:
    """Return the record of a step that is done; of a damaged one None, and say why on stderr."""
    try:
        return read_done(study, identity)
    except Damaged as reason:
        log(f"{identity} is done again: {reason}")
        return None


def work_of(step: Step, place: Place) -> Work:
    """Return a step's work: the runs and the facts of the steps before it. Raises UserError where one is not done."""
    runs, facts = {}, {}
    for part, ids in step.parents.items():
        found = [_needed(place.study, identity) for identity in ids]
        runs[part] = tuple(run for one in found if (run := one.run(place.study)))
        facts[part] = tuple(dict(one.facts) for one in found)
    resources = {**(place.resources or {}), "resources.device": place.device}
    return Work(step, place.study, folder_of(place.study, step.id) / RUN, runs, facts, resources)


def _needed(study: Path, identity: str) -> Done:
    try:
        done = read_done(study, identity)
    except Damaged as reason:
        raise UserError(f"{identity}, which this step needs, counts as not done: {reason}") from None
    if done is None:
        raise UserError(f"{identity}, which this step needs, is not done")
    return done


def owner_of(study: Path, kind: Kind, runs: Mapping[str, tuple[Path, ...]]) -> str:
    """Return which step's folder a step of this kind writes into; "" where that is its own, or lies elsewhere."""
    steps = (study / "steps").resolve()
    for run in runs.get(kind.writes_into, ()):
        if run.resolve().is_relative_to(steps):
            return run.resolve().relative_to(steps).parts[0]
    return ""


@contextmanager
def held(folder: Path, stop: StopRequest) -> Iterator[None]:
    """Hold a step's folder for this process, after waiting for another one that does; Interrupted if asked to stop."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    waiting = False
    while True:
        stop.raise_if_asked()
        try:
            lock.acquire(timeout=_POLL_S)
            break
        except Timeout:
            if not waiting:
                log(f"waiting for another process that is at {folder.name}")
            waiting = True
    try:
        yield
    finally:
        lock.release()


def is_held(folder: Path) -> bool:
    """Return whether a process is at this step now; those who want its lock wait, so that looking disturbs nobody."""
    from filelock import FileLock, Timeout

    if not (folder / ".lock").exists():
        return False
    try:
        with FileLock(folder / ".lock").acquire(timeout=0):
            return False
    except Timeout:
        return True


def bytes_in(folder: Path) -> int:
    """Return the bytes of all files in a folder; links count for nothing, and so does what is removed meanwhile."""
    total, open_folders = 0, [folder]
    while open_folders:
        with contextlib.suppress(FileNotFoundError), os.scandir(open_folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    open_folders.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def _failed(step: Step, place: Place, error: Exception, seconds: float) -> Ended:
    if isinstance(error, UserError):
        failure = write_failure(place.study, step.id, str(error))
        log(f"error: {error}")
    else:
        text = "".join(traceback.format_exception(error))
        failure = write_failure(place.study, step.id, text, f"{type(error).__name__}: {error}")
        log(text)
    return Ended(step.id, "failed", seconds, failure.error)


@contextmanager
def _logged(file: Path, aloud: bool) -> Iterator[None]:
    """Send what is printed inside the block to the end of a file; what libraries in C print too, unless `aloud`."""
    with file.open("a", encoding="utf-8") as lines:
        if aloud:
            with contextlib.redirect_stderr(_Both(sys.stderr, lines)):
                yield
            return
        sys.stdout.flush()
        sys.stderr.flush()
        kept = [(number, os.dup(number)) for number in (1, 2)]
        for number, _ in kept:
            os.dup2(lines.fileno(), number)
        try:
            with contextlib.redirect_stdout(lines), contextlib.redirect_stderr(lines):
                yield
        finally:
            lines.flush()
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)


class _Both:
    """A text stream that writes to two; no terminal, so that what is written to both are lines."""

    def __init__(self, one: IO[str], other: IO[str]) -> None:
        self.both = (one, other)

    def write(self, text: str) -> int:
        for stream in self.both:
            stream.write(text)
        return len(text)

    def flush(self) -> None:
        for stream in self.both:
            stream.flush()

    def isatty(self) -> bool:
        return False


def _forget_peak_memory() -> None:
    if "torch" in sys.modules:
        from adapterstilts.train.cost import forget_peak_memory

        forget_peak_memory()


def _peak_memory() -> int:
    """Return the most memory in use since then; where nothing needed torch, that of the whole process."""
    if "torch" in sys.modules:
        from adapterstilts.train.cost import peak_memory

        return peak_memory()
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
