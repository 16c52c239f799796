"""XTREME and XTREME-R: their tasks, languages, groups and averages (google-research/xtreme, evaluate.py).

A task's number is the plain mean over its languages, English included; of question answering the mean of exact match
and F1. A group's number is the mean of its tasks, and the overall one of all tasks; neither stands where a task is
missing. XTREME-R has no overall number: evaluate.py names LAReQA but scores nothing of it; another
program prints its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from adapterstilts.errors import UserError, nearest
from adapterstilts.metrics import Scores, average

_NUMBERS = (("exact_match", "f1"), ("f1",), ("accuracy",), ("map@20",))  # which of a task's numbers counts


@dataclass(frozen=True)
class Benchmark:
    """The tasks of a benchmark by their official names, each with its languages, and its groups of tasks."""

    name: str
    languages: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Averages:
    """Means over languages of every number of a task, each task's own number, those of complete groups and of all."""

    tasks: Mapping[str, Scores]
    main: Scores
    groups: Scores
    overall: float | None


def benchmark_average(scores: Mapping[str, Mapping[str, Scores]], benchmark: Benchmark) -> Averages:
    """Return the averages of `scores`, by task and language, as percentages.

    Languages that the benchmark does not have are left out. Raises UserError for a task that it does not have, and for
    missing languages, all of them named: a smaller mean would be another number.
    """
    for task in scores:
        if task not in benchmark.languages:
            raise UserError(f"{benchmark.name} has no task {task!r}", fix=nearest(task, benchmark.languages))
    absent = {task: [code for code in benchmark.languages[task] if code not in scores[task]] for task in scores}
    if any(absent.values()):
        raise UserError(
            f"{benchmark.name} averages over all languages of a task, and some are missing",
            where="\n  ".join(f"{task}: {' '.join(codes)}" for task, codes in absent.items() if codes),
            fix="score them too",
        )
    counted = [task for task in benchmark.languages if task in scores and benchmark.languages[task]]
    tasks = {task: average({code: scores[task][code] for code in benchmark.languages[task]}) for task in counted}
    main = {task: _main(means) for task, means in tasks.items()}
    groups = {
        name: fmean(main[task] for task in all_of)
        for name, all_of in benchmark.groups.items()
        if set(all_of) <= set(main)
    }
    overall = fmean(main.values()) if set(main) == set(benchmark.languages) else None
    return Averages(tasks, main, groups, overall)


def _main(means: Scores) -> float:
    return fmean(means[name] for name in next(names for names in _NUMBERS if set(names) <= set(means)))


def _of(codes: str) -> tuple[str, ...]:
    return tuple(codes.split())


_XNLI = _of("ar bg de el en es fr hi ru sw th tr ur vi zh")
_PANX = _of(
    "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi "
    "yo zh"
)
_UDPOS = _of("af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh")
_TATOEBA = _of(
    "af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr nl pt ru sw ta te th tl tr ur vi zh"
)
_XQUAD = _of("ar de el en es hi ru th tr vi zh")
_MLQA = _of("ar de en es hi vi zh")
_TYDIQA = _of("ar bn en fi id ko ru sw te")
_QA = ("xquad", "mlqa", "tydiqa")

XTREME = Benchmark(
    "xtreme",
    {
        "xnli": _XNLI,
        "pawsx": _of("de en es fr ja ko zh"),
        "udpos": _UDPOS,
        "panx": _PANX,
        "xquad": _XQUAD,
        "mlqa": _MLQA,
        "tydiqa": _TYDIQA,
        "bucc2018": _of("de fr ru zh"),
        "tatoeba": _TATOEBA,
    },
    {
        "classification": ("xnli", "pawsx"),
        "tagging": ("udpos", "panx"),
        "qa": _QA,
        "retrieval": ("bucc2018", "tatoeba"),
    },
)

XTREME_R = Benchmark(
    "xtreme-r",
    {
        "xnli": _XNLI,
        "xcopa": _of("et ht id it qu sw ta th tr vi zh"),
        "udpos": (*_UDPOS, *_of("lt pl ro uk wo")),
        "panx": (*_PANX, *_of("az gu lt pa pl qu ro uk")),
        "xquad": (*_XQUAD, "ro"),
        "mlqa": _MLQA,
        "tydiqa": _TYDIQA,
        "tatoeba": (*_TATOEBA, *_of("az lt pl ro uk")),
        "mewslix": _of("ar de en es fa ja pl ro ta tr uk"),
        "lareqa": (),
    },
    {
        "classification": ("xnli", "xcopa"),
        "tagging": ("udpos", "panx"),
        "qa": _QA,
        "retrieval": ("tatoeba", "mewslix"),
        "multi_choice": ("xcopa",),
    },
)

BENCHMARKS: Mapping[str, Benchmark] = {one.name: one for one in (XTREME, XTREME_R)}
