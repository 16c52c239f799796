"""The average of several runs that began from the same first weights."""

from __future__ import annotations

from adapterstilts.experiment.kinds import Facts, Work
from adapterstilts.experiment.kinds._training import dev_score


class Average:
    """One `average`. Parents: `members`, trainings that differ in their seeds alone."""

    version = 1
    summary = "average"
    writes_into = ""

    def run(self, work: Work) -> Facts:
        """Average and return the run, and the mean of its members' scores on dev rows."""
        from adapterstilts.compose.average import average
        from adapterstilts.store.run import read_run

        made = average(list(work.runs["members"]), out=work.out)
        return {"run": work.relative(made.path), "dev": dev_score(read_run(made.path))}


KIND = Average()
