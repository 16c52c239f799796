"""What a run's records say it was made from: the runs before it, and the data that all of them read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.compose.members import open_members
from adapterstilts.errors import UserError
from adapterstilts.mini.embedded import MINI
from adapterstilts.store.run import Parent, Run, read_run
from adapterstilts.tasks import Task, tasks


@dataclass(frozen=True)
class Rows:
    """Rows that a run was trained on; `task` is None for data that no task of the catalog declares.

    `embedded`: generated rows of `mini`, under a data set's name. `translated`: by a machine, from that data set's.
    """

    run: str
    name: str
    repo: str
    language: str
    count: int
    task: Task | None
    embedded: bool
    translated: bool

    @property
    def licence(self) -> str:
        """What the task states of its data; of the embedded world's rows, that they are generated."""
        if self.embedded:
            return "generated rows of the embedded world, none of this data set's"
        return self.task.licence if self.task else "not known here"


@dataclass(frozen=True)
class Lineage:
    """A run and all before it, itself first; `unknown` are the names of members whose records are not at hand."""

    runs: Sequence[Run]
    unknown: Sequence[str]

    @property
    def rows(self) -> list[Rows]:
        """The rows that any of the runs was trained on, each named once a run."""
        return [rows for run in self.runs for rows in _rows(run)]

    @property
    def forbidding(self) -> list[Rows]:
        """Those whose licence forbids commercial use."""
        return [rows for rows in self.rows if rows.task and not rows.embedded and not rows.task.commercial]

    @property
    def unsure(self) -> list[str]:
        """What nothing is known of: own data, and members without records."""
        return sorted({*self.unknown, *(rows.name for rows in self.rows if rows.task is None)})


def lineage_of(run: Run | None, name: str) -> Lineage:
    """Follow a run's parents as far as they are at hand; of a plain folder, `name` is all that is known."""
    if run is None:
        return Lineage([], [name])
    runs, unknown, waiting = [run], set(), list(run.record.parents)
    while waiting:
        parent = waiting.pop(0)
        before = _read(parent)
        if before is None:
            unknown.add(Path(parent.path).name)
        elif before.path.resolve() not in [one.path.resolve() for one in runs]:
            runs.append(before)
            waiting += before.record.parents
    return Lineage(runs, sorted(unknown))


def scores_of(run: Run, head: str | None) -> list[dict[str, Any]]:
    """Return the metrics of the run's own evaluations; with `head`, of those that it answered or that need none."""
    found = []
    for file in sorted((run.path / "eval").glob("*/metrics.json")):
        try:
            result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{file} cannot be read: {error}", fix="evaluate again, or remove its folder") from None
        own = result.get("run") == run.record.fingerprint
        if own and (head is None or result.get("head") in (None, head)):
            found.append({**result, "folder": file.parent.name})
    return found


def _read(parent: Parent) -> Run | None:
    """Return a run's parent, None where another one lies in its place or nothing does."""
    try:
        run = read_run(parent.path)
        if parent.fingerprint in (run.record.fingerprint, open_members([run], encoders=True)[0].digest()):
            return run
    except UserError:
        pass
    return None


def _rows(run: Run) -> list[Rows]:
    trained: dict[tuple[str, str], Rows] = {}
    for entry in run.record.data.values():
        if entry.get("split") == "train":
            rows = _rows_of(run, entry)
            trained.setdefault((rows.name, rows.language), rows)
    return list(trained.values())


def _rows_of(run: Run, entry: Mapping[str, Any]) -> Rows:
    name, repo = str(entry["task"]), str(entry.get("repo", ""))
    task = tasks.get(name) if name in tasks.names() else None
    mirror = run.record.config.get("resources", {}).get("mirror")
    embedded = mirror == MINI or (mirror is None and run.record.base.name == MINI)
    known = task if task and (task.repo == repo or task.parts) else None
    return Rows(
        run=run.name,
        name=name,
        repo=repo,
        language=str(entry.get("language", "")),
        count=int(entry.get("rows", 0)),
        task=known,
        embedded=embedded,
        translated=bool(entry.get("translated")),
    )
