"""What stays and where it lies: retention of earlier tasks, retrieval by layer, gain by distance of languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapterstilts.experiment.results import CELL
from adapterstilts.report.page import _words
from adapterstilts.report.page._blocks import (
    Cell,
    Drawing,
    Fold,
    Grid,
    Key,
    Mark,
    Panels,
    Row,
    Section,
    Side,
    line,
    number,
    word,
)
from adapterstilts.report.page._drawing import Size, picture, zero
from adapterstilts.report.page._figures import colour, scale, widest
from adapterstilts.report.page._study import Group, Study
from adapterstilts.report.page._words import figure, lines_of, score, signed

if TYPE_CHECKING:
    import pandas as pd

_FEWEST = 3
_LINES = ("#1b7f79", "#c9772b", "#a23b6e", "#2f6fb0", "#5b5ea6", "#7a7a1e", "#333333")


def retention(study: Study) -> Section:
    """Show what every way still knows of the tasks before it."""
    reading = (
        "A row is a way, a column an earlier task: its score now with the head that was kept for it, below it the "
        "points it lost or gained since it was learnt alone."
    )
    retained = study.results.retained
    if retained.empty:
        return Section(
            "retention", "What is kept of earlier tasks", reading, [line("No earlier task was scored again.")]
        )
    keys = ["base", "variant", "method", "way", "task"]
    means = retained.groupby(keys, sort=False)[["now", "alone"]].mean()
    found = dict(zip(means.index, zip(means.now, means.alone, strict=True), strict=True))
    most = widest(now - alone for now, alone in found.values())
    maps = []
    for group, method in study.places():
        known = {key[3:]: pair for key, pair in found.items() if key[:3] == (*group, method)}
        if known:
            maps.append(_kept_map(study, study.titled(method, group), known, most))
    return Section("retention", "What is kept of earlier tasks", reading, [scale(most), Side(maps)])


def _kept_map(study: Study, name: str, known: dict[tuple[str, str], tuple[float, float]], most: float) -> Grid:
    tasks = list(dict.fromkeys(task for _, task in known))
    ways = [way for way in study.results.ways if any(key[0] == way for key in known)]
    made = [Row([word(way), *(_kept_cell(known.get((way, task)), most) for task in tasks)]) for way in ways]
    return Grid(name, ["way", *tasks], made, map=True)


def _kept_cell(pair: tuple[float, float] | None, most: float) -> Cell:
    if pair is None:
        return Cell(_words.NONE, None, style="heat none", title="this way has not learnt the task")
    now, alone = pair
    return Cell(score(now), now, [signed(now - alone)], "heat", colour(now - alone, most), f"alone: {score(alone)}")


def layers(study: Study) -> Section:
    """Show how well texts are found by the states of every layer."""
    reading = (
        "Left is the lowest layer, right the last, up is better: the mean score over languages and seeds of retrieval "
        "by that layer's states; dashed is the baseline."
    )
    frame = study.results.layers
    if frame.empty:
        return Section("layers", "Retrieval by layer", reading, [line("The study has no retrieval target.")])
    means = frame.groupby([*CELL, "layer"], sort=False).score.mean().reset_index().sort_values("layer")
    drawings, made = [], []
    for place, (group, method) in enumerate(study.places()):
        for column, target in enumerate(study.results.targets):
            own = means[(means.method == method) & (means.target == target)]
            own = own[(own.base == group[0]) & (own.variant == group[1])]
            if len(own):
                title = f"{target}, {study.titled(method, group)}"
                drawings.append(_sweep(study, title, own, f"layers-{place}-{column}"))
                made += [
                    _best(study, (group, method, target), way, rows) for way, rows in own.groupby("way", sort=False)
                ]
    headings = ["method", "target", "way", "best layer", "score at best", "last layer", "score at last"]
    grid = Grid("Best and last layer", headings, made)
    return Section("layers", "Retrieval by layer", reading, [_line_key(study), Panels(drawings), grid])


def _line_key(study: Study) -> Key:
    looks = [("╌╌" if way == study.results.baseline else "━━", _line_colour(study, way)) for way in study.results.ways]
    return Key([Mark(sign, hue, way) for (sign, hue), way in zip(looks, study.results.ways, strict=True)])


def _line_colour(study: Study, way: str) -> str:
    if way == study.results.baseline:
        return "#777777"
    return _LINES[study.new_ways.index(way) % len(_LINES)]


def _sweep(study: Study, title: str, means: pd.DataFrame, name: str) -> Drawing:
    """Draw the score by layer, a line a way."""
    with picture(name, f"Score by layer on {title}, best and last as in the table below", Size(2.2)) as drawn:
        for way, rows in means.groupby("way", sort=False):
            style = "--" if way == study.results.baseline else "-"
            drawn.axes.plot(rows.layer, rows.score, style, color=_line_colour(study, str(way)), linewidth=1.5)
        drawn.axes.locator_params(axis="x", integer=True)
        drawn.axes.set_xlabel("layer")
    return Drawing(drawn.svg, title)


def _best(study: Study, where: tuple[Group, str, str], way: object, rows: pd.DataFrame) -> Row:
    group, method, target = where
    pairs = [(float(value), int(layer)) for value, layer in zip(rows.score, rows.layer, strict=True)]
    (best, at), (last, end) = max(pairs), max(pairs, key=lambda pair: pair[1])
    names = [word(study.titled(method, group)), word(target), word(str(way))]
    return Row(
        [*names, number(str(at), at), number(score(best), best), number(str(end), end), number(score(last), last)]
    )


def distance(study: Study) -> Section:
    """Set what a language gains beside how far it is from the source language."""
    reading = (
        "A point is a language: right is farther from the source language by its typology (URIEL's vectors, 0 is "
        "alike), up gains more than the same target's languages do on average; a falling cloud means that distant "
        "languages gain less."
    )
    title, frame = "Distance of languages", study.distances
    if frame is None or frame.empty:
        return Section("distance", title, reading, [line("No distances of languages were given, so this is left out.")])
    points = _beyond(frame)
    points = points[points.groupby(["base", "variant", "way"]).language.transform("nunique") >= _FEWEST]
    drawings = [
        _cloud(study, (group, way), own, f"distance-{place}-{study.number(way)}")
        for place, group in enumerate(study.groups)
        for way in study.new_ways
        if len(own := points[(points.base == group[0]) & (points.variant == group[1]) & (points.way == way)])
    ]
    few = line(f"A way is drawn where at least {_FEWEST} zero-shot languages have a distance.")
    return Section("distance", title, reading, [study.key(), few, Panels(drawings), _trends(study, frame)])


def _beyond(gains: pd.DataFrame) -> pd.DataFrame:
    """Return a row a language, method and way: the mean over targets of its gain beyond the target's mean gain."""
    beyond = gains.gain - gains.groupby(list(CELL), sort=False).gain.transform("mean")
    keys = [*(name for name in CELL if name != "target"), "language"]
    return gains.assign(gain=beyond).groupby(keys, sort=False)[["distance", "gain"]].mean().dropna().reset_index()


