"""The matrix of ways and targets: one map for every method, and all its figures as a table."""

from __future__ import annotations

from statistics import fmean

from adapterstilts.report.page import _words
from adapterstilts.report.page._blocks import Block, Cell, Fold, Grid, Row, Section, Side, line, number, word
from adapterstilts.report.page._figures import SAME_ROWS, colour, marks, place_cell, scale, widest
from adapterstilts.report.page._study import Group, Study
from adapterstilts.report.page._words import SOURCE, ZERO_SHOT, Line, figure, lines_of, signed

_ALL = (
    "target",
    "languages",
    "score",
    "difference",
    "interval or range",
    "p",
    "p (Holm)",
    "detectable",
    "effect",
    "seeds",
)


def matrix(study: Study) -> Section:
    """Show the mean zero-shot score of every way on every target, and its difference to the baseline's."""
    baseline = study.results.baseline
    reading = (
        f"A row is a way to prepare the encoder, a column a target: its mean zero-shot score, below it the difference "
        f"to “{baseline}” with the same method in points, then "
        + ("the range of that difference over seeds." if study.few_seeds else "the 95 % interval of that difference.")
    )
    blocks: list[Block] = []
    for languages, title in ((ZERO_SHOT, ""), (SOURCE, "The same in the source language, which was taught")):
        maps = _maps(study, languages)
        blocks += [Fold(title, maps)] if title and maps else maps
    if not blocks:
        blocks = [line("There are no scores yet.")]
    else:
        blocks.append(Fold("All figures of these maps, as a table that sorts", [_all_figures(study)]))
    return Section("matrix", "Ways and targets", reading, blocks)


def _maps(study: Study, languages: str) -> list[Block]:
    lines = [one for one in lines_of(study.judged.gains) if one["languages"] == languages]
    if not lines and not (languages == ZERO_SHOT and study.groups):
        return []
    most = widest(figure(one, "difference") for one in lines)
    maps: list[Block] = [scale(most), marks()] if languages == ZERO_SHOT else [scale(most)]
    return [*maps, Side([_map(study, group, method, (languages, most)) for group, method in study.places()])]


def _map(study: Study, group: Group, method: str, how: tuple[str, float]) -> Grid:
    """Return one method's map, with the mean over the targets in its last column."""
    languages, most = how
    compared = {one["target"] for one in study.gains(group, method, languages)}
    made = []
    for way in study.results.ways:
        places = [(*group, method, way, target) for target in study.results.targets]
        cells = [place_cell(study, place, most, languages) for place in places]
        lines = [study.gain(place, languages) for place in places if place[4] in compared]
        made.append(Row([word(way), *cells, _mean(study, way, lines, most)]))
    mean = f"mean difference{f' without {SAME_ROWS}' if study.results.same_rows else ''}"
    return Grid(study.titled(method, group), ["way", *study.results.targets, mean], made, map=True)


def _mean(study: Study, way: str, lines: list[Line], most: float) -> Cell:
    """Return the mean of a row's differences, without the targets' own data; none where one is missing."""
    own = study.results.same_rows
    found = [figure(one, "difference") for one in lines if (way, one.get("target")) not in own]
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found) or way == study.results.baseline:
        return Cell(_words.NONE, None, style="heat mean")
    mean = fmean(known)
    return Cell(signed(mean), mean, style="heat mean", colour=colour(mean, most))


def _all_figures(study: Study) -> Grid:
    many = len(study.groups) > 1
    made = [_row(study, one, many=many) for one in lines_of(study.judged.gains)]
    names = [*(("base", "variant") if many else ()), "method", "way"]
    return Grid("All figures", [*names, *_ALL], made)


def _row(study: Study, one: Line, *, many: bool) -> Row:
    names = ["base", "variant", "method", "way", "target"] if many else ["method", "way", "target"]
    value, difference, p, holm = (figure(one, key) for key in ("score", "difference", "p", "p_holm"))
    smallest, effect, seeds = (figure(one, key) for key in ("detectable", "effect", "seeds"))
    why = str(one.get("why") or "")
    cells = [
        *(word(str(one[name])) for name in names),
        word(str(one["languages"])),
        Cell("hole", None, title=why, style="hole figure") if value is None else number(_words.score(value), value),
        number(signed(difference), difference),
        Cell(_words.spanned(one) or _words.NONE, difference, style="figure"),
        number(_words.chance(p), p),
        number(_words.chance(holm), holm),
        number(_words.score(smallest), smallest),
        number(_words.standardised(effect), effect),
        number("" if seeds is None else f"{seeds:.0f}", seeds),
    ]
    return Row(cells)
