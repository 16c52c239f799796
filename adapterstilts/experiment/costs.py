"""What steps will take: fitted on steps that were done before, on this study's and on a history in the cache.

Seconds are an overhead and the arithmetic over a speed, both fitted by kind, device and base (Theil and Sen: medians
of slopes, so that one odd run decides nothing). Where fewer than three runs are known, both are assumed, and a plan
says so.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from adapterstilts.console import log
from adapterstilts.experiment.demands import Demand, Demands
from adapterstilts.experiment.plan import Entry, Plan
from adapterstilts.experiment.record import Cost, Done
from adapterstilts.experiment.step import Step
from adapterstilts.store.places import cache_root

HISTORY = "steps.jsonl"
ENOUGH = 3  # runs that a fit needs
_RECENT = 60  # runs that a fit looks at
_TAIL = 4_000_000  # bytes at the end of the history that are read
_FURTHER = 10.0  # times the largest arithmetic seen, as far as other bases' runs are trusted

# Assumed speeds in TFLOP/s of one slot: a fifth of an A100's in bf16, since texts are short and batches small; of a CPU
# one core with fast matrix products (benchmarks/README.md).
TFLOPS: Mapping[str, float] = {"cuda": 60.0, "cpu": 0.05}
# Assumed seconds beside the arithmetic: loading encoder and rows, writing files.
OVERHEAD_S: Mapping[str, float] = {"train": 20.0, "fuse": 30.0, "evaluate": 15.0, "translate": 30.0, "select": 0.1}
OTHER_OVERHEAD_S = 10.0


class Estimate(NamedTuple):
    """What a step will take: seconds, bytes that stay on disk, bytes of memory; and how that is known."""

    seconds: float
    disk: float
    memory: float
    how: str


class Known(NamedTuple):
    """What a step took, beside what it had asked for."""

    id: str
    kind: str
    base: str
    demand: Demand
    cost: Cost


class Fit(NamedTuple):
    """Seconds = overhead + operations / speed; disk and memory as reckoned, times a factor.

    `runs`: how many it was fitted on; `largest`: the most operations among them.
    """

    overhead: float
    per_flop: float
    disk: float
    memory: float
    runs: int
    largest: float


@dataclass(frozen=True)
class CostModel:
    """What is known of earlier steps on one kind of device; `tflops`: a speed given in place of a fit's."""

    device: str
    known: Sequence[Known]
    tflops: float | None = None
    fits: dict[tuple[str, str], Fit | None] = field(default_factory=dict)

    def estimate(self, kind: str, base: str, demand: Demand) -> Estimate:
        """Return what a step of this kind will take."""
        fit = self._fit(kind, base)
        if fit is None:
            other = self._fit(kind, "")
            fit = other if other and demand.flops <= _FURTHER * other.largest else None
        if fit is None:
            speed = 1e12 * (self.tflops or TFLOPS.get(self.device, TFLOPS["cpu"]))
            seconds = OVERHEAD_S.get(kind, OTHER_OVERHEAD_S) + demand.flops / speed
            return Estimate(seconds, demand.disk, demand.memory, "assumed")
        per_flop = 1e-12 / self.tflops if self.tflops else fit.per_flop
        seconds = fit.overhead + demand.flops * per_flop
        return Estimate(seconds, demand.disk * fit.disk, demand.memory * fit.memory, f"fitted on {fit.runs} runs")

    def _fit(self, kind: str, base: str) -> Fit | None:
        if (kind, base) not in self.fits:
            some = [one for one in self.known if one.kind == kind and base in ("", one.base)]
            self.fits[kind, base] = fitted(some[-_RECENT:]) if len(some) >= ENOUGH else None
        return self.fits[kind, base]


def fitted(runs: Sequence[Known]) -> Fit:
    """Fit overhead and speed to runs by the median of all slopes; without a slope the time is in the overhead alone."""
    pairs = [(one.demand.flops, one.cost.seconds) for one in runs]
    slopes = [
        (seconds - other_s) / (flops - other)
        for number, (flops, seconds) in enumerate(pairs)
        for other, other_s in pairs[:number]
        if flops != other
    ]
    slope = max(0.0, statistics.median(slopes)) if slopes else 0.0
    overhead = max(0.0, statistics.median(seconds - slope * flops for flops, seconds in pairs))
    disk = _ratio((one.cost.bytes, one.demand.disk) for one in runs)
    memory = _ratio((one.cost.peak_memory_bytes, one.demand.memory) for one in runs)
    return Fit(overhead, slope, disk, memory, len(runs), max(flops for flops, _ in pairs))


