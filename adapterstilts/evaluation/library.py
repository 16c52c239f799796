"""Our scores behind the interface of Hugging Face's `evaluate`, without its download of code.

For those who score elsewhere (a Trainer's `compute_metrics`, say) and want the same numbers.
"""

from __future__ import annotations

from typing import Any

from adapterstilts.data.own import find_task
from adapterstilts.errors import UserError
from adapterstilts.metrics import Metric, metrics


def as_evaluate_metric(task: str, language: str | None = None) -> Any:
    """Return `load_metric` of a task's metric."""
    return load_metric(find_task(task).metric, language)


def load_metric(name: str, language: str | None = None) -> Any:
    """Return an `evaluate.Metric` with `add_batch` and `compute(predictions=, references=)` that gives our scores.

    Predictions and references are label names or texts, one a row; for tagging both are a list a row, for spans
    the references are (all right answers). Percentages. `language` is for a metric with other rules in every
    language (mlqa), and without it such a metric is a UserError. Nothing is downloaded or written.
    """
    metric = metrics.get(name)
    if metric.languages and language is None:
        raise UserError(
            f"metric {name} has rules of its own for each language", fix=f"name one of: {', '.join(metric.languages)}"
        )
    score = metric.of(language or "en")

    import evaluate

    class OwnMetric(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types: a base class of Any
        def _info(self) -> Any:
            about = f"adapterstilts, metric {name} version {metric.version}"
            return evaluate.MetricInfo(description=about, citation="", features=_features(metric))

        def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
            return score(references, predictions)

    return OwnMetric(experiment_id=name, keep_in_memory=True)


def _features(metric: Metric) -> Any:
    """Return what `evaluate` checks its input by."""
    import datasets

    gold, prediction = datasets.Value("string"), datasets.Value(metric.predicted)
    return datasets.Features(
        {
            "predictions": datasets.Sequence(prediction) if "prediction" in metric.lists else prediction,
            "references": datasets.Sequence(gold) if "gold" in metric.lists else gold,
        }
    )
