"""Scores of a run, or of an untrained base, on one task in its languages."""

from __future__ import annotations

from typing import Any

from adapterstilts.experiment.kinds import Facts, Work


class Evaluate:
    """One `evaluate`. Settings: task, split, languages, layer, base (of an untrained one). Parents: `run`."""

    version = 1
    summary = "score"
    writes_into = "run"

    def run(self, work: Work) -> Facts:
        """Predict and score; return the folders of the scores, one a layer that was read."""
        from adapterstilts.evaluation import command

        asked = work.step.settings
        where = {"resources.mirror": asked["mirror"]} if "mirror" in asked else {}
        options: dict[str, Any] = {key: asked[key] for key in ("languages", "split", "layer") if key in asked}
        options["settings"] = {**where, **work.resources}
        [run] = work.runs.get("run") or [None]
        if run:
            found = command.evaluate(run, asked["task"], **options)
        else:
            found = command.evaluate_base(asked["base"], asked["task"], out=work.out, **options)
        return {"scores": [work.relative(one.path) for one in found]}


KIND = Evaluate()
