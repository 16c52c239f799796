"""The page: a study as one file that opens anywhere and fetches nothing."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from adapterstilts.report.page._study import Study
from adapterstilts.report.page.data import data
from adapterstilts.report.page.efficiency import cost, versus
from adapterstilts.report.page.headline import headline
from adapterstilts.report.page.languages import languages
from adapterstilts.report.page.matrix import matrix
from adapterstilts.report.page.records import certificates, command, configuration, environment, holes
from adapterstilts.report.page.retained import distance, layers, retention
from adapterstilts.report.page.runs import search, seeds, selection
from adapterstilts.store.atomic import write_text

if TYPE_CHECKING:
    import pandas as pd

    from adapterstilts.experiment.judgement import Judged
    from adapterstilts.experiment.results import Results

_SECTIONS = (
    *(headline, matrix, versus, cost, languages, seeds, selection, search),
    *(retention, layers, distance, certificates, configuration, environment, holes, command),
)


def write_page(results: Results, judged: Judged, file: Path, distances: pd.DataFrame | None) -> Path:
    """Write a study as one HTML file; return the file. The same input gives the same bytes.

    `distances`: of `typology.against_gain`; None leaves that section out, with a note.
    """
    study = Study(results, judged, distances)
    write_text(file, _rendered(study))
    return file


def _rendered(study: Study) -> str:
    """Fill the template with all sections."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    parts = files(__name__) / "parts"
    loaded = Environment(
        loader=PackageLoader(__name__, "parts"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return loaded.get_template("page.html").render(
        results=study.results,
        sections=[section(study) for section in _SECTIONS],
        style=(parts / "page.css").read_text(encoding="utf-8"),
        script=(parts / "page.js").read_text(encoding="utf-8"),
        data=data(study),
    )
