"""What the study asks, what was run, what came out, and what must be known before it is believed."""

from __future__ import annotations

from collections import Counter
from statistics import fmean, median

from adapterstilts.report.page import _words
from adapterstilts.report.page._blocks import Block, Cell, Grid, Row, Section, Words, number, word
from adapterstilts.report.page._study import ENOUGH_SEEDS, Group, Study
from adapterstilts.report.page._words import Line, counted, figure, share, shortened, signed, spanned

_TOLD = 3


def headline(study: Study) -> Section:
    """Say it all in a few sentences and one table."""
    results = study.results
    reading = (
        f"Differences are in points of each target's main score, to “{results.baseline}” with the same method, "
        "on languages that no labelled row was taught in; a cell is a way on a target, and clear is a difference whose "
        "interval excludes 0 after Holm's correction."
    )
    findings = [one for group, method in study.places() for one in _finding(study, group, method)]
    findings += [
        one for group in study.groups for method in study.others for one in _held_against(study, group, method)
    ]
    blocks: list[Block] = [
        Words([_what_was_run(study)]),
        *([Words(warned, "warning")] if (warned := warnings(study)) else []),
        Words(findings or ["Nothing is scored yet, so there is nothing to say."], "findings"),
        *([_glance(study)] if findings else []),
    ]
    return Section("headline", "What came out", reading, blocks)


def _what_was_run(study: Study) -> str:
    results = study.results
    parts = [
        counted(len(results.methods), "method") + f" ({', '.join(results.methods)})",
        counted(len(results.ways), "way to prepare the encoder", "ways to prepare the encoder"),
        counted(len(results.targets), "target") + f" ({', '.join(results.targets)})",
        counted(len(results.seeds), "seed"),
    ]
    bases = ", ".join(dict.fromkeys(base for base, _ in study.groups)) or "no base yet"
    return f"{' × '.join(parts)}, on {bases}: {counted(len(study.by_seed), 'run')} on targets with scores."


def warnings(study: Study) -> list[str]:
    """Return what limits the findings, worst first; [] where nothing does."""
    results, found = study.results, []
    if study.few_seeds:
        found.append(
            f"{counted(len(results.seeds), 'seed')}: fewer than {ENOUGH_SEEDS} give ranges, no intervals, and no "
            "difference here is called clear."
        )
    if len(results.holes):
        wanted = len(results.holes) + len(study.by_seed)
        found.append(f"{counted(len(results.holes), 'hole')} of {wanted:,} runs, not in any mean: {_reasons(study)}.")
    if any("mini" in base.split("/") for base, _ in study.groups):
        found.append(
            "The base is the embedded mini encoder: this shows that the study works, and is no evidence about XLM-R."
        )
    if results.same_rows:
        pairs = ", ".join(f"{way} on {target}" for way, target in sorted(results.same_rows))
        found.append(f"Marked * and not counted in the sentences below: the task is the target's own data ({pairs}).")
    return found


def _reasons(study: Study) -> str:
    """Count the reasons of holes, the most frequent first; of many, three."""
    found = Counter(str(why) for why in study.results.holes.why)
    told = [f"{many} {shortened(why, 90)}" for why, many in found.most_common(_TOLD)]
    more = found.total() - sum(many for _, many in found.most_common(_TOLD))
    return "; ".join([*told, *([f"{more} for other reasons"] if more else [])])


def counting(study: Study, group: Group, method: str) -> list[Line]:
    """Return the lines that findings are about: with a difference, without the target's own data."""
    same = study.results.same_rows
    return [one for one in study.gains(group, method) if (one["way"], one["target"]) not in same]


