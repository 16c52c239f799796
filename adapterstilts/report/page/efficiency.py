"""What the cheaper methods keep of full fine-tuning's gain, and what every score has cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from adapterstilts.report.page import _words
from adapterstilts.report.page._blocks import (
    Block,
    Cell,
    Drawing,
    Fold,
    Grid,
    Key,
    Mark,
    Panels,
    Row,
    Section,
    line,
    number,
    word,
)
from adapterstilts.report.page._drawing import height_of, picture, rows, zero
from adapterstilts.report.page._figures import CLEAR
from adapterstilts.report.page._study import Group, Place, Study
from adapterstilts.report.page._words import figure, score, share, shortened, signed, spanned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import Locator

_LONGEST = 16


def versus(study: Study) -> Section:
    """Hold every method against the reference, way by way and target by target."""
    reference = study.results.reference
    reading = (
        f"A point left of the line scores below {reference} with the same way, one right of it above; the bar is the "
        + ("range over seeds." if study.few_seeds else "95 % interval.")
        + f" The share kept is the method's gain over “{study.results.baseline}” by {reference}'s."
    )
    title = f"Efficient against {reference}"
    if reference is None:
        return Section(
            "versus", "Efficient against full", "", [line("The study names no method to hold others against.")]
        )
    if not study.against:
        return Section("versus", title, reading, [line("There are no differences to it yet.")])
    drawings = [
        _forest(study, group, target, f"versus-{place}-{column}")
        for place, group in enumerate(study.groups)
        for column, target in enumerate(study.results.targets)
    ]
    return Section("versus", title, reading, [study.key(), Panels(drawings), _versus_grid(study)])


def _forest(study: Study, group: Group, target: str, name: str) -> Drawing:
    """Draw the differences to the reference on one target, a row a way."""
    ways = list(study.results.ways)
    labels = [shortened(way, _LONGEST) for way in ways]
    title = study.titled(target, group)
    described = f"Differences to {study.results.reference} on {title}, as in the table below"
    with picture(name, described, height_of(len(ways) * len(study.others), 0.17), labels) as drawn:
        rows(drawn.axes, labels)
        zero(drawn.axes)
        for order, method in enumerate(study.others):
            for place, way in enumerate(ways):
                at = place + (order - (len(study.others) - 1) / 2) * 0.6 / len(study.others)
                _whisker(study, drawn.axes, (*group, method, way, target), at)
        drawn.axes.set_xlabel(f"points above {study.results.reference}")
    return Drawing(drawn.svg, title)


def _whisker(study: Study, axes: Axes, place: Place, at: float) -> None:
    one, look = study.against.get(place, {}), study.look(place[2])
    value, ends = figure(one, "difference"), _words.ends(one)
    if ends is not None:
        axes.plot(ends, [at, at], color=look.colour, linewidth=1.4, solid_capstyle="butt")
    if value is not None:
        axes.plot([value], [at], look.marker, color=look.colour, markersize=5)


def _versus_grid(study: Study) -> Grid:
    headings = ["method", "way", "target", f"difference to {study.results.reference}", "interval or range"]
    headings += ["p (Holm)", "share of gain kept", "interval of the share"]
    made = [
        _versus_row(study, (*group, method, way, target))
        for group, method in study.places()
        if method in study.others
        for way in study.results.ways
        for target in study.results.targets
    ]
    return Grid("Every method beside the reference", headings, made)


def _versus_row(study: Study, place: Place) -> Row:
    base, variant, method, way, target = place
    one, kept = study.against.get(place, {}), study.kept.get(place, {})
    value, part, p = figure(one, "difference"), figure(kept, "share"), figure(one, "p_holm")
    low, high = figure(kept, "low"), figure(kept, "high")
    why = study.reasons.get(place, "") or str(kept.get("why") or "")
    between = "" if low is None or high is None else f"{share(low)} to {share(high)}"
    difference = Cell("hole", None, style="hole", title=why or "not run")
    if value is not None:
        difference = number(signed(value) + (f" {CLEAR}" if study.is_clear(one) else ""), value)
    cells = [
        word(study.titled(method, (base, variant))),
        word(way),
        word(target),
        difference,
        Cell(spanned(one) or _words.NONE, value, style="figure"),
        number(_words.chance(p), p),
        Cell(share(part), part, style="figure") if part is not None else Cell(why or _words.NONE, None, style="note"),
        Cell(between or _words.NONE, part, style="figure"),
    ]
    return Row(cells)


def cost(study: Study) -> Section:
    """Set scores beside the time that they took, with everything before them and the search for their settings."""
    reference, baseline = study.results.reference, study.results.baseline
    reading = (
        "Right is dearer (time of a run with all runs before it and its share of the search for settings, each "
        "doubling a step), up is better; a larger sign trains more parameters."
    )
    if not study.costs:
        return Section("cost", "Quality against cost", reading, [line("No costs are known yet.")])
    drawings = [
        _scatter(study, group, target, f"cost-{place}-{column}")
        for place, group in enumerate(study.groups)
        for column, target in enumerate(study.results.targets)
    ]
    marks: list[Block] = [study.key(), study.numbered()]
    if reference is not None:
        marks.append(Key([Mark("┄", "#5b5ea6", f"{reference} on “{baseline}”, the line to reach")]))
    blocks: list[Block] = [*marks, Panels(drawings), Fold("All costs, as a table that sorts", [_cost_grid(study)])]
    return Section("cost", "Quality against cost", reading, blocks)


def _scatter(study: Study, group: Group, target: str, name: str) -> Drawing:
    """Draw score against cost for one target: a sign a method and way, with the way's number beside it."""
    title = study.titled(target, group)
    with picture(
        name, f"Zero-shot score against training time on {title}, as in the table below", 2.6, ["00.0"]
    ) as drawn:
        axes = drawn.axes
        axes.set_xscale("log", base=2)
        for method in study.results.methods:
            for way in study.results.ways:
                _sign(study, axes, (*group, method, way, target))
        if study.results.reference is not None:
            line_at = study.means.get((*group, study.results.reference, study.results.baseline, target))
            if line_at is not None:
                axes.axhline(line_at, color="#5b5ea6", linewidth=1, linestyle="--", zorder=1)
        axes.margins(0.16)
        axes.xaxis.set_major_formatter(lambda seconds, _: _words.time(seconds))
        axes.xaxis.set_major_locator(_ticks(axes))
        axes.minorticks_off()
        axes.set_xlabel("training time")
    return Drawing(drawn.svg, title)