def _cloud(study: Study, where: tuple[Group, str], points: pd.DataFrame, name: str) -> Drawing:
    """Draw gain against distance for one way, a sign a method and language."""
    group, way = where
    with picture(name, f"Gain of {way} by distance of languages", Size(2.6)) as drawn:
        zero(drawn.axes, upright=False)
        for method, own in points.groupby("method", sort=False):
            look = study.look(str(method))
            drawn.axes.plot(own.distance, own.gain, look.marker, color=look.colour, markersize=5, alpha=0.8)
        highest = points.loc[points.groupby("language", sort=False).gain.idxmax()]
        for language, far, gain in zip(highest.language, highest.distance, highest.gain, strict=True):
            drawn.axes.annotate(language, (far, gain), (0, 5), textcoords="offset points", ha="center", fontsize=8.5)
        drawn.axes.margins(0.1)
        drawn.axes.set_xlabel("distance")
    return Drawing(drawn.svg, f"{study.titled(way, group)}: points beyond the mean gain")


def _trends(study: Study, gains: pd.DataFrame) -> Fold:
    """Return the rank correlations, each with how little it may rest on."""
    from adapterstilts.experiment.typology import correlations

    made = []
    for one in lines_of(correlations(gains)):
        rho, chance = figure(one, "rho"), figure(one, "p")
        names = [study.titled(str(one["method"]), (one["base"], one["variant"])), str(one["way"])]
        target = str(one["target"]) or "all together"
        figures = [number(_words.standardised(rho), rho), number(_words.chance(chance), chance)]
        caution = Cell(str(one["caution"]), str(one["caution"]) or None, style="note")
        made.append(Row([*map(word, names), word(target), number(str(one["n"]), one["n"]), *figures, caution]))
    headings = ["method", "way", "target", "languages", "rank correlation", "p, of it alone", "caution"]
    return Fold("Rank correlations of distance and gain", [Grid("Rank correlations", headings, made)])
