"""`evaluate --submission DIR`: a run's predictions in XTREME's layout; several runs fill one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from adapterstilts.console import log
from adapterstilts.errors import UserError
from adapterstilts.evaluation.benchmarks import BENCHMARKS
from adapterstilts.evaluation.submission.kinds import KINDS
from adapterstilts.store.atomic import write_text
from adapterstilts.store.places import inside
from adapterstilts.tasks import Task

if TYPE_CHECKING:
    from adapterstilts.data.rows import Rows
    from adapterstilts.evaluation.answers import Evaluation

Column = Literal["prediction", "gold"]

# Tasks that have another name in the catalog, or whose further languages are tasks of their own there.
_OFFICIAL = {"bucc": "bucc2018", "panx_xr": "panx", "tatoeba_xr": "tatoeba", "udpos_xr": "udpos"}


def must_suit_a_submission(tasks: Sequence[Task], split: str, layer: int | str | None) -> None:
    """Raise UserError for what has no place in a submission: only other tasks, other splits, a sweep over layers."""
    if not any(_official(task) in KINDS for task in tasks):
        raise UserError(
            f"{', '.join(task.name for task in tasks)}: no task of {' or '.join(BENCHMARKS)}",
            fix=f"leave --submission out; their tasks: {', '.join(KINDS)}",
        )
    if split != "test":
        raise UserError(f"a submission holds predictions of test rows, not of {split}", fix="use --split test")
    if layer == "sweep":
        raise UserError(
            "a submission holds one prediction a row, and a sweep has one a layer", fix="choose one --layer"
        )


def write_submission(
    folder: str | Path, evaluation: Evaluation, many: Sequence[Rows], column: Column = "prediction"
) -> None:
    """Write the predictions (or the gold) of one task into `folder`, a file a language of `many`, the evaluated rows.

    Files of the same task and language that another run has left there are replaced. A task that is none of XTREME's
    or XTREME-R's is left out, aloud.
    """
    import pyarrow.parquet as pq

    task = many[0].task
    if _official(task) not in KINDS:
        log(f"submission: {task.name}: left out, it is no task of {' or '.join(BENCHMARKS)}")
        return
    kind, place = KINDS[_official(task)], Path(folder) / _official(task)
    for rows in many:
        table = pq.read_table(inside(evaluation.path / "predictions", f"{rows.language}.parquet"))
        ids, values = table["id"].to_pylist(), table[column].to_pylist()
        order = _order(rows, len(ids))
        text = kind.write([ids[row] for row in order], [values[row] for row in order])
        write_text(inside(place, f"test-{rows.language}.{kind.suffix}"), text)
    log(f"submission: {task.name}: {len(many)} languages in {place}")


def _official(task: Task) -> str:
    return _OFFICIAL.get(task.name, task.name)


def _order(rows: Rows, count: int) -> list[int]:
    """Return the rows in the order of XTREME's file: Tatoeba's English sentences are sorted there."""
    order = list(range(count))
    if rows.task.format != "retrieval":
        return order
    queries: list[Any] = list(rows.table["query"])
    return sorted(order, key=lambda row: queries[row].strip())
