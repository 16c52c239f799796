"""Kill a study at random moments, start it again each time, and compare what it leaves with an undisturbed run's.

    python benchmarks/killed_study.py [--kills 10] [--jobs 2] [--work runs/killed]

A small study on the embedded base: full, LoRA, learning rates, a merge, a stack, scores. It is run once undisturbed,
then, in the same place, killed by SIGKILL at moments drawn at random over the time that this took, until it has been
killed so often and has come to its end. Then every file is compared: byte by byte, but for what a run or
step says that it has cost, and the logs. It ends with 1 where one differs.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from _common import machine, say, write_results

RECIPE = """\
study: Is anything lost when it is killed?
base: mini
seeds: [0, 1]
targets: [xnli, tatoeba]
reference: full
settings:
  all: {train.eval_examples: 40, train.save_every: 3, data.max_length: 64}
  intermediate: {train.max_steps: 20, train.eval_every: 10}
  target: {train.max_steps: 10, train.eval_every: 5}
methods:
  full: {tried: {train.learning_rate: [0.0005, 0.001]}}
  lora: {settings: {method.target_modules: [all], train.learning_rate: 0.003}}
ways:
  none: {}
  snli: {learn: snli}
  squad: {learn: squad_v2, shown: false}
  merged: {merge: [snli, squad], how: mean}
  stacked: {stack: [snli, squad]}
scores: {languages: [en, de, sw]}
"""
COSTS = {"wall_s", "train_s", "train_s_with_parents", "peak_memory_bytes"}  # of run.json; a step's is under "cost"
LEFT_OUT = {"log.txt", ".lock", "failed.json"}  # what was said, and by whom; a failure's note goes with its repair


def main() -> None:
    """Run the study undisturbed and killed, compare, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/killed"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    recipe = options.work / "killed.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    study, calm = options.work / "study", options.work / "undisturbed"
    for folder in (study, calm):
        shutil.rmtree(folder, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "adapterstilts",
        "run",
        str(recipe),
        "--out",
        str(study),
        "--jobs",
        str(options.jobs),
    ]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - began
    say(f"undisturbed: {seconds:.0f} s")
    study.rename(calm)
    moments = killed(command, options.kills, seconds)
    differences = compare(calm, study)
    found = {
        "machine": machine(("torch", "transformers", "peft")),
        "undisturbed_s": round(seconds, 1),
        "killed_after_s": [round(moment, 2) for moment in moments],
        "files_compared": len(files_in(calm)),
        "differences": differences,
    }
    say(f"written: {write_results('killed_study', found)}")
    print(f"killed {len(moments)} times, {found['files_compared']} files compared, {len(differences)} differ")
    sys.exit(bool(differences))


def killed(command: list[str], kills: int, seconds: float) -> list[float]:
    """Start the command again and again, killing it `kills` times, then let it end; return when each kill came."""
    rng = random.Random(0)
    moments: list[float] = []
    while len(moments) < kills:
        moment = rng.uniform(0.5, 2 * seconds / kills + 4)  # about four seconds pass before the first step
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(moment)
            say(f"it had come to its end before kill {len(moments) + 1}: once more from nothing")
            shutil.rmtree(command[command.index("--out") + 1])
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            moments.append(moment)
            say(f"killed after {moment:.1f} s")
    subprocess.run(command, check=True, capture_output=True)
    return moments


def files_in(folder: Path) -> dict[str, Path]:
    """Return the files that count, by their place in a folder; links are followed to nothing, their aim counts."""
    found = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found if path.name not in LEFT_OUT}


def compare(one: Path, other: Path) -> list[str]:
    """Return the places of all files that are in one folder only, or are not the same in both."""
    left, right = files_in(one), files_in(other)
    lone = sorted(set(left) ^ set(right))
    return lone + [name for name in sorted(set(left) & set(right)) if content(left[name]) != content(right[name])]


def content(file: Path) -> Any:
    """Return what counts of a file: a link's aim, JSON without times and memory, else the bytes."""
    if file.is_symlink():
        return str(file.readlink())
    if file.suffix == ".json":
        return timeless(json.loads(file.read_text(encoding="utf-8")))
    if file.suffix == ".jsonl":
        return [timeless(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    return file.read_bytes()


def timeless(value: Any) -> Any:
    """Return JSON without what another run of the same work may change."""
    if isinstance(value, dict):
        step = "seconds" in value.get("cost", {})
        return {key: timeless(one) for key, one in value.items() if key not in COSTS and not (step and key == "cost")}
    return [timeless(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
