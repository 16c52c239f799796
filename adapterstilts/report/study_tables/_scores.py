"""Tables of scores: ways by targets, differences to the baseline way, languages of a target."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from adapterstilts.experiment.results import CELL
from adapterstilts.report.figures import HOLE, SAME_ROWS, SURE, interval, percent, seed_range, signed
from adapterstilts.report.study_tables._layout import (
    ALPHA,
    ROW,
    Line,
    Place,
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
from adapterstilts.report.tables import Table

if TYPE_CHECKING:
    import pandas as pd


def matrix(study: Study) -> Table:
    """Return ways by targets: the mean over seeds of the mean over zero-shot languages."""
    means = zero_shot_means(study)

    def cell(row: Row, target: str) -> str:
        figure = percent(means.get((*row, target), float("nan")))
        return f"{figure}{SAME_ROWS}" if study.same_rows(row, target) and figure != HOLE else figure

    rows = grid(study, study.rows, cell)
    title = f"scores in zero-shot languages (percent, {seeds_in_words(study)})"
    notes = [*notes_on_cells(study, rows), *fewer_seeds(study)]
    return Table(
        title, ["", *study.results.targets], rows, notes, best="column", observations=records(zero_shot_scores(study))
    )


def gains(study: Study) -> Table:
    """Return differences to the baseline way with their intervals; under three seeds with their ranges."""
    frame = study.judged.gains
    told = by_place(frame[frame["languages"] == "zero-shot"])
    others = [row for row in study.rows if row.way != study.results.baseline]
    rows = grid(study, others, lambda row, target: difference(told.get((*row, target)), study.same_rows(row, target)))
    title = f"differences to {study.results.baseline} in zero-shot languages (points)"
    notes = notes_on_cells(study, rows)
    return Table(title, ["", *study.results.targets], rows, notes, best="column", observations=records(frame))


def compact(study: Study) -> Table:
    """Return ways by targets in narrow columns: the baseline way's scores, every other's differences to them.

    Below each difference stands its interval, in a row without a name; one seed has none.
    """
    frame, targets = study.judged.gains, study.results.targets
    told = by_place(frame[frame["languages"] == "zero-shot"])
    means = zero_shot_means(study)

    def short(row: Row, target: str) -> str:
        return difference(told.get((*row, target)), study.same_rows(row, target), spread=False)

    rows = []
    for row in study.rows:
        if row.way == study.results.baseline:
            rows += grid(study, [row], lambda row, target: percent(means.get((*row, target), float("nan"))))
            continue
        rows += grid(study, [row], short)
        spreads = ["", *(spread_of(told.get((*row, target), {})) for target in targets)]
        rows += [spreads] if any(spreads) else []
    title = f"zero-shot: {study.results.baseline} in percent, the others as differences to it"
    return Table(title, ["", *targets], rows, [*notes_on_cells(study, rows), *fewer_seeds(study)])


def by_language(study: Study, target: str) -> Table:
    """Return a target's scores in each language; the longer of languages and ways goes down the page."""
    scores = study.results.scores
    part = scores[scores["target"] == target]
    means = means_of(part, [*ROW, "language"], ["score"])
    languages = sorted(part["language"].unique())
    names = [study.name(row) for row in study.rows]
    figures = [[percent(number(means.get((*row, one)), "score")) for one in languages] for row in study.rows]
    down = len(languages) > len(names)
    if down:
        body = [[one, *column] for one, column in zip(languages, zip(*figures, strict=True), strict=True)]
    else:
        body = [[name, *row] for name, row in zip(names, figures, strict=True)]
    taught = [one for one in languages if one not in study.results.zero_shot[target]]
    return Table(
        f"{target} in each language (percent, {seeds_in_words(study)})",
        ["", *(names if down else languages)],
        body,
        [*([f"not zero-shot: {' '.join(taught)}"] if taught else []), *notes_on_cells(study, body)],
        best="row" if down else "column",
        observations=records(part, without=["folder"]),
    )


def difference(line: Line | None, same_rows: bool, spread: bool = True) -> str:
    """Return a difference as a cell: figure, interval or range (if `spread`), marks."""
    figure = signed(number(line, "difference"))
    if line is None or figure == HOLE:
        return HOLE
    between = spread_of(line) if spread else ""
    marks = (SURE if number(line, "p_holm") < ALPHA else "") + (SAME_ROWS if same_rows else "")
    return f"{figure} {between}{marks}" if between else f"{figure}{marks}"


def spread_of(line: Line) -> str:
    """Return an interval, or where there is none the range over seeds."""
    low, high, lowest, highest = (number(line, name) for name in ("low", "high", "lowest", "highest"))
    return interval(low, high) or seed_range(lowest, highest)


def fewer_seeds(study: Study) -> list[str]:
    """Name the cells that have some of the seeds and not all, as a note; none where there is no such cell."""
    counts = Counter(place[:-1] for place in by_place(zero_shot_scores(study), [*CELL, "seed"]))
    whole = len(study.results.seeds)
    cells = [
        f"{study.name(row)} on {target} ({counts[*row, target]} of {whole})"
        for row in study.rows
        for target in study.results.targets
        if 0 < counts[*row, target] < whole
    ]
    return [f"over fewer seeds: {', '.join(cells)}"] if cells else []


def zero_shot_means(study: Study) -> dict[Place, float]:
    """Return by cell the mean over seeds of `zero_shot_scores`."""
    return {place: line["score"] for place, line in means_of(zero_shot_scores(study), CELL, ["score"]).items()}


def zero_shot_scores(study: Study) -> pd.DataFrame:
    """Return a row a cell and seed: the mean over the target's zero-shot languages, and how many those are.

    A seed that lacks one of the languages is left out: its mean would be of something else.
    """
    import numpy as np

    results = study.results
    pairs = zip(results.scores["target"], results.scores["language"], strict=True)
    zero_shot = np.array([language in results.zero_shot[target] for target, language in pairs], dtype=bool)
    groups = results.scores[zero_shot].groupby([*CELL, "seed"], sort=False)["score"]
    means = groups.agg(score="mean", languages="count").reset_index()
    wanted = [len(results.zero_shot[target]) for target in means["target"]]
    whole: pd.DataFrame = means[means["languages"].to_numpy() == np.array(wanted, dtype=int)]
    return whole