def _finding(study: Study, group: Group, method: str) -> list[str]:
    """Say in one sentence what preparing the encoder does with a method."""
    lines = counting(study, group, method)
    if not lines:
        return []
    differences = [figure(one, "difference") or 0.0 for one in lines]
    best = max(lines, key=lambda one: figure(one, "difference") or 0.0)
    cells, mean = counted(len(lines), "cell"), signed(fmean(differences))
    largest = f"{signed(max(differences))} ({spanned(best) or 'no range'}), {best['way']} on {best['target']}"
    name = study.titled(method, group)
    told = f"With {name}, the mean difference is {mean} points over {cells}, the largest {largest}"
    if study.few_seeds:
        return [f"{told}."]
    up, down = clear_sides(study, lines)
    return [f"{told}; {up} gain clearly, {down} lose clearly."]


def clear_sides(study: Study, lines: list[Line]) -> tuple[int, int]:
    """Count the clear differences above and below 0."""
    clear = [figure(one, "difference") or 0.0 for one in lines if study.is_clear(one)]
    return sum(one > 0 for one in clear), sum(one < 0 for one in clear)


def _held_against(study: Study, group: Group, method: str) -> list[str]:
    """Say in one sentence how a method does beside the reference."""
    reference = study.results.reference
    pairs = [(way, target) for way in study.results.ways for target in study.results.targets]
    lines = [study.against[place] for pair in pairs if (place := (*group, method, *pair)) in study.against]
    lines = [one for one in lines if figure(one, "difference") is not None]
    if reference is None or not lines:
        return []
    mean = signed(fmean(figure(one, "difference") or 0.0 for one in lines))
    told = f"{study.titled(method, group)} beside {reference}: mean difference {mean} points"
    told += f" over {counted(len(lines), 'cell')}"
    if not study.few_seeds:
        up, down = clear_sides(study, lines)
        told += f", clearly better in {up}, clearly worse in {down}, not told apart in {len(lines) - up - down}"
    shares = shares_kept(study, group, method)
    if shares:
        told += (
            f"; where {reference} has a gain to speak of ({counted(len(shares), 'cell')}) it keeps "
            f"{share(median(shares))} of it in the median ({share(min(shares))} to {share(max(shares))})"
        )
    return [f"{told}."]


def shares_kept(study: Study, group: Group, method: str) -> list[float]:
    """Return the shares of the reference's gain that a method keeps."""
    found = (figure(one, "share") for place, one in study.kept.items() if place[:3] == (*group, method))
    return [one for one in found if one is not None]


def _glance(study: Study) -> Grid:
    headings = ["method", "trained", f"score of {study.results.baseline}", "mean difference", "clear gains"]
    headings += ["clear losses", "cells", "share kept", "time of a run", "peak memory"]
    made = [_glance_row(study, group, method) for group, method in study.places()]
    return Grid("The methods at a glance: means over ways and targets", headings, made)


def _glance_row(study: Study, group: Group, method: str) -> Row:
    results, lines = study.results, counting(study, group, method)
    start = [study.means.get((*group, method, results.baseline, target)) for target in results.targets]
    spent = [one for place, one in study.costs.items() if place[:3] == (*group, method)]
    up, down = clear_sides(study, lines)
    shares = shares_kept(study, group, method)
    trained, seconds, memory = (_mean(spent, key) for key in ("trained", "in_all", "peak_memory_bytes"))
    difference = _mean(lines, "difference")
    base = fmean(known) if (known := [one for one in start if one is not None]) else None
    kept = median(shares) if shares else None
    called = [Cell(_words.NONE, None, style="figure")] * 2
    if not study.few_seeds:
        called = [number(str(one), one) for one in (up, down)]
    cells = [
        word(study.titled(method, group)),
        number(_words.count(trained), trained),
        number(_words.score(base), base),
        number(signed(difference), difference),
        *called,
        number(str(len(lines)), len(lines)),
        number(share(kept), kept),
        number(_words.time(seconds), seconds),
        number(_words.size(memory), memory),
    ]
    return Row(cells)


def _mean(lines: list[Line], column: str) -> float | None:
    found = [value for one in lines if (value := figure(one, column)) is not None]
    return fmean(found) if found else None
