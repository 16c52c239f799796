"""What merges by regmean or fisher need to know of a member, measured on its own training rows."""

from __future__ import annotations

from adapterstilts.experiment.kinds import Facts, Work


class Measure:
    """One `statistics`. Settings: what (gram or fisher). Parents: `run`, which the file is put beside."""

    version = 1
    summary = "measure"
    writes_into = "run"

    def run(self, work: Work) -> Facts:
        """Measure and return the file."""
        from adapterstilts.train.statistics import statistics

        [run] = work.runs["run"]
        where = {**({"resources.mirror": work.step.settings["mirror"]} if "mirror" in work.step.settings else {})}
        where |= {key: value for key, value in work.resources.items() if key.startswith("resources.")}
        [file] = statistics(run, [work.step.settings["what"]], settings=where)
        return {"file": work.relative(file)}


KIND = Measure()
