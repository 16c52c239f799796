"""Gains against typological distance: a point a language, and a rank correlation that says how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from adapterstilts.experiment.results import CELL, Results
from adapterstilts.experiment.typology.distances import attested, distance

if TYPE_CHECKING:
    import pandas as pd

OVER_ALL = ""  # in the column `target`
FEW = 8
_WAY = ["base", "variant", "method", "way"]
_POINT = [*CELL, "language"]


def against_gain(results: Results, kind: str = "syntax", source: str = "en") -> pd.DataFrame:
    """Return a row for each cell and zero-shot language: how far from `source`, and what the way gains there.

    Columns: those of a cell, language, distance (`typology.distance`; NaN where there is none), attested (the share of
    the language's vector that is not filled in from its neighbours), gain (points: the mean over seeds of the way's
    score minus the baseline way's, of the same base, variant, method, target, language and seed), seeds (how many).
    Languages that some cell of the target was taught in are left out: what is gained there is no transfer.
    """
    import numpy as np

    scores = results.scores
    pairs = zip(scores["target"], scores["language"], strict=True)
    zero_shot = np.array([language in results.zero_shot[target] for target, language in pairs], dtype=bool)
    scores = scores[zero_shot]  # of no rows, a list would choose no columns
    same = [column for column in (*_POINT, "seed") if column != "way"]
    before = scores.loc[scores["way"] == results.baseline, [*same, "score"]]
    both = scores[scores["way"] != results.baseline].merge(before, on=same, suffixes=("", "_before"))
    both["gain"] = both["score"].astype(float) - both["score_before"].astype(float)
    frame = both.groupby(_POINT, sort=False)["gain"].agg(gain="mean", seeds="count").reset_index()
    known = {one: (distance(one, source, kind), attested(one, kind)) for one in frame["language"].unique()}
    frame["distance"] = frame["language"].map(lambda one: known[one][0]).astype(float)
    frame["attested"] = frame["language"].map(lambda one: known[one][1]).astype(float)
    return frame[[*_POINT, "distance", "attested", "gain", "seeds"]]


class _Ranks(NamedTuple):
    """Spearman's rho and its p; None where they have no meaning. `caution`: "" for none."""

    n: int
    rho: float | None
    p: float | None
    caution: str


def correlations(gains: pd.DataFrame) -> pd.DataFrame:
    """Return how gains go with distance: for each method and way, over all targets (target "") and for each one.

    `gains`: of `against_gain`. Columns: base, variant, method, way, target, n (languages), rho (Spearman's, NaN where
    it has no meaning), p (two-sided, for one correlation: nothing is corrected, and related languages count as
    independent), caution ("" for none). Over all targets a language is one point: the mean over targets of its gain
    minus the target's mean gain, so that targets with other languages are not mistaken for distance.
    """
    import pandas as pd

    told = gains.dropna(subset=["distance", "gain"])
    rows = []
    for way, part in told.groupby(_WAY, sort=False):
        targets = {str(target): frame for target, frame in part.groupby("target", sort=False)}
        for target, frame in {OVER_ALL: _over_targets(part), **targets}.items():
            rows.append({**dict(zip(_WAY, way, strict=True)), "target": target, **_ranks(frame)._asdict()})
    frame = pd.DataFrame(rows, columns=[*_WAY, "target", *_Ranks._fields])
    return frame.astype({"rho": float, "p": float})


def _over_targets(gains: pd.DataFrame) -> pd.DataFrame:
    """Return a row a language: the mean of what it gains beyond its targets' means."""
    beyond = gains["gain"] - gains.groupby("target")["gain"].transform("mean")
    return gains.assign(gain=beyond).groupby("language", sort=False)[["distance", "gain"]].mean()


def _ranks(points: pd.DataFrame) -> _Ranks:
    from scipy.stats import spearmanr

    n = len(points)
    if n < 3:
        return _Ranks(n, None, None, f"no correlation of {n} languages")
    if points["gain"].nunique() == 1 or points["distance"].nunique() == 1:
        return _Ranks(n, None, None, "all gains, or all distances, are equal")
    found = spearmanr(points["distance"], points["gain"])
    caution = f"only {n} languages: ranks of so few often line up by chance" if n < FEW else ""
    return _Ranks(n, float(found.statistic), float(found.pvalue), caution)
