"""`quickstart`: the whole method on the embedded world, offline, in minutes, through the code that real runs use."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

from adapterstilts import __version__
from adapterstilts.config.identity import fingerprint
from adapterstilts.console import log, log_once
from adapterstilts.errors import UserError
from adapterstilts.mini.embedded import MINI
from adapterstilts.model import one_thread
from adapterstilts.report.compare import compare
from adapterstilts.report.overview import Overview, overview
from adapterstilts.report.picture import draw
from adapterstilts.report.study import TOGETHER, Study, Way
from adapterstilts.store.atomic import write_json, write_text

INTERMEDIATE = ("snli", "squad_v2", "commonsense_qa")
TARGETS = ("xnli", "udpos", "xquad", "tatoeba")
WAYS = (
    Way("none", "lora"),
    Way("merged", "lora", INTERMEDIATE, "mean"),
    Way("stacked", "lora", INTERMEDIATE, "stack"),
    Way("bottleneck", "bottleneck", ("snli",)),
    Way("full", "full", ("snli",)),
)
BASELINES = (
    Way("snli", "lora", ("snli",)),
    Way("with-mlm", "lora", ("snli",), mlm=0.2),
    Way("translated-de", "lora", ("snli",), language="de"),
    Way("translated-sw", "lora", ("snli",), language="sw"),
    Way("multi-task", "lora", INTERMEDIATE, TOGETHER),
    Way("averaged", "lora", ("snli",), runs=3),
)
SETTINGS = {"train.max_steps": 200, "train.eval_every": 100, "train.eval_examples": 100, "data.max_length": 128}
BY_METHOD: dict[str, dict[str, Any]] = {
    "lora": {"train.learning_rate": 3e-3, "method.target_modules": ("all",)},
    "bottleneck": {"train.learning_rate": 3e-3},
    "full": {"train.learning_rate": 1e-3},
}
OF_TARGETS = {"train.max_steps": 100, "train.eval_every": 50}
_MARK = "quickstart.json"
_TITLE = "The embedded world, zero-shot: mean over languages that were never trained on"


def quickstart(out: str | Path = "runs/quickstart", *, baselines: bool = False) -> Overview:
    """Run the three phases in several ways on the embedded base and mirror, and return what came of each.

    `baselines`: also those of arXiv 2005.13013 (masked LM beside the intermediate task, the task translated, all tasks
    at once), and runs averaged. Everything lies in `out`, with the tables (comparison.md) and a picture (result.svg).
    Run again, it repeats nothing; interrupted, it goes on. Raises UserError for a folder that holds something else.
    """
    folder = Path(out)
    study = Study(folder, MINI, _ways(baselines), TARGETS, SETTINGS, BY_METHOD, OF_TARGETS)
    wanted = [way.name for way in study.ways]
    done = _done(folder)
    if set(wanted) <= set(done):
        log(f"already done, nothing to do: {folder}")
        return overview(study)
    with one_thread():
        study.run()
    found = overview(study)
    write_text(folder / "comparison.md", _page(study, found))
    draw(found, folder / "result.svg", _TITLE)
    write_json(folder / _MARK, {**_what(), "done": sorted({*done, *wanted})})
    return found


def _ways(baselines: bool) -> tuple[Way, ...]:
    """Return the ways that can be gone here: bottlenecks need a library that is an extra."""
    ways = WAYS + BASELINES if baselines else WAYS
    try:
        importlib.metadata.distribution("adapters")
    except importlib.metadata.PackageNotFoundError:
        log_once("left out: bottleneck: the library adapters is not here (pip install 'adapterstilts[bottleneck]')")
        return tuple(way for way in ways if way.method != "bottleneck")
    return ways


def _what() -> dict[str, object]:
    """Return what is run, so that a folder of an earlier version is told apart."""
    asked = [WAYS, BASELINES, TARGETS, SETTINGS, BY_METHOD, OF_TARGETS]
    return {"made_by": "adapterstilts quickstart", "version": __version__, "asked": fingerprint(asked)}


def _done(folder: Path) -> list[str]:
    """Mark the folder as a quickstart's; return the ways that it has been through already."""
    file = folder / _MARK
    if not file.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(f"{folder} holds something else", fix="choose another --out")
        write_json(file, {**_what(), "done": []})
        return []
    try:
        mark = dict(json.loads(file.read_text(encoding="utf-8")))
        done = [str(name) for name in mark.pop("done")]
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{file} cannot be read", fix="choose another --out") from None
    if mark != _what():
        raise UserError(f"{folder} holds the quickstart of another version", fix="choose another --out")
    return done


def _page(study: Study, found: Overview) -> str:
    """Return the overview and, for each target, the comparison of all ways, as Markdown."""
    tables = [table.markdown() for table in found.tables()]
    for target in study.targets:
        runs = [study.scored(way, target) for way in study.ways]
        tables += [f"## {target}\n", *(table.markdown() for table in compare(runs).tables())]
    return "\n".join([f"# {_TITLE}\n", *tables])
