"""Studies that are over soon, done step by step in this process, so that what a test has put in its place holds."""

from __future__ import annotations

import importlib.metadata

import yaml

from adapterstilts.experiment.build import Point
from adapterstilts.experiment.open import open_study
from adapterstilts.experiment.record import read_done
from adapterstilts.experiment.work import Place, do
from adapterstilts.store.run import read_run

HAS_ADAPTERS = any(found.name == "adapters" for found in importlib.metadata.distributions())
SHORT = {
    "precision": "fp32",
    "train.max_steps": 2,
    "train.eval_every": 2,  # one look, at the end: what is put together has really been trained
    "train.warmup_ratio": 0,
    "train.batch_size": 8,
    "train.learning_rate": 1e-2,
}


class Here:
    """A runner without processes of its own."""

    def __init__(self, devices):
        self.devices = devices

    def run(self, place, schedule, watch, stop):
        while step := schedule.take():
            watch.began(step)
            how = do(step, place)
            schedule.ended(step.id, how.state == "done")
            watch.ended(step, how)


class Done:
    """A study that is done: its recipe, its folder, and where on its grid a run lies."""

    def __init__(self, opened, folder):
        self.opened, self.folder = opened, folder
        ended = [do(step, Place(folder)) for step in opened.graph]
        assert {one.state for one in ended} == {"done"}, [one.error for one in ended if one.error]

    def run(self, identity):
        return read_run(read_done(self.folder, identity).run(self.folder))

    def step(self, way, target="", method="lora", seed=0):
        """Return the step of a way's encoder, or of a target's training."""
        layout, [base] = self.opened.layout, self.opened.study.bases
        if not target:
            return self.opened.graph.steps[layout.prepared[Point(base, "", method, seed), way]]
        [found] = [steps for cell, steps in layout.cells.items() if cell[2:] == (method, way, target, seed)]
        return self.opened.graph.steps[found.trained]

    def of(self, *place, **more):
        """Return the run of a way's encoder, or of a target's training."""
        return self.run(self.step(*place, **more).id)

    def parents(self, run):
        """Return the runs that a run names as its parents."""
        return [read_run(parent.path) for parent in run.record.parents]


def small(file, base, **recipe):
    """Write a recipe with short trainings and open it."""
    asked = {
        "study": "Does it work?",
        "base": str(base),
        "seeds": [0],
        "settings": {"all": SHORT},
        "methods": {"lora": {"settings": {"method.r": 4}}},
        **recipe,
    }
    file.write_text(yaml.safe_dump(asked, sort_keys=False), encoding="utf-8")
    return open_study(str(file))
