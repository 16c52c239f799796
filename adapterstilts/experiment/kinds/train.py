"""A training: of intermediate tasks, of masked LM, or of a target."""

from __future__ import annotations

from typing import Any

from adapterstilts.experiment.kinds import Facts, Work
from adapterstilts.experiment.kinds._training import dev_score, settings_of


class Train:
    """One training command. Settings: phase, tasks, method, base (of one that starts from no run), on_top, settings.

    Parents: `start`, the run to go on from; `chosen`, the select step whose values it follows; `matched`, the run whose
    examples it is to see as many of; `translated`, the mirror with the rows.
    """

    version = 1
    summary = "train"
    writes_into = ""

    def run(self, work: Work) -> Facts:
        """Train, or go on with it, and return the run and its score on dev rows."""
        from adapterstilts.train import command

        asked = work.step.settings
        phase, tasks = asked["phase"], list(asked["tasks"])
        options: dict[str, Any] = {"out": work.out, "method": asked["method"], "settings": settings_of(work)}
        [start] = work.runs.get("start") or [None]
        options |= {"start": start, "on_top": asked["on_top"]} if start else {"base": asked["base"]}
        if phase == "mlm":
            run = command.continue_mlm(tasks[0], **options)
        else:
            train = command.train_target if phase == "target" else command.train_intermediate
            run = train(tasks, **options)
        return {"run": work.relative(run.path), "dev": dev_score(run)}


KIND = Train()
