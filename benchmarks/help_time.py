"""How long `adapterstilts --help` takes, beside a bare Python and `import torch`.

python benchmarks/help_time.py [--repeats N]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _common import machine, say, write_results
from rich.console import Console
from rich.table import Table

TARGET_S = 0.3
OURS = "adapterstilts --help"


def main() -> None:
    """Measure, print the table and write results/help_time.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="timed runs of each command")
    repeats = parser.parse_args().repeats
    facts = machine(["adapterstilts", "torch"])
    seconds = measure(commands(), repeats)
    rows = {name: _summary(times) for name, times in seconds.items()}
    met = rows[OURS]["median_s"] < TARGET_S
    Console().print(_table(rows, met))
    path = write_results(
        "help_time", {"target_s": TARGET_S, "met": met, "repeats": repeats, "commands": rows, "machine": facts}
    )
    say(f"written: {path}")


def commands() -> dict[str, Sequence[str]]:
    """Return the commands to time, by the name that the table gives them."""
    script = Path(sys.executable).with_name("adapterstilts")
    if not script.is_file():
        sys.exit(f"there is no console script {script.name} beside {Path(sys.executable).name}: install the package")
    return {
        OURS: [str(script), "--help"],
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import torch'": [sys.executable, "-c", "import torch"],
    }


def measure(named: dict[str, Sequence[str]], repeats: int) -> dict[str, list[float]]:
    """Run the commands in turn, `repeats` times after one warm-up, and return their wall times."""
    seconds: dict[str, list[float]] = {name: [] for name in named}
    for turn in range(repeats + 1):
        for name, command in named.items():
            begun = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            if turn:
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def _summary(times: Sequence[float]) -> dict[str, float]:
    values = {"median_s": statistics.median(times), "min_s": min(times), "max_s": max(times)}
    return {name: round(value, 4) for name, value in values.items()}


def _table(rows: dict[str, dict[str, float]], met: bool) -> Table:
    table = Table(title="Start-up time (wall, seconds)")
    for name in ("command", "median", "min..max", "target", "met"):
        table.add_column(name, justify="left" if name == "command" else "right")
    for name, row in rows.items():
        goal: list[Any] = [f"< {TARGET_S} s", "yes" if met else "no"] if name == OURS else ["", ""]
        table.add_row(name, f"{row['median_s']:.3f}", f"{row['min_s']:.3f}..{row['max_s']:.3f}", *goal)
    return table


if __name__ == "__main__":
    main()
