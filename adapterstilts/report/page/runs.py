"""Every run by itself: seeds as points, which way would have been chosen, which settings were tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapterstilts.report.page._blocks import Block, Cell, Drawing, Fold, Grid, Panels, Row, Section, line, number, word
from adapterstilts.report.page._drawing import Size, height_of, name_values, picture, rows, shift
from adapterstilts.report.page._study import Group, Study
from adapterstilts.report.page._words import Line, figure, lines_of, score, shortened, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes

_LONGEST, _SHORT = 16, 20
_RULES = ("English dev", "averaged", "oracle")


def seeds(study: Study) -> Section:
    """Show every run as a point."""
    reading = (
        "Each point is one run (a seed), its mean zero-shot score; the upright stroke is the mean of a way's runs, and "
        "a way without points has not been run."
    )
    if study.by_seed.empty:
        return Section("seeds", "Every run", reading, [line("There are no runs with scores yet.")])
    drawings = [_strip(study, group, target, f"seeds-{name}") for group, target, name in study.pictured()]
    table = Fold("All runs, as a table that sorts", [_runs_grid(study)])
    return Section("seeds", "Every run", reading, [study.key(), Panels(drawings), *study.not_pictured(), table])


def _strip(study: Study, group: Group, target: str, name: str) -> Drawing:
    """Draw the runs on one target, a row a way with its methods one below the other."""
    ways, methods = list(study.results.ways), study.results.methods
    labels = [shortened(way, _LONGEST) for way in ways]
    title = study.titled(target, group)
    found = study.by_seed[(study.by_seed.target == target)]
    found = found[(found.base == group[0]) & (found.variant == group[1])]
    size = Size(0.56 + height_of(len(ways), len(methods)), labels)
    with picture(name, f"Scores of all runs on {title}", size) as drawn:
        rows(drawn.axes, labels)
        for place in range(1, len(ways)):
            drawn.axes.axhline(place - 0.5, color="#e3e3e3", linewidth=0.7)
        for order, method in enumerate(methods):
            at = {way: place + shift(order, len(ways), len(methods)) for place, way in enumerate(ways)}
            _points(study, drawn.axes, method, found[found.method == method], at)
        drawn.axes.margins(x=0.08)
        drawn.axes.set_xlabel("mean zero-shot score")
    return Drawing(drawn.svg, title)


def _points(study: Study, axes: Axes, method: str, runs: pd.DataFrame, at: Mapping[str, float]) -> None:
    """Draw a method's runs, and the mean of every way."""
    look, means = study.look(method), runs.groupby("way", sort=False).score.mean()
    height = runs.way.map(at)
    axes.plot(runs.score, height, look.marker, color=look.colour, markersize=4.5, alpha=0.75, markeredgewidth=0)
    axes.plot(means, [at[way] for way in means.index], "|", color=look.colour, markersize=9, markeredgewidth=1.6)


def _runs_grid(study: Study) -> Grid:
    """Return a row a cell, a column a seed."""
    by_seed = {(one[:5], one[5]): one[6] for one in study.by_seed.itertuples(index=False, name=None)}
    made = []
    for place in study.means:
        group, names = place[:2], place[2:]
        points = [by_seed.get((place, seed)) for seed in study.results.seeds]
        cells = [
            Cell("hole", None, style="hole figure", title=study.reasons.get(place, "not run")) if one is None
            else number(score(one), one)
            for one in points
        ]  # fmt: skip
        made.append(Row([word(study.titled(names[0], group)), word(names[1]), word(names[2]), *cells]))
    headings = ["method", "way", "target", *(f"seed {seed}" for seed in study.results.seeds)]
    return Grid("Mean zero-shot score of every run", headings, made)


def selection(study: Study) -> Section:
    """Set the rules to choose a way by side by side."""
    reading = (
        "The score that a rule to choose a way comes to: “English dev” takes the best on each target's dev rows, "
        "“averaged” one way for all targets by the mean of their dev scores, the oracle the best on the test rows "
        "themselves, which nobody can know before: a bound."
    )
    frame = study.judged.selection
    if frame.empty:
        return Section("selection", "Who chooses", reading, [line("No rule could be applied yet.")])
    found: dict[tuple[str, ...], dict[str, Line]] = {}
    for one in lines_of(frame):
        key = tuple(str(one.get(name, "")) for name in ("base", "variant", "method", "target"))
        found.setdefault(key, {})[str(one["rule"])] = one
    made = [_selection_row(study, key, rules) for key, rules in found.items()]
    headings = ["method", "target", *_RULES, "dev to oracle"]
    return Section("selection", "Who chooses", reading, [Grid("Score by rule, and the way it takes", headings, made)])


