"""A fusion: several modules become one for a target, by training or search."""

from __future__ import annotations

from adapterstilts.experiment.kinds import Facts, Work
from adapterstilts.experiment.kinds._training import dev_score, settings_of


class Fuse:
    """One `fuse`. Settings: task, how, settings. Parents: `members`, in their order; `chosen` as of a training."""

    version = 1
    summary = "fuse"
    writes_into = ""

    def run(self, work: Work) -> Facts:
        """Fuse, or go on with it, and return the run and its score on dev rows."""
        from adapterstilts.train.fuse import fuse

        asked = work.step.settings
        settings = settings_of(work)
        made = fuse(list(work.runs["members"]), asked["task"], out=work.out, how=asked["how"], settings=settings)
        return {"run": work.relative(made.path), "dev": dev_score(made)}


KIND = Fuse()
