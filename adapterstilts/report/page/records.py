"""What the study was made with: certificates, settings, versions, what is missing, and how to make it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from adapterstilts.report.page import _words
from adapterstilts.report.page._blocks import (
    Block,
    Cell,
    Code,
    Facts,
    Fold,
    Grid,
    Row,
    Section,
    Words,
    line,
    number,
    word,
)
from adapterstilts.report.page._study import Study
from adapterstilts.report.page._words import figure, lines_of

Settings = Mapping[str, Any]

_SHORT, _LONGEST = 20, 120


def certificates(study: Study) -> Section:
    """Show what every composition is made of, and how its checks came out."""
    reading = (
        "A composition says what it computes and from which members; each check stands beside what it was allowed, and "
        "a composition that fails one is never written."
    )
    found = study.results.certificates
    blocks = [_certificate(f"{way}, {method}", one) for (way, method), one in found.items()]
    return Section(
        "certificates", "Certificates of compositions", reading, blocks or [line("Nothing is composed here.")]
    )


def _certificate(name: str, certificate: Settings) -> Fold:
    members = [str(PurePath(one.get("path", "")).name) for one in certificate.get("members", ())]
    kind, checks = certificate.get("kind", "composition"), certificate.get("checks", {})
    held = sum(_is_held(one) for one in checks.values())
    counted = _words.counted(len(checks), "check")
    title = f"{name}: {kind} of {_words.counted(len(members), 'member')}, {held} of {counted} held"
    facts = [("how", certificate.get("how")), ("formula", certificate.get("formula"))]
    facts += [("source", certificate.get("source")), ("rank", certificate.get("rank"))]
    facts += [("probe", _probe(certificate.get("probe")))]
    pairs = [(key, str(value)) for key, value in [*facts, *certificate.get("settings", {}).items()] if value]
    blocks: list[Block] = [Facts(pairs), _members(name, certificate), _checks(name, checks)]
    return Fold(title, blocks)


def _probe(probe: Settings | None) -> str:
    return f"{'made' if probe.get('done') else 'not made'}: {probe.get('what')}" if probe else ""


def _is_held(check: Settings) -> bool:
    largest, allowed = figure(check, "largest"), figure(check, "allowed")
    return largest is not None and allowed is not None and largest <= allowed


def _members(name: str, certificate: Settings) -> Grid:
    made = []
    for one in certificate.get("members", ()):
        names = [PurePath(one.get("path", "")).name, " ".join(one.get("tasks", ())), " + ".join(one.get("modules", ()))]
        weight = figure(one, "weight")
        written = "" if weight is None else f"{weight:.3g}"
        made.append(Row([*map(word, names), number(written, weight), word(str(one.get("digest", "")))]))
    return Grid(f"Members of {name}", ["member", "tasks", "method", "weight", "digest"], made)


def _checks(name: str, checks: Settings) -> Grid:
    made = []
    for check, one in checks.items():
        largest, allowed = figure(one, "largest"), figure(one, "allowed")
        figures = [number(f"{value:.3g}" if value is not None else "", value) for value in (largest, allowed)]
        made.append(Row([word(check), *figures]))
    return Grid(f"Checks of {name}", ["check", "largest figure", "allowed"], made)


def configuration(study: Study) -> Section:
    """Show in which settings methods and ways differ, and what is the same everywhere."""
    reading = "Only settings that differ are shown; – means that there is no such setting there."
    found = study.results.configurations
    if not found:
        return Section("configuration", "Differences in settings", reading, [line("No settings are recorded.")])
    blocks = _between_methods(study) + _between_ways(study)
    same = [(key, values[0]) for key, values in _valued(found).items() if len(set(values)) == 1]
    blocks.append(Fold(f"{_words.counted(len(same), 'setting')} the same everywhere", [Facts(same)]))
    return Section("configuration", "Differences in settings", reading, blocks)


def _between_methods(study: Study) -> list[Block]:
    """Return a table of what differs between methods, on the baseline."""
    baseline, found = study.results.baseline, study.results.configurations
    methods = {method: found[key] for method in study.results.methods if (key := (baseline, method)) in found}
    return _differing(f"Between methods, on “{baseline}”", methods)


def _between_ways(study: Study) -> list[Block]:
    """Return tables of what ways set otherwise than the baseline; methods of which the same can be said share one."""
    baseline, found = study.results.baseline, study.results.configurations
    tables: dict[tuple[tuple[str, str, str, str], ...], list[str]] = {}
    for method in study.results.methods:
        start = found.get((baseline, method))
        ways = [way for way in study.new_ways if (way, method) in found]
        if start is not None and ways:
            lines = [(way, *one) for way in ways for one in _changes(start, found[way, method])]
            tables.setdefault(tuple(lines), []).append(method)
    return [_changed(study, methods, lines) for lines, methods in tables.items()]


def _changes(start: Settings, settings: Settings) -> list[tuple[str, str, str]]:
    """Return setting, value before and value now of all that differ."""
    return [(key, before, now) for key, (before, now) in _differences({"before": start, "now": settings}).items()]


def _changed(study: Study, methods: list[str], lines: tuple[tuple[str, str, str, str], ...]) -> Block:
    baseline, home = study.results.baseline, f"{study.results.folder}/"
    title = f"Between “{baseline}” and other ways, with {', '.join(methods)}"
    if not lines:
        return line(f"{title}: the same settings.")
    made = [Row([word(way), word(key), *(_value(text, home) for text in values)]) for way, key, *values in lines]
    grid = Grid(", ".join(methods), ["way", "setting", baseline, "here"], made)
    return Fold(title, [grid], open=len(made) <= _SHORT)


def _value(text: str, home: str) -> Cell:
    """Make the place of a setting: of a long one the ends, without the folder that the study lies in."""
    short = _words.shortened(text.replace(home, ""), _LONGEST)
    return Cell(short, short, style="value")


def _valued(many: Mapping[Any, Settings]) -> dict[str, list[str]]:
    """Return, by setting, how it is written in each of many configurations."""
    keys = sorted({key for one in many.values() for key in one})
    return {key: [_written(one[key]) if key in one else _words.NONE for one in many.values()] for key in keys}


def _differences(named: Mapping[str, Settings]) -> dict[str, list[str]]:
    return {key: values for key, values in _valued(named).items() if len(set(values)) > 1}


def _differing(title: str, named: Mapping[str, Settings]) -> list[Block]:
    """Return a table of the settings that differ; nothing where there is nothing to compare."""
    if len(named) < 2:
        return []
    made = [Row([word(key), *map(word, values)]) for key, values in _differences(named).items()]
    return [Grid(title, ["setting", *named], made) if made else line(f"{title}: the same settings.")]


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def environment(study: Study) -> Section:
    """Show the versions and the machine."""
    pairs = [(key, str(value)) for key, value in study.results.environment.items()]
    blocks: list[Block] = [Facts(pairs)] if pairs else [line("Nothing is recorded of the environment.")]
    return Section("environment", "Environment", "What the runs were made with.", blocks)


def holes(study: Study) -> Section:
    """List every run that is missing, with its reason."""
    reading = "A row is a place of the grid that lacks runs, with the reason; a failure is told by its first line."
    frame = study.results.holes
    if frame.empty:
        return Section("holes", "Holes", reading, [line("None: every run of the study is there.")])
    columns = [*(("base", "variant") if len(study.groups) > 1 else ()), "method", "way", "target"]
    seeds: dict[tuple[str, ...], list[str]] = {}
    for one in lines_of(frame):
        place = tuple(str(one.get(column, "")) for column in (*columns, "why"))
        seeds.setdefault(place, []).append(str(one["seed"]))
    made = [
        Row([*map(word, place), word(", ".join(some)), Cell(why, why, style="value")])
        for (*place, why), some in seeds.items()
    ]
    summary = f"{_words.counted(len(frame), 'run')} missing; “adapterstilts status” says what to do about them."
    grid = Grid("Missing runs", [*columns, "seeds", "why"], made)
    return Section("holes", "Holes", reading, [Words([summary]), grid])


def command(study: Study) -> Section:
    """Show how to make all of it again."""
    reading = "Run where the recipe lies; what is done already is not done again."
    return Section("command", "Make it again", reading, [Code(study.results.command)])
