"""Who does the steps: on this machine, one worker process for each slot.

A worker lives as long as its slot; it is in a session of its own, so that Ctrl-C reaches it through the main process
alone, and dies with the main process, however that dies. A step whose worker dies has failed; its slot gets a new one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NoReturn, Protocol

from adapterstilts.errors import UserError
from adapterstilts.experiment.record import write_failure
from adapterstilts.experiment.schedule import Schedule
from adapterstilts.experiment.step import Step
from adapterstilts.experiment.work import Ended, Place, do
from adapterstilts.interrupt import StopRequest, listening

_TICK_S = 0.2
SERVES = 40  # steps a worker, which keeps some megabytes of each; a new one takes five seconds to begin
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
Initializer = Callable[[], None]


class Watch(Protocol):
    """Is told what goes on: a step has begun or ended, some time has passed."""

    def began(self, step: Step) -> None: ...
    def ended(self, step: Step, how: Ended) -> None: ...
    def passed(self) -> None: ...


class Runner(Protocol):
    """Does the steps that a schedule gives out, as many at once as it has room for.

    `run` comes back when nothing is left that could be done; once `stop` is asked, it asks the steps at work to stop
    and comes back when all have reached a safe point. KeyboardInterrupt ends them at once.
    """

    @property
    def devices(self) -> Sequence[str]: ...
    def run(self, place: Place, schedule: Schedule, watch: Watch, stop: StopRequest) -> None: ...


class LocalRunner:
    """Runs steps on this machine: one at a time on each of `devices` (`cpu`, `cuda:0`, ...; one may come twice).

    On the CPU a slot computes with one thread. `initializer` is called once in each worker, before its first step.
    """

    def __init__(self, devices: Sequence[str], initializer: Initializer | None = None) -> None:
        self.devices = tuple(devices)
        self.initializer = initializer

    def run(self, place: Place, schedule: Schedule, watch: Watch, stop: StopRequest) -> None:
        """Do all that the schedule gives out; raises UserError where a device is not there."""
        slots = [_Slot(Place(place.study, device, place.resources), self.initializer) for device in self.devices]
        try:
            while True:
                if stop.signal_name and not schedule.stopped:
                    schedule.stop()
                    for slot in slots:
                        slot.ask_to_stop()
                _fill(slots, schedule, watch)
                if schedule.over:
                    return
                for slot in _ready([slot for slot in slots if slot.step]):
                    step, how = slot.result(bool(stop.signal_name))
                    schedule.ended(step.id, how.state == "done")
                    watch.ended(step, how)
                watch.passed()
        finally:
            for slot in slots:
                slot.close()


def _fill(slots: Sequence[_Slot], schedule: Schedule, watch: Watch) -> None:
    for slot in slots:
        step = None if slot.step else schedule.take()
        if step:
            slot.give(step)
            watch.began(step)


def _ready(slots: Sequence[_Slot]) -> list[_Slot]:
    """Wait for a moment and return the slots that have something to say, or whose worker has died."""
    signs: dict[Any, _Slot] = {sign: slot for slot in slots for sign in slot.signs()}
    heard = {id(signs[sign]) for sign in wait(list(signs), timeout=_TICK_S)}
    return [slot for slot in slots if id(slot) in heard]


class _Slot:
    """One slot: its place, its worker, and the step that this is at."""

    def __init__(self, place: Place, initializer: Initializer | None) -> None:
        self.place, self.initializer = place, initializer
        self.step: Step | None = None
        self.served = 0
        self.process: Any = None
        self.line: Connection[Any, Any] | None = None

    def give(self, step: Step) -> None:
        """Give the worker a step, and the slot a worker if it has none."""
        if self.served == SERVES:
            self._bury()
        if self.process is None:
            self._hire()
        assert self.line is not None
        self.step, self.served = step, self.served + 1
        with suppress(BrokenPipeError):  # it died while it had nothing to do: `result` will see
            self.line.send(step)

    def signs(self) -> list[Any]:
        """Return what to wait for: a word from the worker, or its end."""
        return [self.line, self.process.sentinel]

    def result(self, stopping: bool) -> tuple[Step, Ended]:
        """Return how the slot's step has ended; raises UserError where the slot's device is not there."""
        step, line = self.step, self.line
        assert step is not None
        assert line is not None
        self.step = None
        with suppress(EOFError, ConnectionError):
            if line.poll():
                answer: Ended | str = line.recv()
                if isinstance(answer, str):
                    raise UserError(answer, fix="choose other --devices")
                return step, answer
        died = self._bury()
        if stopping:
            return step, Ended(step.id, "stopped", error="ended before a safe point")
        failure = write_failure(self.place.study, step.id, f"its process died ({died})")
        return step, Ended(step.id, "failed", error=failure.error)

    def ask_to_stop(self) -> None:
        """Pass a signal on to the worker, if it is at a step."""
        if self.step and self.process.is_alive():
            os.kill(self.process.pid, signal.SIGTERM)

    def close(self) -> None:
        """End the worker: at once if it is at a step, else by hanging up."""
        if self.process is None:
            return
        if self.step:
            self._kill()
        self._bury()

    def _hire(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, other = context.Pipe()
        arguments = (other, self.place, self.initializer)
        self.served = 0
        self.process = context.Process(target=_serve, args=arguments, daemon=False)
        self.process.start()
        other.close()

    def _kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # and what it has started
        except (ProcessLookupError, PermissionError):
            self.process.kill()  # it has no session of its own yet

    def _bury(self) -> str:
        """Wait for the worker's end and say what it died of."""
        if self.line:
            self.line.close()
        self.process.join()
        code = self.process.exitcode
        self.process = self.line = None
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return f"{name}: killed, or out of memory" if name == "SIGKILL" else name
        return f"exit code {code}"


