"""Every language by itself: pictures and tables that a reader can narrow to the languages that matter to them."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

from adapterstilts.report.page import _words
from adapterstilts.report.page._blocks import (
    Block,
    Cell,
    Chooser,
    Drawing,
    Fold,
    Grid,
    Panels,
    Row,
    Section,
    Side,
    line,
    number,
    word,
)
from adapterstilts.report.page._drawing import Size, height_of, picture, rows, shift, zero
from adapterstilts.report.page._study import Study
from adapterstilts.report.page._words import score, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


Spoken = tuple[str, str, str]
"""A method, a way, a language."""
Scores = dict[Spoken, float]
"""The mean over seeds, of one group and target."""

_PANEL, _LONGEST, _OPEN, _ABREAST = 2.25, 12, 3, 10
_KEYS = ("base", "variant", "target", "method", "way", "language", "seed", "score")


def languages(study: Study) -> Section:
    """Show, for every language, what each way adds to the baseline, and all scores."""
    baseline = study.results.baseline
    reading = (
        f"A panel is a language, a row a way: how many points it scores above “{baseline}” with the same method, mean "
        "over seeds; all panels of a target have one scale, and means leave out languages that were taught."
    )
    if study.results.scores.empty:
        return Section("languages", "Language by language", reading, [line("There are no scores yet.")])
    by_target = _by_target(study)
    named = sorted(set(study.results.scores.language))
    blocks: list[Block] = [Chooser(named), study.key()]
    for place, group in enumerate(study.groups):
        for column, target in enumerate(study.results.targets):
            if found := by_target.get((*group, target)):
                title = f"{study.titled(target, group)}: {_words.counted(len(_spoken(found)), 'language')}"
                parts = _of_target(study, target, found, f"languages-{place}-{column}")
                blocks.append(Fold(title, parts, open=len(study.results.targets) <= _OPEN))
    return Section("languages", "Language by language", reading, blocks)


def _by_target(study: Study) -> dict[tuple[str, str, str], dict[Spoken, dict[int, float]]]:
    """Return by base, variant and target, then by method, way and language, then by seed all scores."""
    found: dict[tuple[str, str, str], dict[Spoken, dict[int, float]]] = {}
    for *where, seed, value in study.results.scores[list(_KEYS)].itertuples(index=False, name=None):
        base, variant, target, method, way, language = where
        found.setdefault((base, variant, target), {}).setdefault((method, way, language), {})[seed] = value
    return found


def _of_target(study: Study, target: str, found: Mapping[Spoken, Mapping[int, float]], name: str) -> list[Block]:
    """Return the panels and tables of one target."""
    scores = {key: fmean(seeds.values()) for key, seeds in found.items()}
    differences = _differences(study, found)
    most = max((abs(value) for value in differences.values()), default=0.0)
    spoken = _spoken(scores) if differences else []
    drawings = [_panel(study, language, differences, most, f"{name}-{place}") for place, language in enumerate(spoken)]
    ways = study.results.ways
    grids = [
        _grid(method, ways[first : first + _ABREAST], scores, study.results.zero_shot.get(target, ()))
        for method in study.results.methods
        if any(key[0] == method for key in scores)
        for first in range(0, len(ways), _ABREAST)
    ]
    return [*([Panels(drawings)] if differences else []), Side(grids)]


def _spoken(scores: Mapping[Spoken, object]) -> list[str]:
    return sorted({language for _, _, language in scores})


def _differences(study: Study, found: Mapping[Spoken, Mapping[int, float]]) -> Scores:
    """Return how far each way is above the baseline in a language, with the same method: means over seeds with both."""
    differences = {}
    for (method, way, language), seeds in found.items():
        start = found.get((method, study.results.baseline, language), {})
        pairs = [value - start[seed] for seed, value in seeds.items() if seed in start]
        if way != study.results.baseline and pairs:
            differences[method, way, language] = fmean(pairs)
    return differences


def _panel(study: Study, language: str, differences: Scores, most: float, name: str) -> Drawing:
    """Draw the differences in one language, a row a way and a sign a method."""
    labels = [shortened(way, _LONGEST) for way in study.new_ways]
    described = f"Differences to {study.results.baseline} in {language}"
    methods = study.results.methods
    size = Size(0.4 + height_of(len(labels), len(methods)), labels, _PANEL, 0.26)
    with picture(name, described, size) as drawn:
        rows(drawn.axes, labels)
        zero(drawn.axes)
        for order, method in enumerate(methods):
            at = [place + shift(order, len(labels), len(methods)) for place in range(len(labels))]
            values = [differences.get((method, way, language), math.nan) for way in study.new_ways]
            look = study.look(method)
            drawn.axes.plot(values, at, look.marker, color=look.colour, markersize=4.5)
        drawn.axes.set_xlim(-1.15 * (most or 1), 1.15 * (most or 1))
        drawn.axes.locator_params(axis="x", nbins=4)
    return Drawing(drawn.svg, language, language)


def _grid(method: str, ways: Sequence[str], scores: Scores, zero_shot: Sequence[str]) -> Grid:
    """Return a method's scores, a row a language; the last row is the mean over the zero-shot ones that are shown."""
    made = [_row(method, ways, language, scores, counts=language in zero_shot) for language in _spoken(scores)]
    means = [_mean([scores.get((method, way, language)) for language in zero_shot]) for way in ways]
    return Grid(method, ["language", *ways], made, [Cell("mean", lines=["zero-shot, shown"]), *means])


def _row(method: str, ways: Sequence[str], language: str, scores: Scores, *, counts: bool) -> Row:
    values = [scores.get((method, way, language)) for way in ways]
    called = word(language) if counts else Cell(language, language, ["taught"])
    return Row([called, *(_place(value) for value in values)], language, counts)


def _place(value: float | None) -> Cell:
    return Cell("hole", None, style="hole figure", title="no score") if value is None else number(score(value), value)


def _mean(values: list[float | None]) -> Cell:
    known = [value for value in values if value is not None]
    mean = fmean(known) if known else None
    return Cell(score(mean), mean, style="figure", mean=True)
