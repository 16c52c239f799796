"""What the cheaper methods keep of full fine-tuning's gain, and what every score has cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

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
    Words,
    line,
    number,
    word,
)
from adapterstilts.report.page._drawing import Size, height_of, name_values, picture, rows, shift, zero
from adapterstilts.report.page._figures import CLEAR
from adapterstilts.report.page._study import REFERENCE, Group, Look, Place, Study
from adapterstilts.report.page._words import Line, figure, score, share, shortened, signed, spanned

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST, _SHORT, _CROWD = 16, 20, 12
_WHOLE = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50)


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
    key = Key([mark for mark in study.key().marks if mark.text != reference])
    limits = _limits(list(study.against.values()))
    drawings = [_forest(study, (*group, target), limits, f"versus-{name}") for group, target, name in study.pictured()]
    grid = _versus_grid(study)
    table = Fold("Every difference and share, as a table that sorts", [grid], open=len(grid.rows) <= _SHORT)
    return Section("versus", title, reading, [key, Panels(drawings), *study.not_pictured(), table])


def _limits(lines: list[Line]) -> tuple[float, float]:
    """Return from where to where all differences and their intervals lie, with 0 among them and a margin."""
    reached = [0.0] + [end for one in lines for end in _words.ends(one) or ()]
    reached += [value for one in lines if (value := figure(one, "difference")) is not None]
    margin = 0.05 * (max(reached) - min(reached)) or 1.0
    return min(reached) - margin, max(reached) + margin


def _forest(study: Study, where: tuple[str, str, str], limits: tuple[float, float], name: str) -> Drawing:
    """Draw the differences to the reference on one target, a row a way."""
    base, variant, target = where
    ways, others = list(study.results.ways), study.others
    labels = [shortened(way, _LONGEST) for way in ways]
    title = study.titled(target, (base, variant))
    described = f"Differences to {study.results.reference} on {title}, as in the table below"
    with picture(name, described, Size(0.56 + height_of(len(ways), len(others)), labels)) as drawn:
        rows(drawn.axes, labels)
        zero(drawn.axes)
        for order, method in enumerate(others):
            at = [place + shift(order, len(ways), len(others)) for place in range(len(ways))]
            lines = [study.against.get((base, variant, method, way, target), {}) for way in ways]
            _whiskers(drawn.axes, study.look(method), lines, at)
        drawn.axes.set_xlim(*limits)
        drawn.axes.set_xlabel(f"points above {study.results.reference}")
    return Drawing(drawn.svg, title)


def _whiskers(axes: Axes, look: Look, lines: list[Line], at: list[float]) -> None:
    """Draw a method's differences, each at its height, with their intervals."""
    ends = [_words.ends(one) or (math.nan, math.nan) for one in lines]
    values = [math.nan if (value := figure(one, "difference")) is None else value for one in lines]
    axes.hlines(at, [low for low, _ in ends], [high for _, high in ends], color=look.colour, linewidth=1.4)
    axes.plot(values, at, look.marker, color=look.colour, markersize=5)


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
    difference = Cell("hole", None, style="hole figure", title=why or "not run")
    if value is not None:
        difference = number(signed(value) + (f" {CLEAR}" if study.is_clear(one) else ""), value)
    cells = [
        word(study.titled(method, (base, variant))),
        word(way),
        word(target),
        difference,
        Cell(spanned(one) or _words.NONE, value, style="figure"),
        number(_words.chance(p), p),
        Cell(share(part), part, style="figure") if part is not None else _no_share(why),
        Cell(between or _words.NONE, part, style="figure"),
    ]
    return Row(cells)


def _no_share(why: str) -> Cell:
    return Cell(why, None, style="note") if why else number("", None)