def _serve(line: Connection[Any, Any], place: Place, initializer: Initializer | None) -> None:
    """Do, in a worker, the steps that come down the line until it is closed."""
    os.setsid()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with listening():
        if place.device == "cpu":
            os.environ.update(dict.fromkeys(_THREADS, "1"))  # read by torch and numpy when they are imported
        else:
            _take_device(place.device, line)
        if initializer:
            initializer()
        with suppress(EOFError, ConnectionError):
            while True:
                line.send(do(line.recv(), place))


def _take_device(device: str, line: Connection[Any, Any]) -> None:
    """Make a GPU the one that this process measures its memory on; say so down the line where it is not there."""
    import torch

    from adapterstilts.model import choose_device

    try:
        torch.cuda.set_device(choose_device(device))
    except UserError as error:
        line.send(str(error.what))
        raise SystemExit(0) from None


def _die_with_parent() -> NoReturn:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.killpg(os.getpgrp(), signal.SIGKILL)
    raise AssertionError


def slots_for(devices: str | None, jobs: int | None) -> list[str]:
    """Return the devices that a command line asks for: a list, or so many slots on the CPU; None: what is here.

    Raises UserError for both, and for what is no device.
    """
    if devices and jobs:
        raise UserError("--devices and --jobs are both given", fix="--jobs counts slots on the CPU: give one of them")
    if jobs:
        return ["cpu"] * jobs
    if not devices:
        return ["cuda:0"] if has_gpu() else ["cpu"]
    found = [device.strip() for device in devices.split(",") if device.strip()]
    wrong = [device for device in found if device != "cpu" and device.partition(":")[0] != "cuda"]
    if wrong or not found:
        raise UserError(f"unknown device {(wrong or [devices])[0]!r}", fix="name them as in --devices cuda:0,cuda:1")
    return [f"{device}:0" if device == "cuda" else device for device in found]


def has_gpu() -> bool:
    """Return whether there is an NVIDIA GPU, without asking torch, which takes a second to load."""
    return Path("/proc/driver/nvidia/gpus").is_dir() and any(Path("/proc/driver/nvidia/gpus").iterdir())