def _selection_row(study: Study, key: tuple[str, ...], rules: dict[str, Line]) -> Row:
    base, variant, method, target = key
    cells = []
    for rule in _RULES:
        one = rules.get(rule, {})
        value, way = figure(one, "score"), one.get("way")
        below = way if isinstance(way, str) and value is not None else str(one.get("why") or "")
        cells.append(Cell(score(value), value, [below] if below else [], "figure"))
    dev, oracle = (figure(rules.get(rule, {}), "score") for rule in (_RULES[0], _RULES[-1]))
    lost = None if dev is None or oracle is None else dev - oracle
    return Row([word(study.titled(method, (base, variant))), word(target), *cells, number(signed(lost), lost)])


def search(study: Study) -> Section:
    """Show what was tried before a setting was chosen; its time is in the costs."""
    reading = (
        "A row is a value that was tried, with its score on dev rows of the source language; ✓ marks the one that was "
        "kept. The time of all the others is counted as search in “Quality against cost”."
    )
    chosen = study.results.chosen
    if chosen.empty:
        return Section("search", "Settings tried and chosen", reading, [line("The study searches no setting.")])
    lines = lines_of(chosen)
    made = [_tried(one) for one in lines]
    grid = Grid("Values tried", ["for", "setting", "value", "dev score", "kept"], made)
    table = Fold("All values tried, as a table that sorts", [grid], open=len(made) <= _SHORT)
    return Section("search", "Settings tried and chosen", reading, [*_curves(study, lines), table])


def _tried(one: Line) -> Row:
    value, reached = figure(one, "value"), figure(one, "score")
    shown = Cell(f"{value:g}", value, style="figure") if value is not None else word(str(one["value"]))
    kept = Cell("✓", 1.0, style="kept") if one["kept"] else Cell("", 0.0)
    names = [word(str(one["step"])), word(str(one["key"]))]
    return Row([*names, shown, number(score(reached), reached), kept])


def _curves(study: Study, lines: list[Line]) -> list[Block]:
    """Draw dev scores against the values of every searched setting that is a number above 0, a picture a method."""
    drawings = []
    for method in study.results.methods:
        for key in dict.fromkeys(str(one["key"]) for one in lines):
            own = [
                one
                for one in lines
                if one["method"] == method and one["key"] == key and (figure(one, "value") or 0) > 0
            ]
            if own:
                drawings.append(_curve(study, method, key, own))
    return [Panels(drawings)] if drawings else []


def _curve(study: Study, method: str, key: str, lines: list[Line]) -> Drawing:
    """Draw one line a search; what was kept is filled."""
    look, name = study.look(method), f"search-{study.results.methods.index(method)}-{key.replace('.', '-')}"
    searches: dict[tuple[object, ...], list[Line]] = {}
    for one in lines:
        searches.setdefault((one["step"], one["seed"], one.get("target")), []).append(one)
    with picture(name, f"Dev scores of {method} by {key}, as in the table below", Size(2.2)) as drawn:
        name_values(drawn.axes, sorted({float(one["value"]) for one in lines}), "{:g}".format)
        for tried in searches.values():
            tried.sort(key=lambda one: figure(one, "value") or 0.0)
            drawn.axes.plot(*_xy(tried), "-", color=look.colour, linewidth=0.8, alpha=0.5)
            drawn.axes.plot(*_xy(tried), look.marker, color=look.colour, markerfacecolor="white", markersize=4.5)
            drawn.axes.plot(*_xy([one for one in tried if one["kept"]]), look.marker, color=look.colour, markersize=6)
        drawn.axes.set_xlabel(key)
    return Drawing(drawn.svg, f"{method}: dev score; filled is what was kept")


def _xy(lines: list[Line]) -> tuple[list[float], list[float]]:
    return [float(one["value"]) for one in lines], [float(one["score"]) for one in lines]
