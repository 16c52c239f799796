"""The scores of one evaluation, as a table."""

from __future__ import annotations

from adapterstilts.evaluation.command import Evaluation
from adapterstilts.report.tables import Table


def score_table(evaluation: Evaluation) -> Table:
    """Return one row a language and the plain mean over languages."""
    metrics = evaluation.metrics
    names = list(metrics["average"])
    rows = [
        [language, *(f"{scores[name]:.2f}" for name in names), f"{scores['n']:,}"]
        for language, scores in metrics["languages"].items()
    ]
    rows.append(["average", *(f"{metrics['average'][name]:.2f}" for name in names), ""])
    missing = metrics["missing_languages"]
    notes = [f"predictions and scores: {evaluation.path}"]
    if missing:
        notes.insert(0, f"not scored, so this is not the task's full average: {' '.join(missing)}")
    return Table(f"{metrics['task']} {metrics['split']} (percent)", ["language", *names, "rows"], rows, notes)
