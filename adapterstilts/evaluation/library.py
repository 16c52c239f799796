"""Our scores behind the interface of Hugging Face's `evaluate`, without its download of code.

For those who score elsewhere (a Trainer's `compute_metrics`, say) and want the same numbers.
"""

from __future__ import annotations

from typing import Any

from adapterstilts.metrics import metrics
from adapterstilts.tasks import tasks


def as_evaluate_metric(task: str) -> Any:
    """Return an `evaluate.Metric` whose `compute(predictions=, references=)` gives the task's scores.

    Predictions and references are label names or texts, one a row; for tagging both are a list a row, for spans
    the references are (all right answers). Percentages.
    """
    import datasets
    import evaluate

    declared = tasks.get(task)
    metric = metrics.get(declared.metric)
    name = datasets.Value("string")
    prediction, gold = (datasets.Sequence(name) if side in metric.lists else name for side in ("prediction", "gold"))

    class TaskMetric(evaluate.Metric):  # type: ignore[misc]
        def _info(self) -> Any:
            features = datasets.Features({"predictions": prediction, "references": gold})
            about = f"adapterstilts, task {task}, metric {declared.metric} version {metric.version}"
            return evaluate.MetricInfo(description=about, citation=declared.source, features=features)

        def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
            return metric.score(references, predictions)

    return TaskMetric(experiment_id=f"{task}-{declared.metric}")
