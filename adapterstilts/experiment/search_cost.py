"""What a cell of a study took: its own trainings, those before it, and those that were tried and not chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapterstilts.experiment.step import Graph
from adapterstilts.store.run import Run, read_run


def cost_of(run: Run | None) -> dict[str, float]:
    """Return parameters and bytes of a run's module, seconds and examples with all runs before it, and memory.

    Of an average, those of all its members, and of what these have in common once. None is the bare base: nothing.
    """
    if run is None:
        return dict.fromkeys(("trained", "bytes", "train_s", "peak_memory_bytes", "examples"), 0.0)
    own = _trainings(run)
    first = own[0].record
    before_s = first.budget.train_s_with_parents - first.cost.train_s
    before = first.budget.examples_with_parents - first.budget.examples
    return {
        "trained": first.cost.trainable_params.adapter,
        "bytes": run.record.cost.adapter_bytes,
        "train_s": before_s + sum(one.record.cost.train_s for one in own),
        "peak_memory_bytes": max(one.record.cost.peak_memory_bytes for one in own),
        "examples": before + sum(one.record.budget.examples for one in own),
    }


def _trainings(run: Run) -> list[Run]:
    return [read_run(parent.path) for parent in run.record.parents] if run.phase == "average" else [run]


def searched(graph: Graph, identity: str, run_of: Callable[[str], Run], done: Mapping[str, Mapping[str, Any]]) -> float:
    """Return the seconds of all trainings that were tried and not chosen on the way to a step.

    What a control is matched with is not on its way: the other cell has been charged for that.
    """
    total = 0.0
    seen, waiting = set(), [identity]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        step = graph.steps[name]
        waiting += [one for part, ids in step.parents.items() if part not in ("matched", "tried") for one in ids]
        if step.kind == "select":
            kept = done[name]["kept"]
            waiting.append(step.parents["tried"][kept])
            others = [one for number, one in enumerate(step.parents["tried"]) if number != kept]
            total += sum(one.record.cost.train_s for other in others for one in _trainings(run_of(other)))
    return total
