"""Signs that not the model is bad but something is wrong: said aloud, and written beside the scores.

Labels in another order: an accuracy below chance that renaming the predicted labels would put far above it. One answer
to everything, though the right ones differ. An adapter that changes nothing, for all that was trained.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from adapterstilts.methods import method_of
from adapterstilts.store.run import Module, Run

ENOUGH_ROWS = 50  # fewer rows may fall below chance by chance
MOST_LABELS = 8
DEVIATIONS = 3  # of the accuracy of guessing: how far off counts as more than luck
FAR_BETTER = 20.0  # percentage points that other names must gain
FEW_ROWS = 20  # so many equal answers may be luck; gold is held to the same number


class Alarm(NamedTuple):
    """One sign: its kind, the language that it is in ("" for the model as a whole), and what to tell a person."""

    kind: str
    language: str
    message: str


def of_answers(label: str, language: str, gold: Sequence[Any], prediction: Sequence[Any]) -> list[Alarm]:
    """Return the alarms of one language's answers; `label` says to a person which they are.

    `gold` and `prediction` are as the metrics take them: label names, lists of them, texts.
    """
    if one := _only_answer(gold, prediction):
        return [Alarm("one_answer", language, f"{label}: {one}")]
    renamed = _renamed(gold, prediction)
    return [Alarm("labels_renamed", language, f"{label}: {renamed}")] if renamed else []


def of_run(run: Run) -> list[Alarm]:
    """Return the alarms of a run's modules: every one whose last tensors are all zero leaves the encoder as it was."""
    return [
        Alarm("idle_adapter", "", f"{module.folder}: every {method_of(module.method).effect} is zero: it does nothing")
        for module in run.modules
        if _is_idle(module)
    ]


def _only_answer(gold: Sequence[Any], prediction: Sequence[Any]) -> str:
    """Say that all answers are the same; "" where they are not, where they are few, or where they should be."""
    answers = Counter(_flat(prediction))
    if len(prediction) <= FEW_ROWS or len(answers) != 1 or len({str(right) for right in _flat(gold)}) < 2:
        return ""
    [(answer, number)] = answers.items()
    return f"all {number:,} predictions are {answer!r}" if isinstance(answer, str) else ""


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value


def _renamed(gold: Sequence[Any], prediction: Sequence[Any]) -> str:
    """Say what other names of the predicted labels would gain; "" where that is nothing to speak of.

    Three things must come together: the accuracy is below guessing by more than luck (`DEVIATIONS`); with the best
    names it is as far above guessing, and above always giving the commonest label; and `FAR_BETTER` lie between.
    """
    if len(gold) < ENOUGH_ROWS or not all(isinstance(value, str) for value in (*gold, *prediction)):
        return ""
    names = sorted({*gold, *prediction})
    if not 1 < len(names) <= MOST_LABELS:
        return ""
    confusion = _confusion(names, gold, prediction)
    rows, columns = _best_names(confusion)
    share = 100 / len(gold)
    accuracy, best = share * np.trace(confusion), share * confusion[rows, columns].sum()
    chance, common = 100 / len(names), share * confusion.sum(1).max()
    luck = DEVIATIONS * math.sqrt(chance * (100 - chance) / len(gold))
    if accuracy >= chance - luck or best <= max(chance, common) + luck or best < accuracy + FAR_BETTER:
        return ""
    swaps = ", ".join(f"{names[column]!r} for {names[row]!r}" for row, column in zip(rows, columns, strict=True)
                      if row != column)  # fmt: skip
    return (
        f"accuracy {accuracy:.1f}, chance {chance:.1f}, but {best:.1f} if the predictions were read as {swaps}: "
        "labels in another order?"
    )


def _confusion(names: Sequence[str], gold: Sequence[str], prediction: Sequence[str]) -> Any:
    """Return how often each right label (row) was answered by each predicted one (column)."""
    number = {name: index for index, name in enumerate(names)}
    confusion = np.zeros((len(names), len(names)), np.int64)
    np.add.at(confusion, ([number[name] for name in gold], [number[name] for name in prediction]), 1)
    return confusion


def _best_names(confusion: Any) -> tuple[Any, Any]:
    """Return right labels and the predicted ones that would best stand for them, each once."""
    from scipy.optimize import linear_sum_assignment

    found: tuple[Any, Any] = linear_sum_assignment(confusion, maximize=True)
    return found


def _is_idle(module: Module) -> bool:
    """Whether all tensors are zero through which a saved module changes the encoder; of `full` there are none."""
    from safetensors import safe_open

    effect, seen = method_of(module.method).effect, 0
    for file in sorted(module.folder.glob("*.safetensors")) if effect else []:
        with safe_open(file, framework="pt") as tensors:
            for key in sorted(tensors.keys()):
                if effect in key:
                    seen += 1
                    if tensors.get_tensor(key).any():
                        return False
    return seen > 0
