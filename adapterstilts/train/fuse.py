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
from adapterstilts.train.search import search


def fuse(
    runs: Sequence[Run | str | Path],
    task: str | Sequence[str],
    *,
    out: str | Path,
    how: str | None = None,
    base: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Fuse adapters for a target task, all of them frozen, by what its rows say; return the run.

    `runs`: finished adapter runs, of LoRAs also folders that peft has saved; all of one base. `how`: `layer_weights`
    (trains a number for every LoRA and layer, arXiv 2410.13025), `attention` (trains AdapterFusion over bottlenecks,
    arXiv 2005.00247) or `search` (one weight a LoRA without gradients, arXiv 2307.13269); None: the training that
    suits the members. `base`: another place of their base. `settings`: as `train_target` takes them; `adapterstilts
    settings --method layer_weights` lists the fusion's own. The head is fresh, unless `reuse_head` names a task that
    a member has one for. A search takes `seed`, `precision`, `data.*`, `resources.*` and its own: `search.examples`
    (64 train rows), `search.budget` (40 looks), `search.head` (the task whose kept head answers; None: one that can),
    `search.l1` (0.05), `search.bound` (1.5, of a weight) and `search.step` (0.5, CMA-ES's first). The same call
    resumes what was interrupted and returns what is finished at once. Raises UserError for bad input, Interrupted
    after a signal.
    """
    runs, names = list(runs), [task] if isinstance(task, str) else list(task)
    usual = _usual(runs)
    how, settings = how or usual, dict(settings or {})
    ways = [*fusions.names(), "search"]
    if how not in ways:
        raise UserError(f"unknown way to fuse {how!r}", fix=nearest(how, ways))
    if how == "search":
        if len(names) > 1:
            raise UserError(f"a search is for one task, not {len(names)}", fix="name one --task")
        return search(runs, names[0], out, base, settings)
    others = [key for key in settings if key.startswith("search.")]
    if others:
        raise UserError(
            f"{others[0]} is for a search, and {how} is a training", fix="add --how search, or leave it out"
        )
    return train("target", names, out, Given(how, base, settings=settings, members=runs))


def _usual(runs: Sequence[Run | str | Path]) -> str:
    methods = {method for member in open_members(runs) for method in member.methods}
    return "attention" if methods == {"bottleneck"} else "layer_weights"