def _sign(study: Study, axes: Axes, place: Place) -> None:
    spent, reached, look = study.costs.get(place), study.means.get(place), study.look(place[2])
    if spent is None or reached is None:
        return
    seconds, trained = figure(spent, "in_all"), figure(spent, "trained") or 1
    if seconds:
        axes.scatter(
            [seconds], [reached], s=_area(trained), marker=look.marker, color=look.colour, alpha=0.85, linewidth=0
        )
        axes.annotate(str(study.number(place[3])), (seconds, reached), (6, 4), textcoords="offset points", fontsize=8.5)


def _area(trained: float) -> float:
    """Return the area of a sign in square points: four times the parameters, one step larger."""
    return 14 + 7 * max(0.0, math.log(trained, 4) - 5)


def _ticks(axes: Axes) -> Locator:
    """Return where the axis of time is named: at most five powers of two in what is shown."""
    from matplotlib.ticker import FixedLocator

    first, last = (math.log2(end) for end in axes.get_xlim())
    steps = range(math.ceil(first), math.floor(last) + 1)
    return FixedLocator([2.0**step for step in steps[:: max(1, math.ceil(len(steps) / 5))]] or [2.0**first, 2.0**last])


def _cost_grid(study: Study) -> Grid:
    headings = ["method", "way", "target", "score", "time in all", "of it training", "of it search", "trained"]
    headings += ["module", "peak memory", "examples"]
    return Grid(
        "What every score has cost: means over seeds", headings, [_cost_row(study, place) for place in study.costs]
    )


def _cost_row(study: Study, place: Place) -> Row:
    base, variant, method, way, target = place
    spent, reached = study.costs[place], study.means.get(place)
    kinds = {"in_all": _words.time, "train_s": _words.time, "search_s": _words.time, "trained": _words.count}
    kinds |= {"bytes": _words.size, "peak_memory_bytes": _words.size, "examples": _words.count}
    figures = [number(write(value), value) for key, write in kinds.items() for value in [figure(spent, key)]]
    names = [word(study.titled(method, (base, variant))), word(way), word(target)]
    return Row([*names, number(score(reached), reached), *figures])
