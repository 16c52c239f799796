"""The figures behind the page, as JSON inside it, so that a reader can plot them again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from adapterstilts.report.page._study import Study

if TYPE_CHECKING:
    import pandas as pd

_FRAMES = ("scores", "dev", "costs", "retained", "layers", "chosen", "holes")
_JUDGED = ("gains", "against_reference", "kept", "selection")
_HIDDEN = {"folder"}  # where the runs lie on somebody's machine is nobody else's business


def data(study: Study) -> str:
    """Return all frames as JSON that may stand in a script element: every frame as columns and rows, NaN as null."""
    results = study.results
    frames = {name: getattr(results, name) for name in _FRAMES}
    frames |= {name: getattr(study.judged, name) for name in _JUDGED}
    if study.distances is not None:
        frames["distances"] = study.distances
    told = {name: getattr(results, name) for name in ("name", "about", "command", "baseline", "reference")}
    told |= {name: list(getattr(results, name)) for name in ("ways", "methods", "targets", "seeds")}
    told |= {"zero_shot": {target: list(some) for target, some in sorted(results.zero_shot.items())}}
    told |= {"same_rows": sorted(map(list, results.same_rows)), "environment": dict(results.environment)}
    told |= {"frames": {name: _plain(frame) for name, frame in frames.items()}}
    written = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a frame as columns and rows of plain values."""
    shown = frame[[column for column in frame.columns if column not in _HIDDEN]]
    values = json.loads(shown.to_json(orient="split", index=False, double_precision=10, date_format="iso"))
    return {"columns": values["columns"], "rows": values["data"]}
