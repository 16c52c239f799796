"""Intermediate rows translated into another language, as a mirror."""

from __future__ import annotations

from adapterstilts.experiment.kinds import Facts, Work


class Translate:
    """One `translate` a task, into one mirror. Settings: tasks, to, model."""

    version = 1
    summary = "translate"
    writes_into = ""

    def run(self, work: Work) -> Facts:
        """Translate, or go on with it, and return the mirror's folder."""
        from adapterstilts.translation.command import translate

        asked = work.step.settings
        where = {**({"resources.mirror": asked["mirror"]} if "mirror" in asked else {})}
        where |= {key: value for key, value in work.resources.items() if key.startswith("resources.")}
        for task in asked["tasks"]:
            translate(task, to=[asked["to"]], model=asked["model"], out=work.out, settings=where)
        return {"mirror": work.relative(work.out)}


KIND = Translate()