def _ratio(pairs: Iterable[tuple[float, float]]) -> float:
    ratios = [real / reckoned for real, reckoned in pairs if reckoned > 0]
    return statistics.median(ratios) if ratios else 1.0


def cost_model(plan: Plan, demands: Demands, device: str, tflops: float | None = None) -> CostModel:
    """Return what the plan's own finished steps and the history tell about a kind of device (`cuda:1` is a `cuda`)."""
    kind_of_device = device.partition(":")[0]
    own = {one.id: one for entry in plan.of("cached") if (one := _known(entry.step, entry.done, demands))}
    before = [one for one in read_history() if one.id not in own]
    usable = [one for one in (*before, *own.values()) if one.cost.device == kind_of_device and not one.cost.resumed]
    return CostModel(kind_of_device, usable, tflops)


def _known(step: Step, done: Done | None, demands: Demands) -> Known | None:
    return Known(step.id, step.kind, demands.base_of(step), demands.of(step), done.cost) if done else None


def remember(step: Step, done: Done, demands: Demands) -> None:
    """Add a finished step to the history in the cache; a cache that cannot be written is no reason to stop."""
    known = Known(step.id, step.kind, demands.base_of(step), demands.of(step), done.cost)
    line = {**known._asdict(), "demand": known.demand._asdict(), "cost": known.cost.__dict__}
    try:
        cache_root().mkdir(parents=True, exist_ok=True)
        with (cache_root() / HISTORY).open("a", encoding="utf-8") as lines:  # appended in one write: no two mix
            lines.write(json.dumps(line) + "\n")
    except OSError as error:
        log(f"the history of costs cannot be written: {error}")


def read_history(file: Path | None = None) -> list[Known]:
    """Return the steps in the history, the oldest first; torn and foreign lines are passed over."""
    try:
        with (file or cache_root() / HISTORY).open("rb") as lines:
            lines.seek(0, 2)
            lines.seek(max(0, lines.tell() - _TAIL))
            found = [_read(line) for line in lines.read().splitlines()]
    except OSError:
        return []
    return list({one.id: one for one in found if one}.values())


def _read(line: bytes) -> Known | None:
    try:
        raw: dict[str, Any] = json.loads(line)
        demand, cost = Demand(**raw["demand"]), Cost(**raw["cost"])
        float(cost.seconds + cost.bytes + cost.peak_memory_bytes + demand.flops + demand.disk + demand.memory)
        return Known(str(raw["id"]), str(raw["kind"]), str(raw["base"]), demand, cost)
    except (ValueError, KeyError, TypeError):
        return None


class Total(NamedTuple):
    """What several steps take together: seconds of work, bytes that stay on disk, the most memory of one."""

    seconds: float
    disk: float
    memory: float


def estimates(entries: Iterable[Entry], model: CostModel, demands: Demands) -> dict[str, Estimate]:
    """Return by identity what steps will take."""
    return {
        one.step.id: model.estimate(one.step.kind, demands.base_of(one.step), demands.of(one.step)) for one in entries
    }


def total(found: Iterable[Estimate]) -> Total:
    """Add up what steps take."""
    listed = list(found)
    most = max((one.memory for one in listed), default=0.0)
    return Total(sum(one.seconds for one in listed), sum(one.disk for one in listed), most)


def wall_seconds(plan: Plan, found: Mapping[str, Estimate], slots: int) -> float:
    """Return how long slots that are never idle would take; no less than the longest chain of steps."""
    chain: dict[str, float] = {}
    for step in plan.graph:
        if step.id in found:
            chain[step.id] = found[step.id].seconds + max((chain.get(need, 0.0) for need in step.needs), default=0.0)
    return max(sum(one.seconds for one in found.values()) / slots, max(chain.values(), default=0.0))
