"""What stays and where it lies: retention of earlier tasks, retrieval by layer, gain by distance of languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapterstilts.experiment.results import CELL
from adapterstilts.report.page import _words
from adapterstilts.report.page._blocks import (
    Cell,
    Drawing,
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
from adapterstilts.report.page._words import score, signed

if TYPE_CHECKING:
    import pandas as pd

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
        "Right is farther from the source language by its typology (URIEL vectors, 0 is alike), up gains more: a "
        "falling cloud means that distant languages gain less."
    )
    title, frame = "Distance of languages", study.distances
    if frame is None or frame.empty:
        return Section("distance", title, reading, [line("No distances of languages were given, so this is left out.")])
    drawings, made = [], []
    for way in study.results.ways:
        own = frame[frame.way == way]
        if len(own):
            drawings.append(_cloud(study, way, own, f"distance-{study.number(way)}"))
            made += [_trend(way, str(method), rows) for method, rows in own.groupby("method", sort=False)]
    grid = Grid("Rank correlation of distance and gain", ["way", "method", "languages", "correlation"], made)
    return Section("distance", title, reading, [study.key(), Panels(drawings), grid])


def _cloud(study: Study, way: str, frame: pd.DataFrame, name: str) -> Drawing:
    """Draw gain against distance for one way, a sign a method and language."""
    with picture(name, f"Gain of {way} by distance of languages", Size(2.6)) as drawn:
        zero(drawn.axes, upright=False)
        for method, rows in frame.groupby("method", sort=False):
            look = study.look(str(method))
            drawn.axes.plot(rows.distance, rows.gain, look.marker, color=look.colour, markersize=5, alpha=0.8)
        highest = frame.loc[frame.groupby("language", sort=False).gain.idxmax()]
        for language, far, gain in zip(highest.language, highest.distance, highest.gain, strict=True):
            drawn.axes.annotate(language, (far, gain), (0, 5), textcoords="offset points", ha="center", fontsize=8.5)
        drawn.axes.margins(0.1)
        drawn.axes.set_xlabel("distance")
    return Drawing(drawn.svg, f"{way}: gain in points")


def _trend(way: str, method: str, rows: pd.DataFrame) -> Row:
    """Return Spearman's correlation, which is Pearson's of the ranks."""
    ranks = rows[["distance", "gain"]].rank()
    found = float(ranks.distance.corr(ranks.gain)) if len(rows) > 2 else None
    found = None if found is not None and found != found else found
    return Row([word(way), word(method), number(str(len(rows)), len(rows)), number(_words.standardised(found), found)])
