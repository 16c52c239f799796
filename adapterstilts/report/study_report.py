"""`report`: what a study has come to, as a page, as tables for papers, and on a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.console import log
from adapterstilts.errors import UserError
from adapterstilts.experiment.collect import collect
from adapterstilts.experiment.judgement import Judged, judge_results
from adapterstilts.experiment.open import Opened, folder_for, open_study
from adapterstilts.experiment.results import Results
from adapterstilts.experiment.typology.gains import against_gain
from adapterstilts.report.page import write_page
from adapterstilts.report.study_tables import headline, write_study_tables
from adapterstilts.report.tables import Table

PAGE, TABLES = "report.html", "tables"


@dataclass(frozen=True)
class Report:
    """A study's report: the page, the files of tables, and the results and judgements that they show."""

    page: Path
    files: Sequence[Path]
    results: Results
    judged: Judged

    def as_json(self) -> dict[str, Any]:
        """Return scores, costs, judgements and holes as plain values, None where there is no figure."""
        frames = {name: getattr(self.results, name) for name in ("scores", "costs", "chosen", "retained", "holes")}
        frames |= {name: getattr(self.judged, name) for name in ("gains", "against_reference", "kept", "selection")}
        return {name: json.loads(frame.to_json(orient="records")) for name, frame in frames.items()}

    def tables(self) -> list[Table]:
        """Return what a terminal shows."""
        return headline(self.results, self.judged)


def report_study(recipe: str, *, out: str | Path | None = None, to: str | Path | None = None) -> Report:
    """Write a study's report and return it: report.html, and tables/ as CSV, Markdown and LaTeX.

    `recipe`: a name or a YAML file. `out`: the study's folder; None: `runs/` and the recipe's name. `to`: the report's
    folder; None: `report` in the study's. A study that is not finished is reported with holes, and it is said aloud.
    Raises UserError where nothing has been scored yet, or where cells were scored on other rows.
    """
    opened = open_study(recipe)
    study = folder_for(opened, out)
    results = collect(opened, study)
    _warn(opened, results)
    folder = _made(Path(to) if to else study / "report")
    judged = judge_results(results)
    page = write_page(results, judged, folder / PAGE, against_gain(results))
    return Report(page, write_study_tables(results, judged, folder / TABLES), results, judged)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"the report cannot lie in {folder}: {error.strerror}", fix="choose another --to") from None
    return folder


def _warn(opened: Opened, results: Results) -> None:
    """Say which cells have no scores though they should have some, and what goes on with them."""
    should = {tuple(cell) for cell in opened.layout.cells}
    columns = ["base", "variant", "method", "way", "target", "seed", "why"]
    missing = [line for line in results.holes[columns].itertuples(index=False, name=None) if line[:-1] in should]
    if missing:
        failed = sum(str(line[-1]).startswith("failed") for line in missing)
        log(f"{len(missing)} of {len(should)} cells have no scores ({failed} by a failure): they are shown as holes")
        log(f"go on with: adapterstilts {'retry --failed' if failed else 'run'} {opened.name} --out {results.folder}")
