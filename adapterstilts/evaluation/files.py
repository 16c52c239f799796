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
from adapterstilts.console import log_once
from adapterstilts.evaluation.alarms import Alarm, of_answers
from adapterstilts.formats import Prediction
from adapterstilts.metrics import average, metrics
from adapterstilts.store.atomic import new_file, write_json
from adapterstilts.store.manifest import sign
from adapterstilts.tasks import Task

THRESHOLD = "threshold"  # the column of what a prediction's score was held against, where something was
_KEY = b"adapterstilts"


def write_predictions(
    file: Path,
    ids: Sequence[str],
    gold: Sequence[Any],
    predictions: Sequence[Prediction],
    question: Mapping[str, Any],
    beside: Mapping[str, Sequence[Any]],
) -> None:
    """Write one row an example: id, gold, prediction, score, and the columns `beside` them."""
    table = pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "gold": gold,
            "prediction": [prediction.value for prediction in predictions],
            "score": pa.array([prediction.score for prediction in predictions], pa.float32()),
            **beside,
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


def score_folder(
    folder: Path, task: Task, split: str, model: Mapping[str, Any], alarms: Sequence[Alarm] = ()
) -> dict[str, Any]:
    """Score every language in `folder`, write metrics.json and the manifest, and return the metrics.

    `model` says whose predictions count (run, precision, window): files that another model left are removed.
    Languages of earlier commands stay, so the average is over all that lie there; `languages` names them. `alarms`
    that the model has raised are written down, with those that its answers raise.
    """
    metric = metrics.get(task.metric)
    languages, rows, data, thresholds, raised = {}, {}, {}, {}, list(alarms)
    for file in sorted((folder / "predictions").glob("*.parquet")):
        question = read_question(file)
        if any(question.get(key) != value for key, value in model.items()):
            file.unlink()
            continue
        table = pq.read_table(file)
        gold, prediction = table["gold"].to_pylist(), table["prediction"].to_pylist()
        languages[file.stem] = {**metric.of(file.stem)(gold, prediction), "n": len(gold)}
        rows[file.stem] = _digest(table["id"].to_pylist(), gold, question["rows"]["revision"])
        data[file.stem] = question["rows"]
        if THRESHOLD in table.column_names:
            chosen_on = question.get("tuning", question["rows"])
            thresholds[file.stem] = {THRESHOLD: table[THRESHOLD][0].as_py(), "chosen_on": chosen_on}
        raised += of_answers(f"{task.name} {split} {file.stem}", file.stem, gold, prediction)
    for alarm in raised:
        log_once(f"ALARM: {alarm.message}")
    result = {
        "task": task.name,
        "split": split,
        "languages": languages,
        "average": average(languages),
        "missing_languages": [language for language in task.languages if language not in languages],
        "metric": {"name": task.metric, "main": metric.main, "version": metric.version},
        **model,
        "alarms": [alarm._asdict() for alarm in raised],
        "rows": rows,
        "data": data,
        **({"thresholds": thresholds} if thresholds else {}),
    }
    write_json(folder / "metrics.json", result)
    sign(folder)
    return result


def read_metrics(folder: Path) -> dict[str, Any]:
    """Return the metrics that an evaluation left in `folder`."""
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return content


def _digest(ids: list[str], gold: list[Any], revision: str) -> str:
    """Return what tells row sets apart: ids and gold; of a person's own files, whose ids may be mere numbers, all."""
    if revision.startswith("file:"):
        return revision.removeprefix("file:")
    return hashlib.sha256(canonical_json([ids, gold]).encode()).hexdigest()[:16]
