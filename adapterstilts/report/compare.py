"""`compare`: runs side by side, scores and costs, where laying them side by side is fair.

Runs scored on other rows, another split or another metric version are refused. Another precision or another
training budget is allowed and marked: comparing those is often the point.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from adapterstilts.errors import UserError
from adapterstilts.evaluation.conditions import adapters_in_words, in_words
from adapterstilts.evaluation.files import read_metrics
from adapterstilts.metrics import average
from adapterstilts.report.comparison import AVERAGE, Comparison, titled
from adapterstilts.report.tables import amount
from adapterstilts.store.run import Run, read_run


def compare(runs: Sequence[Run | str | Path], *, baseline: Run | str | Path | None = None) -> Comparison:
    """Compare finished runs; differences are to `baseline` (None: the first run).

    Averages are over the languages that all runs of a task were scored on. Raises UserError for runs that
    were not evaluated, or whose scores are of other rows, splits or metric versions.
    """
    opened = _distinct([run if isinstance(run, Run) else read_run(run) for run in runs])
    first = _name_of(opened, baseline) if baseline else next(iter(opened))
    evaluated = {name: _metrics(run) for name, run in opened.items()}
    scores: list[dict[str, Any]] = []
    notes: list[str] = []
    for task in sorted({task for many in evaluated.values() for task, _ in many}):
        shared = {name: {part: m for (t, part), m in many.items() if t == task} for name, many in evaluated.items()}
        scores += _compare_task(task, {name: many for name, many in shared.items() if many}, first, notes)
    import pandas as pd

    notes += _marks(opened, first)
    frame = pd.DataFrame(scores).astype({"layer": "Int64"})  # whole numbers, and none where there is no layer
    costs, notes = pd.DataFrame(_costs(opened)), list(dict.fromkeys(notes))
    return Comparison(list(opened), first, frame, costs, notes, all_differences=baseline is not None)


def _compare_task(
    task: str, runs: dict[str, dict[Part, dict[str, Any]]], baseline: str, notes: list[str]
) -> list[dict[str, Any]]:
    parts = sorted(
        set.intersection(*(set(many) for many in runs.values())), key=lambda part: (part.title, part.layer or 0)
    )
    if not parts:
        places = "; ".join(f"{name}: {', '.join(map(str, many))}" for name, many in runs.items())
        raise UserError(
            f"the runs were scored on different splits or layers of {task}, or under different conditions",
            where=places,
            fix="evaluate all on one --split (and --layer, --pairs, --noise, --language-adapter)",
        )
    rows = []
    for part in parts:
        metrics = {name: many[part] for name, many in runs.items()}
        common = _common_languages(task, part, metrics, notes)
        main = next(iter(metrics.values()))["metric"]["main"]
        reference = _by_language(metrics[baseline], common) if baseline in metrics else {}
        for name, found in metrics.items():
            for language, values in _by_language(found, common).items():
                for metric, score in values.items():
                    before = reference.get(language, {}).get(metric)
                    difference = None if before is None or name == baseline else score - before
                    rows.append({"run": name, "task": task, "split": part.split, "layer": part.layer,
                                 "conditions": part.conditions, "language": language, "metric": metric,
                                 "main": main, "score": score, "difference": difference})  # fmt: skip
    return rows


def _by_language(metrics: dict[str, Any], common: list[str]) -> dict[str, dict[str, float]]:
    languages = {language: dict(metrics["languages"][language]) for language in common}
    for values in languages.values():
        values.pop("n")
    return {**languages, AVERAGE: average(languages)}


def _common_languages(task: str, part: Part, metrics: dict[str, dict[str, Any]], notes: list[str]) -> list[str]:
    """Return the languages that all runs were scored on, once their rows and metric are the same."""
    (first, one), *others = metrics.items()
    label = f"{task} {part}"
    for name, other in others:
        if other["metric"] != one["metric"]:
            raise UserError(
                f"{first} and {name} were scored on {label} by other metric versions",
                where=f"{one['metric']} and {other['metric']}",
                fix="evaluate both again",
            )
        both = set(one["languages"]) & set(other["languages"])
        differ = sorted(language for language in both if one["rows"][language] != other["rows"][language])
        if differ:
            raise UserError(
                f"{first} and {name} were scored on other rows of {label} ({', '.join(differ)})",
                where=f"{one['data'][differ[0]]['revision']} and {other['data'][differ[0]]['revision']}",
                fix="evaluate both again on the same data",
            )
    common = sorted(set.intersection(*(set(found["languages"]) for found in metrics.values())))
    if not common:
        raise UserError(f"the runs share no language of {label}", fix="evaluate all on the same --languages")
    partly = sorted({language for found in metrics.values() for language in found["languages"]} - set(common))
    if partly:
        notes.append(f"{task} {part.title}: left out, not scored for every run: {', '.join(partly)}")
    absent = sorted(set.intersection(*(set(found["missing_languages"]) for found in metrics.values())))
    if absent:
        notes.append(f"{task} {part.title}: {len(absent)} of the task's languages are not scored; not the full average")
    notes += _ways(f"{task} {part.title}", metrics)
    return common


def _ways(label: str, metrics: dict[str, dict[str, Any]]) -> list[str]:
    """Say in what runs differ: source languages, heads that answer; which were chosen on test rows; all alarms."""
    sources = {name: " ".join(found.get("source_languages", [])) for name, found in metrics.items()}
    heads = {name: found["head"] for name, found in metrics.items() if "head" in found}
    chosen = [name for name, found in metrics.items() if found.get("select_on") == "xtreme"]
    notes = []
    if len({one for one in sources.values() if one}) > 1:
        learned = ", ".join(f"{name}: {one}" for name, one in sources.items() if one)
        notes.append(f"{label}: other source languages, so other languages are zero-shot: {learned}")
    if len(set(heads.values())) > 1:
        notes.append(f"{label}: other heads answer: {', '.join(f'{name}: {head}' for name, head in heads.items())}")
    adapters = {name: adapters_in_words(found) for name, found in metrics.items()}
    if len(set(adapters.values())) > 1:
        notes.append(f"{label}: other adapters: {', '.join(f'{name}: {one}' for name, one in adapters.items())}")
    if chosen:
        notes.append(f"{label}: checkpoints chosen on XTREME's English test rows: {', '.join(chosen)}")
    alarms = {name: [alarm["message"] for alarm in found.get("alarms", [])] for name, found in metrics.items()}
    return [*notes, *(f"{label}: ALARM in {name}: {text}" for name, texts in alarms.items() for text in texts)]


def _marks(runs: dict[str, Run], baseline: str) -> list[str]:
    """Say which runs differ from the baseline in precision or in training budget."""
    precision = {name: run.record.config["precision"] for name, run in runs.items()}
    seen = {name: run.record.budget.examples_with_parents for name, run in runs.items()}
    others = [name for name in runs if name != baseline]
    rounded = [f"{name}: trained in {precision[name]}, {baseline} in {precision[baseline]}"
               for name in others if precision[name] != precision[baseline]]  # fmt: skip
    unlike = [f"{name} {amount(seen[name])}" for name in others if seen[name] != seen[baseline]]
    budgets = [f"other training budgets than {baseline}'s {amount(seen[baseline])} examples: {', '.join(unlike)}"]
    return [*rounded, *(budgets if unlike else [])]


def _costs(runs: dict[str, Run]) -> list[dict[str, Any]]:
    rows = []
    for name, run in runs.items():
        record, cost = run.record, run.record.cost
        rows.append(
            {
                "run": name,
                "method": run.method,
                "precision": record.config["precision"],
                "source_languages": " ".join(run.source_languages) or "-",
                "trained_in_adapter": cost.trainable_params.adapter,
                "trained_in_heads": cost.trainable_params.heads,
                "adapter_bytes": cost.adapter_bytes,
                "examples_planned": record.budget.examples,
                "train_s": cost.train_s,
                "train_s_with_parents": record.budget.train_s_with_parents,
                "tokens_per_s": cost.tokens / cost.train_s if cost.train_s else 0.0,
                "padding_share": 1 - cost.tokens / cost.padded_tokens if cost.padded_tokens else 0.0,
                "peak_memory_bytes": cost.peak_memory_bytes,
            }
        )
    return rows


class Part(NamedTuple):
    """One evaluation of a task: its split, of retrieval its layer, and what was done to the rows ("": nothing)."""

    split: str
    layer: int | None
    conditions: str

    def __str__(self) -> str:
        return self.title if self.layer is None else f"{self.title} layer {self.layer}"

    @property
    def title(self) -> str:
        """What a table of it is called after the task."""
        return titled(self.split, self.conditions)


def _metrics(run: Run) -> dict[tuple[str, Part], dict[str, Any]]:
    folders = sorted(file.parent for file in (run.path / "eval").glob("*/metrics.json"))
    if not folders:
        raise UserError(
            f"{run.path} has not been evaluated",
            fix=f"run: adapterstilts evaluate {run.path} --task {' --task '.join(run.heads)}",
        )
    found = [read_metrics(folder) for folder in folders]
    parts = [(metrics["task"], _part(metrics)) for metrics in found]
    return {
        (task, _part(metrics, exactly=parts.count((task, part)) > 1)): metrics
        for (task, part), metrics in zip(parts, found, strict=True)
    }


def _part(metrics: dict[str, Any], exactly: bool = False) -> Part:
    """Name an evaluation; `exactly` also says which adapters were swapped in, as a run may be scored with several."""
    which = adapters_in_words(metrics) if exactly else ""
    return Part(metrics["split"], metrics.get("layer"), in_words(metrics) + (f" ({which})" if which else ""))


def _distinct(runs: Sequence[Run]) -> dict[str, Run]:
    """Name runs by their folder; where folders share a name, by the parts of their paths that differ."""
    paths = [Path(os.path.abspath(run.path)) for run in runs]  # noqa: PTH100 - a link's own name, not its aim's
    alike = [{other for other in paths if other.name == path.name} for path in paths]
    names = [path.name if len(some) == 1 else _apart(path, some) for path, some in zip(paths, alike, strict=True)]
    unique = names if len(set(names)) == len(set(paths)) else list(map(str, paths))
    return dict(zip(unique, runs, strict=True))


def _apart(path: Path, paths: Collection[Path]) -> str:
    """Return a path without the beginning and the end that it has in common with all others."""
    parts = [one.parts for one in paths]
    shortest = min(map(len, parts))
    begin = next((place for place in range(shortest) if len({one[place] for one in parts}) > 1), shortest)
    end = next((place for place in range(shortest) if len({one[-1 - place] for one in parts}) > 1), 0)
    return "/".join(path.parts[begin : len(path.parts) - end]) or path.name


def _name_of(runs: dict[str, Run], wanted: Run | str | Path) -> str:
    path = (wanted.path if isinstance(wanted, Run) else Path(wanted)).resolve()
    for name, run in runs.items():
        if run.path.resolve() == path:
            return name
    raise UserError(f"the baseline {wanted} is not among the runs", fix=f"choose one of: {', '.join(runs)}")
