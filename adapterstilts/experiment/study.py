"""A study by its recipe: what the command line and Python run alike."""

from __future__ import annotations

from pathlib import Path

from adapterstilts.console import log
from adapterstilts.experiment.command import Job, Outcome, run_job
from adapterstilts.experiment.open import folder_for, open_study
from adapterstilts.experiment.runner import LocalRunner, slots_for
from adapterstilts.mini.embedded import MINI


def run_study(
    recipe: str,
    *,
    out: str | Path | None = None,
    devices: str | None = None,
    jobs: int | None = None,
    mirror: str | None = None,
) -> Outcome:
    """Run what is not done of a study, and return what it has come to; the same call goes on.

    `recipe`: a name or a YAML file. `out`: the study's folder; None: `runs/` and the recipe's name. `devices`: one slot
    each, as `cuda:0,cuda:1`; None: the first GPU, else `jobs` slots on the CPU of one thread each (None: one).
    `mirror`: where rows are read, unless the recipe says it. A step that fails keeps back only what needs it. Workers
    are processes, so a script that calls this must guard its own work by `if __name__ == "__main__"`. Raises UserError
    for bad input and where another process runs the study, Interrupted after a signal.
    """
    return run_job(job_for(recipe, out, mirror), LocalRunner(slots_for(devices, jobs)))


def job_for(recipe: str, out: str | Path | None = None, mirror: str | None = None) -> Job:
    """Return a study to be run; a recipe that says itself where its rows are is not contradicted, but told of."""
    opened = open_study(recipe)
    own = opened.study.mirror or (MINI if MINI in opened.study.bases else None)
    if mirror and own:
        log(f"the recipe reads its rows from {own}, not from {mirror}")
    resources = {"resources.mirror": mirror} if mirror and not own else {}
    words = (recipe, *(("--out", str(out)) if out else ()))
    return Job(opened.graph, folder_for(opened, out), resources, words, opened.layout)
