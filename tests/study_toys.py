"""Kinds of steps that are over in a moment, for tests of running studies; as a script, a study of them is run.

python tests/study_toys.py STUDY [slots]: runs the graph in STUDY/graph.json and leaves with the exit code.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from adapterstilts import registry
from adapterstilts.cli import _study
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.experiment import runner
from adapterstilts.experiment.command import Job
from adapterstilts.experiment.kinds import kinds
from adapterstilts.experiment.step import Graph, Step
from adapterstilts.interrupt import listening
from adapterstilts.store.atomic import write_text


class Toy:
    """Writes what it was told, and what the steps before it have written, into its run."""

    version, summary, writes_into = 1, "play", ""

    def run(self, work):
        asked = work.step.settings
        work.out.mkdir(exist_ok=True)
        if asked.get("refuse") and not (work.study / "mended").exists():
            raise UserError(f"{asked['name']} has nothing to play with", fix="mend it")
        if asked.get("stumble"):
            raise ZeroDivisionError("a bug")
        if asked.get("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        print("playing", file=sys.stderr)
        self.count(work, asked.get("ticks", 0), asked.get("until"))
        before = [(run / "text").read_text() for runs in work.runs.values() for run in runs]
        (work.out / "text").write_text(f"{asked['name']}({', '.join(before)})")
        with (work.study / "journal").open("a") as journal:
            journal.write(f"{work.step.label}\n")
        return {"run": work.relative(work.out), "threads": os.environ.get("OMP_NUM_THREADS")}

    def count(self, work, ticks, until):
        """Wait in safe steps, each of which is kept; or until a file is there."""
        kept = work.out / "ticks"
        with listening() as stop:
            for number in range(int(kept.read_text()) if kept.exists() else 0, ticks):
                stop.raise_if_asked()
                time.sleep(0.02)  # this is the work: time in which a signal or a kill can meet it
                kept.write_text(str(number + 1))
            (work.study / f"at-{work.step.label}").write_text(str(os.getpid()))
            while until and not (work.study / until).exists():
                stop.raise_if_asked()
                time.sleep(0.02)


class Note:
    """Leaves a note in the run of another step; two that did so at once would mix theirs."""

    version, summary, writes_into = 1, "note", "run"

    def run(self, work):
        [run] = work.runs["run"]
        for word in ("begun", "over"):
            with (run / "notes").open("a") as notes:
                notes.write(f"{work.step.label} {word}\n")
            time.sleep(0.1)  # time in which another one at the same run would write between the two words
        return {}


class Deaf:
    """Hears no signal, and is never over."""

    version, summary, writes_into = 1, "hear nothing", ""

    def run(self, work):
        write_text(work.study / "deaf", str(os.getpid()))  # whole, or not there: somebody is waiting to read it
        while True:
            time.sleep(0.1)  # alive, and no load on a machine that runs other tests


class Point:
    """What importlib.metadata would find for a kind of another package."""

    def __init__(self, kind):
        self.kind = kind

    def load(self):
        return self.kind


TOYS = {"toy": Point(Toy()), "note": Point(Note()), "deaf": Point(Deaf()), "train": Point(Toy())}


def points(group):
    return TOYS if group == kinds.package else {}


def register():
    """Make the toys known in this process: a runner calls it in each of its workers."""
    registry._entry_points = points


def toy(name, *needs, kind="toy", part="needs", version=1, **settings):
    parents = {part: tuple(need.id for need in needs)} if needs else {}
    return Step(kind, name, {"name": name, **settings}, parents, version)


def note(name, run, **settings):
    return toy(name, run, kind="note", part="run", **settings)


def graph_of(*steps):
    return Graph({step.id: step for step in steps})


def save(study, *steps):
    listed = [[step.kind, step.label, dict(step.settings), dict(step.parents)] for step in steps]
    (study / "graph.json").write_text(json.dumps(listed))


def load(study):
    listed = json.loads((study / "graph.json").read_text())
    return graph_of(*(Step(*step[:3], {part: tuple(ids) for part, ids in step[3].items()}) for step in listed))


def job_of(study, graph):
    return Job(graph, study, {}, ("toys.yaml", "--out", str(study)))


def main(study, slots="1"):
    register()
    original = runner.LocalRunner
    runner.LocalRunner = lambda devices: original(devices, register)
    try:
        job = job_of(study, load(study))
        return _study.run_all(job, None, int(slots), (), as_json=True, no_disk_check=True)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except Interrupted:
        return 75
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
