"""The evaluation folder: one Parquet file a language, written whole; scores computed from those files.

Every file carries the identity of the question it answers, so a killed evaluation keeps what it has
finished, and nothing answers a question that was not asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from adapterstilts.config.identity import canonical_json
from adapterstilts.formats import Prediction
from adapterstilts.metrics import average, metrics
from adapterstilts.store.atomic import new_file, write_json
from adapterstilts.store.manifest import sign
from adapterstilts.tasks import Task

_KEY = b"adapterstilts"


def write_predictions(
    file: Path,
    ids: Sequence[str],
    gold: Sequence[Any],
    predictions: Sequence[Prediction],
    question: Mapping[str, Any],
) -> None:
    """Write one row an example: id, gold, prediction, score."""
    table = pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "gold": gold,
            "prediction": [prediction.value for prediction in predictions],
            "score": pa.array([prediction.score for prediction in predictions], pa.float32()),
        }
    )
    with new_file(file) as temporary:
        pq.write_table(table.replace_schema_metadata({_KEY: canonical_json(question)}), temporary)


def read_question(file: Path) -> dict[str, Any]:
    """Return the question that a predictions file answers; empty where it cannot be read."""
    try:
        metadata = pq.read_schema(file).metadata or {}
        question: dict[str, Any] = json.loads(metadata[_KEY])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError):
        return {}
    return question


def score_folder(folder: Path, task: Task, split: str, model: Mapping[str, Any]) -> dict[str, Any]:
    """Score every language in `folder`, write metrics.json and the manifest, and return the metrics.

    `model` says whose predictions count (run, precision, window): files that another model left are removed.
    Languages of earlier commands stay, so the average is over all that lie there; `languages` names them.
    """
    metric = metrics.get(task.metric)
    languages, rows, data = {}, {}, {}
    for file in sorted((folder / "predictions").glob("*.parquet")):
        question = read_question(file)
        if any(question.get(key) != value for key, value in model.items()):
            file.unlink()
            continue
        table = pq.read_table(file)
        gold, prediction = table["gold"].to_pylist(), table["prediction"].to_pylist()
        languages[file.stem] = {**metric.score(gold, prediction), "n": len(gold)}
        rows[file.stem] = _digest(table["id"].to_pylist(), gold)
        data[file.stem] = question["rows"]
    result = {
        "task": task.name,
        "split": split,
        "languages": languages,
        "average": average(languages),
        "missing_languages": [language for language in task.languages if language not in languages],
        "metric": {"name": task.metric, "main": metric.main, "version": metric.version},
        **model,
        "rows": rows,
        "data": data,
    }
    write_json(folder / "metrics.json", result)
    sign(folder)
    return result


def read_metrics(folder: Path) -> dict[str, Any]:
    """Return the metrics that an evaluation left in `folder`."""
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return content


def _digest(ids: list[str], gold: list[Any]) -> str:
    return hashlib.sha256(canonical_json([ids, gold]).encode()).hexdigest()[:16]
