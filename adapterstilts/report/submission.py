"""The scores of a submission, as tables: what it comes to, and each task in its languages."""

from __future__ import annotations

from adapterstilts.evaluation.submission.score import Submission
from adapterstilts.report.tables import Table


def submission_tables(found: Submission) -> list[Table]:
    """Return a table of all averages, and one a task with a row a language."""
    averages = found.averages
    rows = [[task, f"{score:.2f}"] for task, score in averages.main.items()]
    rows += [[f"{group} (group)", f"{score:.2f}"] for group, score in averages.groups.items()]
    notes = list(found.notes)
    if averages.overall is None:
        notes.append(f"no overall number: it stands only where all tasks of {found.benchmark} are scored")
    else:
        rows.append(["all tasks", f"{averages.overall:.2f}"])
    first = Table(f"{found.benchmark} (percent)", ["", "score"], rows, notes)
    return [first, *(_task_table(found, task) for task in found.scores)]


def _task_table(found: Submission, task: str) -> Table:
    means = found.averages.tasks[task]
    rows = [
        [language, *(f"{scores[name]:.2f}" for name in means), f"{scores['n']:,}"]
        for language, scores in found.scores[task].items()
    ]
    rows.append(["average", *(f"{mean:.2f}" for mean in means.values()), ""])
    return Table(f"{task} (percent)", ["language", *means, "rows"], rows)
