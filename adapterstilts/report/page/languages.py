"""Every language by itself: pictures and tables that a reader can narrow to the languages that matter to them."""

from __future__ import annotations

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
    word,
)
from adapterstilts.report.page._drawing import Size, height_of, picture, rows, shift, zero
from adapterstilts.report.page._study import Study
from adapterstilts.report.page._words import score, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

Scores = dict[tuple[str, str, str], float]
"""By method, way and language the mean score over seeds, of one group and target."""

_PANEL, _LONGEST, _OPEN = 2.25, 12, 3
_KEYS = ["base", "variant", "target", "method", "way", "language"]


def languages(study: Study) -> Section:
    """Show, for every language, what each way adds to the baseline, and all scores."""
    baseline = study.results.baseline
    reading = (
        f"A panel is a language, a row a way: how many points it scores above “{baseline}” with the same method, mean "
        "over seeds; all panels of a target have one scale, and means leave out languages that were taught."
    )
    if study.results.scores.empty:
        return Section("languages", "Language by language", reading, [line("There are no scores yet.")])
    means = study.results.scores.groupby(_KEYS, sort=False).score.mean()
    by_place = dict(zip(means.index, means, strict=True))
    named = sorted(set(study.results.scores.language))
    blocks: list[Block] = [Chooser(named), study.key()]
    for place, group in enumerate(study.groups):
        for column, target in enumerate(study.results.targets):
            scores = {key[3:]: value for key, value in by_place.items() if key[:3] == (*group, target)}
            if scores:
                title = f"{study.titled(target, group)}: {_words.counted(len(_spoken(scores)), 'language')}"
                parts = _of_target(study, target, scores, f"languages-{place}-{column}")
                blocks.append(Fold(title, parts, open=len(study.results.targets) <= _OPEN))
    return Section("languages", "Language by language", reading, blocks)


def _of_target(study: Study, target: str, scores: Scores, name: str) -> list[Block]:
    """Return the panels and tables of one target."""
    zero_shot = study.results.zero_shot.get(target, ())
    differences = _differences(study, scores)
    most = max((abs(value) for value in differences.values()), default=0.0)
    drawings = [
        _panel(study, language, differences, most, f"{name}-{place}") for place, language in enumerate(_spoken(scores))
    ]
    grids = [
        _grid(study, method, scores, zero_shot)
        for method in study.results.methods
        if any(key[0] == method for key in scores)
    ]
    return [*([Panels(drawings)] if differences else []), Side(grids)]


def _spoken(scores: Scores) -> list[str]:
    return sorted({language for _, _, language in scores})


def _differences(study: Study, scores: Scores) -> Scores:
    """Return what every score is above the baseline's in the same language with the same method."""
    baseline = study.results.baseline
    return {
        (method, way, language): value - scores[start]
        for (method, way, language), value in scores.items()
        if way != baseline and (start := (method, baseline, language)) in scores
    }


def _panel(
    study: Study, language: str, differences: Mapping[tuple[str, str, str], float], most: float, name: str
) -> Drawing:
    """Draw the differences in one language, a row a way and a sign a method."""
    labels = [shortened(way, _LONGEST) for way in study.new_ways]
    described = f"Differences to {study.results.baseline} in {language}"
    methods = study.results.methods
    size = Size(0.4 + height_of(len(labels), len(methods)), labels, _PANEL, 0.26)
    with picture(name, described, size) as drawn:
        rows(drawn.axes, labels)
        zero(drawn.axes)
        for order, method in enumerate(methods):
            for place, way in enumerate(study.new_ways):
                value = differences.get((method, way, language))
                _sign(study, drawn.axes, method, value, place + shift(order, len(labels), len(methods)))
        drawn.axes.set_xlim(-1.15 * (most or 1), 1.15 * (most or 1))
        drawn.axes.locator_params(axis="x", nbins=4)
    return Drawing(drawn.svg, language, language)


def _sign(study: Study, axes: Axes, method: str, value: float | None, at: float) -> None:
    if value is not None:
        look = study.look(method)
        axes.plot([value], [at], look.marker, color=look.colour, markersize=4.5)


def _grid(study: Study, method: str, scores: Scores, zero_shot: tuple[str, ...]) -> Grid:
    """Return a method's scores, a row a language; the last row is the mean over the zero-shot ones that are shown."""
    made = [_row(study, method, language, scores, counts=language in zero_shot) for language in _spoken(scores)]
    foot = [
        Cell("mean", lines=["zero-shot, shown"]),
        *(_foot(study, method, way, scores, zero_shot) for way in study.results.ways),
    ]
    return Grid(method, ["language", *study.results.ways], made, foot)


def _row(study: Study, method: str, language: str, scores: Scores, *, counts: bool) -> Row:
    cells = []
    for way in study.results.ways:
        value = scores.get((method, way, language))
        cells.append(
            Cell("hole", None, style="hole figure", title="no score") if value is None
            else Cell(score(value), value, style="figure")
        )  # fmt: skip
    called = word(language) if counts else Cell(language, language, ["taught"])
    return Row([called, *cells], language, counts)


def _foot(study: Study, method: str, way: str, scores: Scores, zero_shot: tuple[str, ...]) -> Cell:
    known = [scores[key] for language in zero_shot if (key := (method, way, language)) in scores]
    mean = sum(known) / len(known) if known else None
    return Cell(score(mean), mean, style="figure", mean=True)
