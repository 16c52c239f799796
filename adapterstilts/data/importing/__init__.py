"""A person's own copy of data that the Hub does not have, brought into its layout: one file a task.

Each takes the folder that the person has and an empty one to fill: `<configuration>/<split>-00000-of-00001.parquet`
and a README.md whose head lists the configurations, so that the Hub's own loader reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from adapterstilts.errors import UserError, nearest
from adapterstilts.registry import Catalog
from adapterstilts.store.atomic import new_folder
from adapterstilts.store.places import imported_root, locked
from adapterstilts.tasks import tasks

Import = Callable[[Path, Path], None]

imports: Catalog[Import] = Catalog("adapterstilts.data.importing", "IMPORT", "task whose data is imported")


def import_data(name: str, source: str | Path) -> Path:
    """Bring the data of the task called `name` from the folder `source` to where its rows are read; return that.

    Nothing is left where it fails. Raises UserError: a task whose data is not imported, a folder that is not there or
    holds something else, data that has been imported already.
    """
    task = tasks.get(name)
    if name not in imports.names():
        raise UserError(
            f"the data of task {name} is not imported: it comes from the Hub or a mirror",
            fix=nearest(name, imports.names()),
        )
    target = imported_root() / task.repo
    if target.exists():
        raise UserError(
            f"the data of task {name} is there already: {target}", fix=f"remove that folder first: {target}"
        )
    if not Path(source).is_dir():
        raise UserError(f"{source} is not a folder", where=task.licensed, fix="give --from the folder of your copy")
    with locked(target.parent), new_folder(target) as folder:
        imports.get(name)(Path(source), folder)
    return target
