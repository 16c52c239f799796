"""Intermediate-task training with small modules on a frozen multilingual encoder.

Every command of the command line is a function here, under the same name and with the same words. The
import is light: torch is loaded by the first function that needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapterstilts.compose.average import average as average
    from adapterstilts.compose.merge import merge as merge
    from adapterstilts.compose.stack import stack as stack
    from adapterstilts.evaluation.command import evaluate as evaluate
    from adapterstilts.evaluation.command import evaluate_base as evaluate_base
    from adapterstilts.evaluation.library import as_evaluate_metric as as_evaluate_metric
    from adapterstilts.evaluation.library import load_metric as load_metric
    from adapterstilts.evaluation.retention import retention as retention
    from adapterstilts.evaluation.submission.score import score as score
    from adapterstilts.evaluation.unlabelled import predict as predict
    from adapterstilts.exchange.command import export as export
    from adapterstilts.exchange.push import push as push
    from adapterstilts.experiment.study import run_study as run_study
    from adapterstilts.mini.random_base import random_base as random_base
    from adapterstilts.report.compare import compare as compare
    from adapterstilts.report.quickstart import quickstart as quickstart
    from adapterstilts.report.study_report import report_study as report_study
    from adapterstilts.store.run import read_run as read_run
    from adapterstilts.train.command import continue_mlm as continue_mlm
    from adapterstilts.train.command import train_intermediate as train_intermediate
    from adapterstilts.train.command import train_target as train_target
    from adapterstilts.train.fuse import fuse as fuse
    from adapterstilts.train.pretrain import pretrain as pretrain
    from adapterstilts.translation.command import translate as translate

__version__ = "0.1.0"

_HOMES = {
    "as_evaluate_metric": "evaluation.library",
    "average": "compose.average",
    "compare": "report.compare",
    "continue_mlm": "train.command",
    "evaluate": "evaluation.command",
    "evaluate_base": "evaluation.command",
    "export": "exchange.command",
    "fuse": "train.fuse",
    "load_metric": "evaluation.library",
    "merge": "compose.merge",
    "predict": "evaluation.unlabelled",
    "pretrain": "train.pretrain",
    "push": "exchange.push",
    "quickstart": "report.quickstart",
    "random_base": "mini.random_base",
    "read_run": "store.run",
    "report_study": "report.study_report",
    "retention": "evaluation.retention",
    "run_study": "experiment.study",
    "score": "evaluation.submission.score",
    "stack": "compose.stack",
    "train_intermediate": "train.command",
    "train_target": "train.command",
    "translate": "translation.command",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'adapterstilts' has no attribute {name!r}")
    return getattr(importlib.import_module(f"adapterstilts.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
