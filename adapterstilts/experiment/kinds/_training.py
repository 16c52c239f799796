"""What trainings share: their settings with what earlier steps have decided, and the score that runs are chosen by."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapterstilts.experiment.kinds import Work
from adapterstilts.store.run import read_run

if TYPE_CHECKING:
    from adapterstilts.store.run import Run


def settings_of(work: Work) -> dict[str, Any]:
    """Return a step's settings as a training takes them, with what was chosen, matched or translated before."""
    asked = work.step.settings
    settings = dict(asked["settings"])
    for chosen in work.facts.get("chosen", ()):
        settings |= chosen["values"]
    if "mirror" in asked:
        settings["resources.mirror"] = asked["mirror"]
    for matched in work.runs.get("matched", ()):
        settings |= _as_long_as(matched, settings)
    settings |= {key: value for key, value in work.resources.items() if value is not None}
    for facts in work.facts.get("translated", ()):
        settings["resources.mirror"] = str(work.study / facts["mirror"])
    return settings


def _as_long_as(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the length at which a training sees as many examples as a run and all runs before it have seen."""
    record = read_run(folder).record
    batch = settings.get("train.batch_size") or record.config["train"]["batch_size"]
    return {"train.batch_size": batch, "train.max_steps": math.ceil(record.budget.examples_with_parents / batch)}


def dev_score(run: Run) -> float | None:
    """Return what the kept weights score on dev rows of the source language; None where nobody looked."""
    best = run.record.best
    if run.phase == "average":
        scores = [dev_score(read_run(parent.path)) for parent in run.record.parents]
        known = [score for score in scores if score is not None]
        return sum(known) / len(known) if known else None
    score = best.get("average", best).get("score")
    return None if score is None else float(score)
