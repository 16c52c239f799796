"""The scores of one evaluation, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapterstilts.evaluation.answers import Evaluation
from adapterstilts.evaluation.conditions import in_words
from adapterstilts.evaluation.retention import FOLDER, Kept, Retention
from adapterstilts.report.tables import Table

_RETAINED = {"alone": ".2f", "now": ".2f", "difference": "+.2f"}


def score_tables(evaluations: Sequence[Evaluation]) -> list[Table]:
    """Return a table an evaluation; of a sweep over layers, one table with a row a layer instead."""
    swept = [one for one in evaluations if "layer" in one.metrics]
    names = [one.metrics["task"] for one in swept]
    alone = [one for one in evaluations if one not in swept or names.count(one.metrics["task"]) == 1]
    sweeps = [[one for one in swept if one.metrics["task"] == name] for name in dict.fromkeys(names)]
    return [*map(score_table, alone), *(_sweep_table(many) for many in sweeps if len(many) > 1)]


def score_table(evaluation: Evaluation) -> Table:
    """Return one row a language and the plain mean over languages."""
    metrics = evaluation.metrics
    names = list(metrics["average"])
    rows = [
        [language, *(f"{scores[name]:.2f}" for name in names), f"{scores['n']:,}"]
        for language, scores in metrics["languages"].items()
    ]
    rows.append(["average", *(f"{metrics['average'][name]:.2f}" for name in names), ""])
    layer = f", layer {metrics['layer']}" if "layer" in metrics else ""
    return Table(
        f"{_what(metrics)}{layer}" + ("" if "loss" in names else " (percent)"),
        ["language", *names, "rows"],
        rows,
        [*_thresholds(metrics), *_notes(evaluation)],
    )


def _what(metrics: Mapping[str, Any]) -> str:
    """Name the rows that were scored, and the conditions where they are not the task's own."""
    return ", ".join(filter(None, [f"{metrics['task']} {metrics['split']}", in_words(metrics)]))


def _thresholds(metrics: Mapping[str, Any]) -> list[str]:
    found = [f"{language} {one['threshold']:.4f}" for language, one in metrics.get("thresholds", {}).items()]
    return [f"the margin that a pair had to reach, chosen on dev gold: {', '.join(found)}"] if found else []


def _notes(evaluation: Evaluation) -> list[str]:
    metrics = evaluation.metrics
    missing, head = metrics["missing_languages"], metrics.get("head", metrics["task"])
    notes = [f"not scored, so this is not the task's full average: {' '.join(missing)}"] if missing else []
    absent = [one for one in sorted({*missing, *metrics["languages"]}) if one not in metrics.get("pool", {one})]
    if absent:
        notes.append(f"ranked in a pool without {' '.join(absent)}, which is easier than that of all languages")
    if head != metrics["task"]:
        notes.append(f"answered by the head for {head}")
    if sources := metrics.get("source_languages"):
        notes.append(f"zero-shot except in what it was trained on: {' '.join(sources)}")
    if "loss" in metrics["average"]:
        notes.append("accuracy: percent of the hidden tokens; loss: nats a hidden token; perplexity: its exponential")
    if "head_from" in metrics:
        notes.append(f"hidden tokens are guessed by the LM head of {metrics['head_from']}")
    if metrics["select_on"] == "xtreme":
        notes.append("the checkpoint was chosen on XTREME's English test rows")
    notes += [f"ALARM: {alarm['message']}" for alarm in metrics["alarms"]]
    return [*notes, f"predictions and scores: {evaluation.path}"]


def _sweep_table(many: Sequence[Evaluation]) -> Table:
    """Return the main score by layer and language."""
    first = many[0].metrics
    main, languages = first["metric"]["main"], list(first["languages"])
    rows = [
        [
            str(one.metrics["layer"]),
            *(f"{one.metrics['languages'][language][main]:.2f}" for language in languages),
            f"{one.metrics['average'][main]:.2f}",
        ]
        for one in many
    ]
    notes = [*_notes(many[0])[:-1], f"predictions and scores: {many[0].path.parent}"]
    title = f"{_what(first)}, {main} by layer (percent)"
    return Table(title, ["layer", *languages, "average"], rows, notes)


def retention_table(found: Retention) -> Table:
    """Return one row a task and language, beside what its own run scores; below, what could not be asked."""
    rows = [row for kept in found.kept for row in _kept_rows(kept)]
    languages = {language for kept in found.kept for language in kept.languages}
    notes = [f"rows: dev, in {' '.join(sorted(languages))}; alone: the run that learned the task, by itself"]
    notes += [f"{_task_of(one)} is answered by the head kept in {one.holder.path}" for one in found.kept]
    notes += [f"NOT SCORED: {hole.path}{hole.task and f', {hole.task}'}: {hole.why}" for hole in found.holes]
    headings = ["task", "learned by", "metric", *_RETAINED, "rows"]
    title = f"what {found.run.path} still knows (percent)"
    return Table(title, headings, rows, [*notes, f"predictions and scores: {found.run.path / FOLDER}"])


def _kept_rows(kept: Kept) -> list[list[str]]:
    """Return a row a language and, of several, their mean."""
    scores, metrics = kept.scores(), kept.now.metrics
    if len(kept.languages) == 1:
        scores.pop("average")
    about = [kept.member.name, metrics["metric"]["main"]]
    return [
        [f"{metrics['task']} {language}", *about, *(format(one[key], form) for key, form in _RETAINED.items()),
         f"{metrics['languages'][language]['n']:,}" if language in metrics["languages"] else ""]
        for language, one in scores.items()
    ]  # fmt: skip


def _task_of(kept: Kept) -> str:
    return f"{kept.now.metrics['task']} of {kept.member.name}"
