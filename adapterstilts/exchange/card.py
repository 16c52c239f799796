"""The model card: README.md with the Hub's front matter, every number of it from the run's records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from adapterstilts.exchange.classes import task_class
from adapterstilts.exchange.lineage import Lineage, lineage_of, scores_of
from adapterstilts.exchange.names import hub_id, public_base
from adapterstilts.exchange.source import Source
from adapterstilts.exchange.targets import Target
from adapterstilts.store.run import Run

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_MARK = "---\n"


def card(source: Source, target: Target, record: Mapping[str, Any]) -> str:
    """Return the model card of an export: front matter, how to load it, scores, training, data and their licences."""
    lineage = lineage_of(source.run, source.member.name)
    scores = scores_of(source.run, source.head.name if source.head else None) if source.run else []
    front = yaml.safe_dump(_front(source, target, lineage, scores), sort_keys=False, allow_unicode=True)
    sections = [
        f"{_MARK}{front}{_MARK}",
        *_opening(source, target, record),
        *_scored(source, scores),
        *_trained(source.run),
        *_data(lineage),
    ]
    return "\n".join(sections) + "\n"


def front_matter(text: str) -> dict[str, Any]:
    """Return the front matter of a card; empty where there is none that can be read."""
    parts = text.split(_MARK, 2)
    if len(parts) != 3 or parts[0]:
        return {}
    try:
        found = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def _front(source: Source, target: Target, lineage: Lineage, scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    base = hub_id(source.base.name)
    real = [rows for rows in lineage.rows if rows.task and not rows.embedded]
    spoken = {rows.language for rows in lineage.rows} | {one for result in scores for one in result["languages"]}
    front: dict[str, Any] = {"library_name": target.library}
    if base:
        front["base_model"] = base
    front |= {
        "license": "other",
        "license_name": "non-commercial-data" if lineage.forbidding else "licences-of-the-data",
        "datasets": sorted({rows.repo for rows in real if "/" in rows.repo}),
        "language": sorted(one for one in spoken if _LANGUAGE.fullmatch(one)),
        "tags": ["adapterstilts", "cross-lingual-transfer", *sorted(set(source.kinds or ["full"]))],
    }
    if source.head:
        front["pipeline_tag"] = task_class(source.head).pipeline
    return {key: value for key, value in front.items() if value != []}


def _opening(source: Source, target: Target, record: Mapping[str, Any]) -> Iterator[str]:
    base, check = record["base"], record["check"]
    what = f"The run `{source.run.name}` ({source.run.phase})" if source.run else f"The adapter `{source.member.name}`"
    head = f", with its head for `{source.head.name}`" if source.head else ""
    modules = " + ".join(source.kinds) or "full fine-tuning"
    place = "" if hub_id(source.base.name) else " (a folder on the machine that trained it)"
    yield f"# {source.member.name}\n"
    yield f"{what} of adapterstilts, as a folder of {record['to']}{head}."
    yield f"Method: {modules}. Base: {public_base(source.base.name)}{place}, fingerprint `{base['fingerprint']}`.\n"
    usage = target.usage(source).replace('"BASE"', f'"{hub_id(source.base.name) or "BASE"}"')
    yield f"```python\n{usage}\n```\n"
    probed = "" if check["compared"] == "tensors" else " on probe inputs"
    yield (
        f"Before it was kept, the folder was loaded again by {check['loader']}; its {check['compared']}{probed} "
        f"lie within {check['largest']:.2g} of what it was made of (allowed: {check['allowed']:.0e})."
    )
    if source.head and source.head.record.labels:
        yield f"\nLabels, in the order of the outputs: {', '.join(source.head.record.labels)}."
    if "conversion" in record:
        one = record["conversion"]
        lost = one["truncation"]
        yield (
            f"\nIt was a DoRA, and is the nearest LoRA of rank {one['rank']}: {lost['whole']:.3g} of its update's norm "
            f"was lost, {lost['largest']:.3g} in the worst layer."
        )


def _scored(source: Source, scores: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "\n## Scores\n"
    if not scores:
        yield "It was not evaluated."
        return
    trained = source.run.source_languages if source.run else []
    yield "| evaluation | language | metric | score | rows |\n| :-- | :-- | :-- | --: | --: |"
    for result in scores:
        main = result["metric"]["main"]
        for language, found in result["languages"].items():
            seen = " (trained on)" if language in trained else ""
            yield f"| {result['folder']} | {language}{seen} | {main} | {found[main]:.2f} | {found['n']} |"
        count, mean = len(result["languages"]), result["average"][main]
        if count > 1:
            yield f"| {result['folder']} | mean of {count} | {main} | {mean:.2f} | |"
    alarms = sum(len(result.get("alarms", [])) for result in scores)
    if alarms:
        yield f"\nThe evaluations raised {alarms} alarm(s), which `metrics.json` of the run names."


def _trained(run: Run | None) -> Iterator[str]:
    if run is None:
        return
    budget, cost, config = run.record.budget, run.record.cost, run.record.config
    settings = ", ".join(
        f"{key} {_plain(value)}" for key, value in config["method"].items() if key != "name" and value is not None
    )
    yield "\n## Training\n"
    yield f"- settings of the method: {settings}"
    yield (
        f"- steps: {budget.steps}; examples: {budget.examples}, with the runs before it: {budget.examples_with_parents}"
    )
    yield (
        f"- trained parameters: {cost.trainable_params.adapter} and {cost.trainable_params.heads} in heads; "
        f"seconds of training, with the runs before it: {budget.train_s_with_parents:.0f}"
    )
    yield f"- seed: {run.record.seed}; languages of labelled rows: {', '.join(run.source_languages) or 'none'}"


def _data(lineage: Lineage) -> Iterator[str]:
    yield "\n## Data and licences\n"
    if lineage.rows:
        yield "| run | task | data set | language | rows | licence |\n| :-- | :-- | :-- | :-- | --: | :-- |"
    for rows in lineage.rows:
        shown = rows.repo if rows.task else "own data"
        language = f"{rows.language} (machine-translated)" if rows.translated else rows.language
        yield f"| {rows.run} | {rows.name} | {shown} | {language} | {rows.count} | {rows.licence} |"
    if lineage.rows:
        yield ""
    if lineage.forbidding:
        names = ", ".join(sorted({rows.name for rows in lineage.forbidding}))
        yield f"**NON-COMMERCIAL**: the licence of data that it was trained on forbids commercial use: {names}."
    if lineage.unsure:
        yield (
            f"**Not known**: the data or their licences of {', '.join(lineage.unsure)}. Commercial use cannot be "
            "taken for granted."
        )
    if lineage.rows and not lineage.forbidding and not lineage.unsure:
        yield "As the tasks state them, these licences do not forbid commercial use; that is no legal advice."
    if any(rows.embedded for rows in lineage.rows):
        yield "\nIt has learned from a small generated world alone: a demonstration, no evidence about any language."


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
