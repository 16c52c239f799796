"""A stack of several modules, all active at once."""

from __future__ import annotations

from adapterstilts.experiment.kinds import Facts, Work


class Stack:
    """One `stack`. Parents: `members`, bottom to top."""

    version = 1
    summary = "stack"
    writes_into = ""

    def run(self, work: Work) -> Facts:
        """Stack and return the run."""
        from adapterstilts.compose.stack import stack

        made = stack(list(work.runs["members"]), out=work.out)
        return {"run": work.relative(made.path)}


KIND = Stack()
