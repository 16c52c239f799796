"""The choice among trainings that were tried: the one that scores best on dev rows of the source language."""

from __future__ import annotations

from adapterstilts.errors import UserError
from adapterstilts.experiment.kinds import Facts, Work


class Select:
    """Settings: values, what each training was tried with, in their order. Parents: `tried`."""

    version = 1
    summary = "choose"
    writes_into = ""

    def run(self, work: Work) -> Facts:
        """Return the best of what was tried, the earliest of equals: its run, its values, and all scores."""
        scores = [facts.get("dev") for facts in work.facts["tried"]]
        known = [score for score in scores if score is not None]
        if not known:
            raise UserError("none of the trainings looked at dev rows", fix="set train.eval_every below their steps")
        best = scores.index(max(known))
        run = work.relative(work.runs["tried"][best])
        return {"run": run, "dev": scores[best], "kept": best, "values": work.step.settings["values"][best],
                "scores": scores}  # fmt: skip


KIND = Select()
