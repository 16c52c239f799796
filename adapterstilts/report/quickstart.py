"""`quickstart`: the whole method on the embedded world, offline, in minutes, through the code that real runs use."""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import replace
from pathlib import Path

from adapterstilts.console import log, log_once
from adapterstilts.errors import UserError
from adapterstilts.experiment.collect import collect
from adapterstilts.experiment.command import Job, Outcome, run_job
from adapterstilts.experiment.open import Opened, open_study
from adapterstilts.experiment.recipe import Study
from adapterstilts.experiment.record import LOG
from adapterstilts.experiment.runner import LocalRunner
from adapterstilts.experiment.step import folder_of
from adapterstilts.report.overview import Overview
from adapterstilts.report.picture import draw
from adapterstilts.store.atomic import write_text

RECIPE, WITH_BASELINES = "mini/quickstart", "mini/quickstart-baselines"
_SLOTS = 2  # each takes two gigabytes
_TITLE = "The embedded world, zero-shot: mean over languages that were never trained on"


def quickstart(out: str | Path = "runs/quickstart", *, baselines: bool = False) -> Overview:
    """Run the study `mini/quickstart` on the embedded base and mirror, and return what came of it.

    `baselines`: `mini/quickstart-baselines` instead, which adds those of arXiv 2005.13013 (masked LM beside the
    intermediate task, the task translated, all tasks at once) and runs averaged. Everything lies in `out`, with the
    tables (comparison.md) and a picture (result.svg). Run again, it repeats nothing but what has failed; interrupted,
    it goes on. It starts processes, so a script that calls it must guard its own work by `if __name__ == "__main__"`.
    Raises UserError for a folder that holds something else, and where steps fail.
    """
    folder, opened = Path(out), _possible(open_study(WITH_BASELINES if baselines else RECIPE))
    _must_be_ours(folder)
    job = Job(opened.graph, folder, words=(opened.name, "--out", str(folder)), layout=opened.layout)
    outcome = run_job(job, LocalRunner(["cpu"] * min(_SLOTS, os.cpu_count() or 1)), again=opened.graph.steps)
    _must_be_whole(outcome)
    if not outcome.done_now:
        log(f"already done, nothing to do: {folder}")
    found = Overview(collect(opened, folder))
    write_text(folder / "comparison.md", _page(found))
    draw(found, folder / "result.svg", _TITLE)
    return found


def _must_be_ours(folder: Path) -> None:
    others = [one for one in folder.iterdir() if not one.name.startswith(".")] if folder.is_dir() else []
    if others and not (folder / "steps").is_dir():
        raise UserError(f"{folder} holds something else", fix="choose another --out")


def _possible(opened: Opened) -> Opened:
    """Return the study as it can be run here: bottlenecks need a library that is an extra."""
    try:
        importlib.metadata.distribution("adapters")
    except importlib.metadata.PackageNotFoundError:
        log_once("left out: bottleneck: the library adapters is not here (pip install 'adapterstilts[bottleneck]')")
        return replace(opened, study=without(opened.study, "bottleneck"))
    return opened


def without(study: Study, method: str) -> Study:
    """Return a study without one of its methods, and without the ways that are gone by no other."""
    methods = {name: part for name, part in study.methods.items() if name != method}
    ways = {
        name: way.model_copy(update={"methods": [one for one in way.methods or methods if one != method]})
        for name, way in study.ways.items()
        if way.methods != [method]
    }
    return study.model_copy(update={"methods": methods, "ways": ways})


def _must_be_whole(outcome: Outcome) -> None:
    failed = outcome.plan.of("failed")
    if failed:
        told = [
            f"{one.step.label}: {one.reason} ({folder_of(outcome.plan.folder, one.step.id) / LOG})" for one in failed
        ]
        raise UserError(
            f"{len(failed)} of {len(outcome.plan.entries)} steps failed",
            where="\n  ".join(told),
            fix="run it again once that is mended",
        )


def _page(found: Overview) -> str:
    """Return the overview and, for each target, the scores in every language, as Markdown."""
    parts = [f"# {_TITLE}\n", *(table.markdown() for table in found.tables())]
    for target in found.targets:
        parts += [f"## {target}\n", *(table.markdown() for table in found.details(target))]
    return "\n".join(parts)
