"""How gains go with typological distance, and of how many languages that is said."""

from __future__ import annotations

import math

from adapterstilts.experiment.typology import against_gain, correlations
from adapterstilts.report.figures import HOLE
from adapterstilts.report.study_tables._layout import Row, Study, by_place, number, records
from adapterstilts.report.tables import Table


def distances(study: Study) -> Table:
    """Return the rank correlation of gain and syntactic distance to English over all targets, way by way."""
    gains = against_gain(study.results)
    told = correlations(gains)
    lines = by_place(told[told["target"] == ""], Row._fields)
    rows = [
        [study.name(row), f"{lines[row]['n']}", *(_written(number(lines[row], name)) for name in ("rho", "p"))]
        for row in study.rows
        if row in lines
    ]
    cautions = [f"{study.name(row)}: {lines[row]['caution']}" for row in study.rows if row in lines]
    return Table(
        "zero-shot gains against syntactic distance to English (URIEL)",
        ["", "languages", "rho", "p"],
        rows,
        [
            "rho: Spearman's, of each language's gain beyond its target's mean; below 0: less is gained farther away",
            "p: of each rho alone, related languages counting as independent",
            *(caution for caution in cautions if not caution.endswith(": ")),
        ],
        observations=records(gains),
    )


def _written(value: float) -> str:
    return HOLE if math.isnan(value) else f"{value:.2f}"