def cost(study: Study) -> Section:
    """Set scores beside the time that they took, with everything before them and the search for their settings."""
    reference, baseline = study.results.reference, study.results.baseline
    reading = (
        "Right is dearer (time of a run with all runs before it and its share of the search for settings, "
        "on a log scale), up is better; a larger sign trains more parameters."
    )
    if not study.costs:
        return Section("cost", "Quality against cost", reading, [line("No costs are known yet.")])
    spent = {(group, target): _spent(study, group, target) for group, target, _ in study.pictured()}
    drawings = [
        _scatter(study, group, target, f"cost-{name}", spent[group, target])
        for group, target, name in study.pictured()
        if spent[group, target]
    ]
    untrained = dict.fromkeys(target for (_, target), some in spent.items() if not some)
    crowded = f"; of more than {_CROWD} signs, only those are that nothing cheaper reaches"
    marks: list[Block] = [study.key(), Words([f"Numbers are ways{crowded}."]), study.numbered()]
    if reference is not None:
        marks.append(Key([Mark("╌╌", REFERENCE.colour, f"{reference} on “{baseline}”, the line to reach")]))
    table = Fold("All costs, as a table that sorts", [_cost_grid(study)])
    left_out = [line(f"Not drawn, as nothing is trained for it: {', '.join(untrained)}.")] if untrained else []
    blocks = [*marks, Panels(drawings), *left_out, *study.not_pictured(), table]
    return Section("cost", "Quality against cost", reading, blocks)


class Spent(NamedTuple):
    """A cell with the seconds that it has cost and the score that it has reached."""

    place: Place
    seconds: float
    reached: float


def _spent(study: Study, group: Group, target: str) -> list[Spent]:
    """Return what has cost time for one target, and has a score."""
    return [
        Spent(place, seconds, reached)
        for place, one in study.costs.items()
        if (*place[:2], place[4]) == (*group, target)
        and (seconds := figure(one, "in_all"))
        and (reached := study.means.get(place)) is not None
    ]


def _scatter(study: Study, group: Group, target: str, name: str, spent: list[Spent]) -> Drawing:
    """Draw score against cost for one target: a sign a method and way, with the way's number beside it."""
    title = study.titled(target, group)
    described = f"Zero-shot score against training time on {title}, as in the table below"
    with picture(name, described, Size(2.6)) as drawn:
        axes = drawn.axes
        numbered = spent if len(spent) <= _CROWD else _front(spent)
        for one in spent:
            _sign(study, axes, one, numbered=one in numbered)
        line_at = study.means.get((*group, study.results.reference or "", study.results.baseline, target))
        if line_at is not None:
            axes.axhline(line_at, color=REFERENCE.colour, linewidth=1, linestyle="--", zorder=1)
        name_values(axes, _ticks([one.seconds for one in spent]), _words.time)
        axes.margins(0.16)
        axes.set_xlabel("training time")
    free = [way for way in study.results.ways if _is_free(study, group, way, target)]
    note = f" (without training, so not drawn: {', '.join(free)})" if free else ""
    return Drawing(drawn.svg, title + note)


def _is_free(study: Study, group: Group, way: str, target: str) -> bool:
    """Whether a way has cost no training, which a scale of ratios cannot show."""
    found = [study.costs.get((*group, method, way, target)) for method in study.results.methods]
    return any(one is not None and not figure(one, "in_all") for one in found)


def _front(spent: list[Spent]) -> list[Spent]:
    """Return those that score more than all that cost less."""
    best, found = -math.inf, []
    for one in sorted(spent, key=lambda one: (one.seconds, -one.reached)):
        if one.reached > best:
            best = one.reached
            found.append(one)
    return found


def _sign(study: Study, axes: Axes, one: Spent, *, numbered: bool) -> None:
    look, trained = study.look(one.place[2]), figure(study.costs[one.place], "trained") or 1
    at, area = (one.seconds, one.reached), _area(trained)
    axes.scatter(*at, s=area, marker=look.marker, color=look.colour, alpha=0.85, linewidth=0)
    if numbered:
        number = str(study.number(one.place[3]))
        axes.annotate(number, at, (6, 4), textcoords="offset points", fontsize=8.5)


def _area(trained: float) -> float:
    """Return the area of a sign in square points: four times the parameters, one step larger."""
    return 14 + 7 * max(0.0, math.log(trained, 4) - 5)


def _ticks(seconds: list[float]) -> list[float]:
    """Return times to name, in whole units and not too near each other; the ends where hardly any is within reach."""
    first, last = min(seconds, default=1.0), max(seconds, default=1.0)
    apart, found = (last / first) ** (1 / 4), list[float]()
    for whole in (float(unit * many) for unit in (1, 60, 3600) for many in _WHOLE):
        if 0.95 * first <= whole <= 1.05 * last and (not found or whole >= apart * found[-1]):
            found.append(whole)
    return found if len(found) > 1 else sorted({first, last})


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
