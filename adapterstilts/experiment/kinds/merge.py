"""A merge of several modules, or of whole encoders."""

from __future__ import annotations

from adapterstilts.experiment.kinds import Facts, Work


class Merge:
    """One `merge`. Settings: how, weights, rank, settings. Parents: `members`, in their order; `measured`."""

    version = 1
    summary = "merge"
    writes_into = ""

    def run(self, work: Work) -> Facts:
        """Merge and return the run."""
        from adapterstilts.compose.merge import merge

        asked = work.step.settings
        more = {"weights": asked["weights"], "rank": asked["rank"], "settings": asked["settings"]}
        made = merge(list(work.runs["members"]), how=asked["how"], out=work.out, **more)
        return {"run": work.relative(made.path)}


KIND = Merge()
