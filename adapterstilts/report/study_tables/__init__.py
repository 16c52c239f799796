"""A study in tables: for papers as CSV, Markdown and LaTeX, the headline for a terminal."""

from __future__ import annotations

from pathlib import Path

from adapterstilts.experiment.judgement import Judged
from adapterstilts.experiment.results import Results
from adapterstilts.report.study_tables import _costs, _distances, _scores
from adapterstilts.report.study_tables._layout import Study
from adapterstilts.report.tables import Table
from adapterstilts.store.atomic import write_text

__all__ = ["headline", "study_tables", "write_study_tables"]


def study_tables(results: Results, judged: Judged) -> dict[str, Table]:
    """Return the tables of a study by name, those that have a row; what is missing in one is a hole.

    scores, differences, languages-<target>, against-reference, kept, costs, selection, retention,
    distances.
    """
    study = Study(results, judged)
    tables = {"scores": _scores.matrix(study), "differences": _scores.gains(study)}
    tables |= {f"languages-{target}": _scores.by_language(study, target) for target in results.targets}
    if results.reference is not None:
        tables |= {"against-reference": _costs.against_reference(study), "kept": _costs.kept(study)}
    tables |= {"costs": _costs.costs(study), "selection": _costs.selection(study)}
    tables |= {"retention": _costs.retention(study), "distances": _distances.distances(study)}
    return {name: table for name, table in tables.items() if table.rows and table.observations}


def write_study_tables(results: Results, judged: Judged, folder: Path) -> list[Path]:
    """Write each table as <name>.csv (observations, unrounded), <name>.md and <name>.tex; return the files."""
    files = []
    for name, table in study_tables(results, judged).items():
        for ending, text in (("csv", table.csv()), ("md", table.markdown()), ("tex", table.latex())):
            files.append(folder / f"{name}.{ending}")
            write_text(files[-1], text)
    return files


def headline(results: Results, judged: Judged) -> list[Table]:
    """Return what a terminal shows: ways by targets, and costs; four targets fit into 80 characters."""
    study = Study(results, judged)
    return [_scores.compact(study), _costs.costs(study)]
