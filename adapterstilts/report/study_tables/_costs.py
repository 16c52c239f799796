"""Tables of what efficient training costs and keeps: against the reference, costs, selection, retention."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from adapterstilts.experiment.results import CELL
from adapterstilts.report.figures import HOLE, SAME_ROWS, interval, percent, signed
from adapterstilts.report.study_tables._layout import (
    ROW,
    Line,
    Row,
    Study,
    by_place,
    grid,
    means_of,
    notes_on_cells,
    number,
    records,
    seeds_in_words,
)
from adapterstilts.report.study_tables._scores import difference
from adapterstilts.report.tables import Table, amount, duration

_COSTS = ("trained", "bytes", "train_s", "search_s", "peak_memory_bytes")
_SELECTION = ("base", "variant", "method", "rule")


def against_reference(study: Study) -> Table:
    """Return what each other method scores more or less than the reference method, way by way."""
    frame = study.judged.against_reference
    told = by_place(frame)
    rows = grid(
        study, _others(study), lambda row, target: difference(told.get((*row, target)), study.same_rows(row, target))
    )
    return Table(
        f"differences to {study.results.reference} in zero-shot languages (points)",
        ["", *study.results.targets],
        rows,
        notes_on_cells(study, rows),
        best="column",
        observations=records(frame),
    )


def kept(study: Study) -> Table:
    """Return the share of the reference method's gain that each other method keeps."""
    frame = study.judged.kept
    places = [name for name in CELL if name in frame]
    told = by_place(frame, places)

    def cell(row: Row, target: str) -> str:
        everything = {**row._asdict(), "target": target}
        share = _share(told.get(tuple(everything[name] for name in places)))
        return f"{share}{SAME_ROWS}" if study.same_rows(row, target) and share != HOLE else share

    rows = grid(study, [row for row in _others(study) if row.way != study.results.baseline], cell)
    notes = [note for note in notes_on_cells(study, rows) if not note.startswith(HOLE)]
    if any(HOLE in row for row in rows):
        reasons = sorted({str(line["why"]) for line in told.values() if line.get("why")})
        notes.append(f"{HOLE}: {'; '.join(reasons) or 'no result'}")
    title = f"share of {study.results.reference}'s gain that is kept"
    return Table(title, ["", *study.results.targets], rows, notes, observations=records(frame))


def costs(study: Study) -> Table:
    """Return what one target takes: the module's parameters and bytes, times, memory; means over targets and seeds."""
    means = means_of(study.results.costs, ROW, _COSTS)
    rows = [[study.name(row), *_costs(means.get(row))] for row in study.rows]
    return Table(
        f"what one target takes ({seeds_in_words(study)}, and over targets)",
        ["", "trained", "saved", "training", "search", "in all", "memory"],
        rows,
        [
            "training: with all runs before it; search: runs that were tried and not chosen, in equal shares",
            *notes_on_cells(study, rows),
        ],
        observations=records(study.results.costs),
    )


def selection(study: Study) -> Table:
    """Return what each rule of choosing a way would have led to, and which way that is."""
    frame = study.judged.selection
    told = by_place(frame, (*_SELECTION, "target"))
    rules = dict.fromkeys(place[:-1] for place in told)
    rows = [
        [study.name(rule, _SELECTION), *(_chosen(told.get((*rule, target))) for target in study.results.targets)]
        for rule in rules
    ]
    title = "scores in zero-shot languages by how the way is chosen (percent)"
    return Table(title, ["", *study.results.targets], rows, notes_on_cells(study, rows), observations=records(frame))


class _Kept(NamedTuple):
    alone: str
    now: str
    difference: str


def retention(study: Study) -> Table:
    """Return what each way's module still scores on the tasks that it has learned before, beside those runs alone."""
    frame = study.results.retained
    means = means_of(frame, [*ROW, "task"], ["alone", "now"])
    order = list(dict.fromkeys([*study.rows, *(Row(*place[:4]) for place in means)]))
    ordered = sorted(means, key=lambda place: order.index(Row(*place[:4])))
    rows = [[f"{study.name(place[:-1])}: {place[-1]}", *_retained(means[place])] for place in ordered]
    title = f"what is left of the intermediate tasks (percent, {seeds_in_words(study)}, and over languages)"
    return Table(title, ["", *_Kept._fields], rows, notes_on_cells(study, rows), observations=records(frame))


def _others(study: Study) -> list[Row]:
    return [row for row in study.rows if row.method != study.results.reference]


def _share(line: Line | None) -> str:
    """Return a share in percent with its interval."""
    share, low, high = (100 * number(line, name) for name in ("share", "low", "high"))
    if math.isnan(share):
        return HOLE
    between = interval(low, high, 0)
    return f"{share:.0f}%" + (f" {between}" if between else "")


def _costs(line: Line | None) -> list[str]:
    trained, size, seconds, search, memory = (number(line, name) for name in _COSTS)
    times = [_written(value, duration) for value in (seconds, search, seconds + search)]
    return [_written(trained, amount), _written(size, _bytes), *times, _written(memory, _bytes)]


def _written(value: float, form: Callable[[float], str]) -> str:
    return HOLE if math.isnan(value) else form(value)


def _bytes(value: float) -> str:
    return f"{amount(value)}B"


def _chosen(line: Line | None) -> str:
    return HOLE if line is None or line["score"] is None else f"{percent(line['score'])} ({line['way']})"


def _retained(means: Mapping[str, float]) -> _Kept:
    return _Kept(percent(means["alone"]), percent(means["now"]), signed(means["now"] - means["alone"]))
