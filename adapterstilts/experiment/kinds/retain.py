"""What an encoder still knows of the intermediate tasks that went into it."""

from __future__ import annotations

from adapterstilts.experiment.kinds import Facts, Work


class Retain:
    """One `evaluate --retention`. Parents: `run`."""

    version = 1
    summary = "ask again"
    writes_into = "run"

    def run(self, work: Work) -> Facts:
        """Score the tasks before it again, and return by task what each scored alone and scores now."""
        from adapterstilts.evaluation.retention import retention

        [run] = work.runs["run"]
        where = {"resources.mirror": work.step.settings["mirror"]} if "mirror" in work.step.settings else {}
        found = retention(run, settings={**where, **work.resources})
        return {"kept": [{"task": one.now.metrics["task"], **one.scores()["average"]} for one in found.kept]}


KIND = Retain()
