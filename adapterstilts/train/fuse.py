"""`fuse`: several modules become one for a target task, by training what joins them, or by a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapterstilts.compose.members import open_members
from adapterstilts.errors import UserError, nearest
from adapterstilts.methods import fusions
from adapterstilts.store.run import Run
from adapterstilts.train.command import train
from adapterstilts.train.plan import Given


def fuse(
    runs: Sequence[Run | str | Path],
    task: str | Sequence[str],
    *,
    out: str | Path,
    how: str | None = None,
    base: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Fuse adapters for a target task: train on its rows what joins them, all of them frozen; return the run.

    `runs`: finished adapter runs, of LoRAs also folders that peft has saved; all of one base. `how`: `layer_weights`
    (a number for every LoRA and layer, arXiv 2410.13025) or `attention` (AdapterFusion over bottlenecks, arXiv
    2005.00247); None: the one that suits the members. `base`: another place of their base. `settings`: as
    `train_target` takes them; `adapterstilts settings --method layer_weights` lists the fusion's own. The head is
    fresh, unless the setting `reuse_head` names a task that a member has one for. The same call resumes an interrupted
    run and returns a finished one at once. Raises UserError for bad input, Interrupted after a signal.
    """
    runs = list(runs)
    usual = _usual(runs)
    how = how or usual
    if how not in fusions.names():
        raise UserError(f"unknown way to fuse {how!r}", fix=nearest(how, fusions.names()))
    return train("target", task, out, Given(how, base, settings=settings, members=tuple(runs)))


def _usual(runs: Sequence[Run | str | Path]) -> str:
    methods = {method for member in open_members(runs) for method in member.methods}
    return "attention" if methods == {"bottleneck"} else "layer_weights"
