"""How long `adapterstilts plan` takes for a study of 5,000 steps: the whole command, interpreter and imports included.

python benchmarks/plan_time.py [--repeats N] [--seeds N]

The study is written for it: nine intermediate tasks and nine targets, three methods, as many seeds as make 5,000 steps.
Timed with nothing done, and with every step done (records are written without any training).
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from _common import machine, say, wait_for_quiet, write_results

from adapterstilts.experiment.open import open_study
from adapterstilts.experiment.record import Cost, record_of, write_done
from adapterstilts.experiment.step import Graph, folder_of
from adapterstilts.tasks._groups import GROUPS

TARGET_S = 0.5


class Taken(NamedTuple):
    """What one command took: seconds by the clock, and of the processor."""

    wall: float
    processor: float


def main() -> None:
    """Measure, print the table and write results/plan_time.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="timed runs of each command")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "study.yaml"
        recipe.write_text(study(options.seeds), encoding="utf-8")
        graph = open_study(str(recipe)).layout.graph
        finish(graph, Path(folder) / "done")
        wait_for_quiet(60)
        taken = measure(commands(recipe), options.repeats)
    rows = {name: summary(some) for name, some in taken.items()}
    per_target = {name: row["median_s"] < TARGET_S for name, row in rows.items() if name.startswith("plan")}
    facts = {"target_s": TARGET_S, "steps": len(graph), "met": per_target, "commands": rows}
    for name, row in rows.items():
        wall = f"{row['median_s']:.3f} s ({row['min_s']:.3f} to {row['max_s']:.3f})"
        say(f"{name}: {wall}; processor {row['processor_s']:.3f} s")
    say(f"{len(graph)} steps; written: {write_results('plan_time', {**facts, 'machine': machine(['adapterstilts'])})}")


def study(seeds: int) -> str:
    """Return a recipe in YAML (JSON is YAML) of nine tasks, nine targets and three methods."""
    tasks, targets = GROUPS["paper-intermediate"].tasks, GROUPS["xtreme"].tasks
    raw = {
        "study": "How long does planning take?",
        "base": "xlm-roberta-large",
        "seeds": list(range(seeds)),
        "targets": list(targets),
        "methods": {"full": {}, "lora": {}, "bottleneck": {}},
        "ways": {"none": {}, **{task: {"learn": task} for task in tasks}},
    }
    return json.dumps(raw)


def finish(graph: Graph, study: Path) -> None:
    """Write a record for every step, as if it had been done."""
    for step in graph:
        run = f"steps/{step.id}/run"
        (study / run).mkdir(parents=True)
        facts = {} if step.kind == "evaluate" else {"run": run, "dev": 50.0}
        write_done(study, record_of(step, Cost(100.0, 10**9, 10**6, "cpu"), facts))
    assert folder_of(study, next(iter(graph)).id).is_dir()


def commands(recipe: Path) -> dict[str, Sequence[str]]:
    """Return the commands to time, by the name that the table gives them."""
    plan = [sys.executable, "-m", "adapterstilts", "plan", str(recipe), "--out"]
    return {
        "plan, nothing done": [*plan, str(recipe.with_name("nothing"))],
        "plan, all done": [*plan, str(recipe.with_name("done"))],
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import pydantic'": [sys.executable, "-c", "import pydantic; pydantic.BaseModel"],
    }


def measure(named: dict[str, Sequence[str]], repeats: int) -> dict[str, list[Taken]]:
    """Run the commands in turn, `repeats` times after one warm-up, and return what each run took."""
    found: dict[str, list[Taken]] = {name: [] for name in named}
    for turn in range(repeats + 1):
        for name, command in named.items():
            begun, before = time.perf_counter(), processor_seconds()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            if turn:
                found[name].append(Taken(time.perf_counter() - begun, processor_seconds() - before))
    return found


def processor_seconds() -> float:
    """Return the processor time of all commands that have ended: what a busy machine falsifies less."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def summary(some: Sequence[Taken]) -> dict[str, float]:
    """Return median and range of the wall times, and the median of the processor's."""
    wall = [one.wall for one in some]
    values = {
        "median_s": statistics.median(wall),
        "min_s": min(wall),
        "max_s": max(wall),
        "processor_s": statistics.median(one.processor for one in some),
    }
    return {name: round(value, 3) for name, value in values.items()}


if __name__ == "__main__":
    main()
