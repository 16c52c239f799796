"""What every benchmark shares: facts about the machine, who else is using it, and where results are written."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from adapterstilts.store.atomic import write_json

RESULTS = Path(__file__).parent / "results"


def machine(packages: Iterable[str]) -> dict[str, Any]:
    """Return the processor, its cores and the versions of `packages`."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def write_results(name: str, results: Mapping[str, Any]) -> Path:
    """Write results/<name>.json and return its path, seen from the checkout."""
    path = RESULTS / f"{name}.json"
    write_json(path, results)
    return path.relative_to(RESULTS.parents[1])


class Bystanders:
    """How many cores all programs but process `pid` use from now on (Linux; elsewhere nobody knows)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.begun, self.before = time.perf_counter(), _others_seconds(pid)

    def cores(self) -> float | None:
        """Return the mean number of cores since the beginning."""
        now = _others_seconds(self.pid)
        if now is None or self.before is None:
            return None
        return round(max(0.0, now - self.before) / (time.perf_counter() - self.begun), 2)


def say(message: str) -> None:
    """Print one line on stderr."""
    print(message, file=sys.stderr, flush=True)


def wait_for_quiet(patience_s: float, most_cores: float = 0.1) -> None:
    """Return once other programs have used next to nothing for a second, or when patience is at an end."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        others = Bystanders(os.getpid())
        time.sleep(1.0)  # what others use is counted over this second
        if (others.cores() or 0.0) <= most_cores:
            return
    say("other programs are using this machine: the figures will suffer")


def _others_seconds(pid: int) -> float | None:
    try:
        total = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]
        own = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[11:13]
    except OSError:
        return None
    idle = {3, 4}  # idle, iowait
    busy = sum(int(ticks) for place, ticks in enumerate(total) if place not in idle)
    return (busy - sum(int(ticks) for ticks in own)) / os.sysconf("SC_CLK_TCK")


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
