"""What a study has come to: frames for statistics and reports, with holes where there is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

CELL = ("base", "variant", "method", "way", "target")


@dataclass(frozen=True)
class Results:
    """The results of a study, finished or not. Scores are percentages, times seconds, sizes bytes.

    A cell is one place of the grid: a base, a variant (a point on the recipe's further axes, "" where it has none), a
    method, a way to prepare the encoder, a target (the columns `CELL`). All frames have these columns, and `seed`,
    unless said otherwise.

    - `scores`: language, score (of the task's main metric), metric, taught (whether labelled rows in this language were
      trained on), kind ("test"), folder (of the predictions: `predictions/<language>.parquet` in it).
    - `dev`: score: what the kept checkpoint has on the first dev rows of the source language. No retrieval.
    - `costs` (of targets that are trained; where none is, of all): trained (parameters of the module), bytes (of the
      module), train_s (with all runs before it), search_s (of runs that were tried and not chosen, in equal shares on
      the seeds that profit), peak_memory_bytes, examples.
    - `retained` (no target): task, language, now, alone.
    - `layers`: layer, score (mean over languages), of retrieval targets.
    - `chosen` (target "": an intermediate task's training): step (what was chosen for: a label), key, value, score,
      kept (whether it is the one).
    - `holes`: why (a failure's first line, or "not run").

    `baseline`: the way that differences are to. `reference`: the method that others are held against; None: there is no
    other. `zero_shot`: by target the languages that no cell of it was taught in. `same_rows`: (way, target) pairs whose
    intermediate task is the target's own training data. `certificates`: by way and method one composition's
    certificate. `configurations`: by way and method the settings, dotted. `controls`: ways without an intermediate task
    that are trained as long as another. `about`, `name` and `command` are of the recipe.
    """

    name: str
    about: str
    command: str
    folder: Path
    baseline: str
    reference: str | None
    ways: tuple[str, ...]
    methods: tuple[str, ...]
    targets: tuple[str, ...]
    seeds: tuple[int, ...]
    scores: pd.DataFrame
    dev: pd.DataFrame
    costs: pd.DataFrame
    retained: pd.DataFrame
    layers: pd.DataFrame
    chosen: pd.DataFrame
    holes: pd.DataFrame
    zero_shot: Mapping[str, tuple[str, ...]]
    same_rows: frozenset[tuple[str, str]]
    certificates: Mapping[tuple[str, str], Mapping[str, Any]]
    configurations: Mapping[tuple[str, str], Mapping[str, Any]]
    environment: Mapping[str, str]
    controls: frozenset[str] = frozenset()
