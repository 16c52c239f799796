"""A study made up for the page: three methods, ways, targets and seeds, five languages, with holes and marks."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from pathlib import Path

import pandas as pd

from adapterstilts.experiment.judgement import Judged
from adapterstilts.experiment.results import CELL, Results

BASE, BASELINE, REFERENCE = "mini", "none", "full"
METHODS, WAYS = ("full", "lora", "bottleneck"), ("none", "mnli", "mnli+squad")
TARGETS, SEEDS = ("xnli", "xquad", "tatoeba"), (0, 1, 2)
LANGUAGES = ("en", "de", "sw", "th", "zh")
ZERO_SHOT = LANGUAGES[1:]
MISSING = ("bottleneck", "mnli+squad", "xquad")  # no run of this cell is there
FAILED = ("lora", "mnli", "xnli", 2)  # one run of this cell is not
REASON = "not finite at step 7 <of 40>"
TRAINED = {"full": 1_300_000, "lora": 24_600, "bottleneck": 49_200}
ADDED = {"none": 0.0, "mnli": 2.5, "mnli+squad": -1.25}
START = {"xnli": 61.0, "xquad": 48.0, "tatoeba": 33.0}


def wobble(*parts: object) -> float:
    """Return a number from -1 to 1 that hangs on the parts alone."""
    return zlib.crc32(repr(parts).encode()) % 2001 / 1000 - 1


def cells() -> list[tuple[str, str, str]]:
    found = [(method, way, target) for method in METHODS for way in WAYS for target in TARGETS]
    return [cell for cell in found if cell != MISSING]


def runs() -> list[tuple[str, str, str, int]]:
    return [run for cell in cells() for seed in SEEDS if (run := (*cell, seed)) != FAILED]


def frame(rows: list[tuple[object, ...]], *columns: str) -> pd.DataFrame:
    """Return rows that begin with method, way, target and seed, with the columns of a cell before them."""
    made = pd.DataFrame(rows, columns=["method", "way", "target", "seed", *columns])
    made.insert(0, "base", BASE)
    made.insert(1, "variant", "")
    return made


def score(method: str, way: str, target: str, seed: int, language: str) -> float:
    kept = {"full": 1.0, "lora": 0.8, "bottleneck": 0.6}[method]
    far = {"en": 0, "de": 3, "zh": 7, "th": 9, "sw": 12}[language]
    return START[target] + kept * ADDED[way] * (1 + far / 12) - far + 0.8 * wobble(method, way, target, seed, language)


def cost(method: str, way: str, target: str) -> tuple[float, ...]:
    """Return parameters, bytes, seconds with all before, seconds of search, memory, examples."""
    trained, place = TRAINED[method], METHODS.index(method)
    free = way == BASELINE and target == "tatoeba"
    seconds = (0.0, 0.0) if free else (90.0 + 40 * WAYS.index(way) - 10 * place, 30.0)
    return (trained, 4 * trained, *seconds, 6e8 + 1e8 * place, 4000)


def results(seeds: tuple[int, ...] = SEEDS) -> Results:
    """Return the study, or what it is with fewer seeds."""
    ran = [run for run in runs() if run[3] in seeds]
    scores = [
        (*run, one, score(*run, one), "accuracy", one == "en", "test", f"/home/somebody/{'-'.join(map(str, run))}")
        for run in ran
        for one in LANGUAGES
    ]
    costs = [(*run, *cost(*run[:3])) for run in ran]
    swept = [
        (*run, layer, 20.0 + 5 * layer - layer**2 + wobble(run, layer))
        for run in ran
        if run[2] == "tatoeba"
        for layer in range(5)
    ]
    tried = [
        (
            "lora",
            "none",
            target,
            0,
            f"target {target}",
            "train.learning_rate",
            rate,
            50 + 4 * wobble(target, rate),
            rate == 1e-3,
        )
        for target in TARGETS
        for rate in (3e-4, 1e-3, 3e-3)
    ]
    missing = [(*MISSING, seed, REASON) for seed in seeds] + [(*FAILED, "not run")] * (FAILED[3] in seeds)
    kept = frame(
        [(*run, "mnli", "en", 68 - 4 * METHODS.index(run[0]) + wobble(run), 70.0) for run in ran if "mnli" in run[1]],
        *("task", "language", "now", "alone"),
    )
    return Results(
        name="efficient-versus-full",
        about="What do adapters keep of full fine-tuning's gain? <script>alert('about')</script>",
        command="adapterstilts run mini/efficient-versus-full && adapterstilts report mini/efficient-versus-full",
        folder=Path("/home/somebody/runs/study"),
        baseline=BASELINE,
        reference=REFERENCE,
        ways=WAYS,
        methods=METHODS,
        targets=TARGETS,
        seeds=seeds,
        scores=frame(scores, "language", "score", "metric", "taught", "kind", "folder"),
        dev=frame([(*run, score(*run, "en")) for run in ran if run[2] != "tatoeba"], "score"),
        costs=frame(costs, "trained", "bytes", "train_s", "search_s", "peak_memory_bytes", "examples"),
        retained=kept.drop(columns="target").drop_duplicates(["method", "way", "seed"]),
        layers=frame(swept, "layer", "score"),
        chosen=frame(tried, "step", "key", "value", "score", "kept"),
        holes=frame(missing, "why"),
        zero_shot=dict.fromkeys(TARGETS, ZERO_SHOT),
        same_rows=frozenset({("mnli", "xnli"), ("mnli+squad", "xquad")}),
        certificates={("mnli+squad", "lora"): CERTIFICATE},
        configurations={(way, method): configuration(way, method) for way in WAYS for method in METHODS},
        environment={"python": "3.11.7", "torch": "2.13.0", "machine": "2 cores <&>"},
    )


def empty(study: Results) -> Results:
    """Return a study of which nothing has run yet."""
    names = ("scores", "dev", "costs", "retained", "layers", "chosen", "holes")
    frames = {name: getattr(study, name).iloc[:0] for name in names}
    return replace(study, **frames, certificates={}, configurations={}, environment={}, same_rows=frozenset())


def judged(study: Results) -> Judged:
    """Return plausible figures; whether they are right is another's question."""
    means = study.scores[study.scores.language != "en"].groupby([*CELL, "seed"]).score.mean().groupby(list(CELL)).mean()
    english = study.scores[study.scores.language == "en"].groupby(list(CELL)).score.mean()
    seeds = study.scores.groupby(list(CELL)).seed.nunique()
    cells = [(BASE, "", method, way, target) for method in METHODS for way in WAYS for target in TARGETS]
    gains = [
        gain(study, cell, what, found, seeds)
        for what, found in (("zero-shot", means), ("en", english))
        for cell in cells
    ]
    against = [
        {**named(cell), **difference(study, cell, means, (*cell[:2], REFERENCE, *cell[3:]))}
        for cell in cells
        if cell[2] != REFERENCE and cell in means
    ]
    kept = [share(cell, means) for cell in cells if cell[2] != REFERENCE and cell[3] != BASELINE]
    rules = [
        {**named((BASE, "", method, way, target)), "rule": rule, "score": START[target] + at}
        for method in METHODS
        for target in TARGETS
        for at, (rule, way) in enumerate((("English dev", "none"), ("averaged", ""), ("oracle", "mnli")))
    ]
    return Judged(*(pd.DataFrame(lines) for lines in (gains, against, kept, rules)))


def named(cell: tuple[str, ...]) -> dict[str, object]:
    return dict(zip(CELL, cell, strict=True))


def difference(study: Results, cell: tuple[str, ...], means: pd.Series, start: tuple[str, ...]) -> dict[str, object]:
    if cell not in means or start == cell:
        return dict.fromkeys(("difference", "low", "high", "lowest", "highest", "p_holm"), math.nan)
    value, half = means[cell] - means[start], 1.6
    few = len(study.seeds) < 3
    ends = {"low": value - half, "high": value + half, "lowest": math.nan, "highest": math.nan}
    ranged = {"low": math.nan, "high": math.nan, "lowest": value - half, "highest": value + half}
    return {
        "difference": value,
        **(ranged if few else ends),
        "p_holm": math.nan if few else 0.004 if abs(value) > half else 0.4,
    }


def gain(study: Results, cell: tuple[str, ...], what: str, means: pd.Series, seeds: pd.Series) -> dict[str, object]:
    found = difference(study, cell, means, (*cell[:3], BASELINE, cell[4]))
    return {
        **named(cell),
        "languages": what,
        "score": means.get(cell, math.nan),
        **found,
        "p": found["p_holm"],
        "seeds": int(seeds.get(cell, 0)),
        "detectable": 1.3,
        "effect": found["difference"] / 0.9,
        "same_rows": cell[3:] in study.same_rows,
        "why": "" if cell in means else REASON,
    }


def share(cell: tuple[str, ...], means: pd.Series) -> dict[str, object]:
    start, full, zero = (
        (*cell[:2], *rest, cell[4]) for rest in ((cell[2], BASELINE), (REFERENCE, cell[3]), (REFERENCE, BASELINE))
    )
    gained = means[full] - means[zero]
    known = cell in means and gained > 0
    value = (means[cell] - means[start]) / gained if known else math.nan
    why = "" if known else "full fine-tuning gains nothing here" if cell in means else REASON
    return {**named(cell), "share": value, "low": value - 0.2, "high": value + 0.2, "why": why}


def configuration(way: str, method: str) -> dict[str, object]:
    rank = {"lora": {"method.r": 8}, "bottleneck": {"method.reduction": 16}}.get(method, {})
    return {"train.learning_rate": 1e-3 if method == "lora" else 1e-4, "train.max_steps": 40, "way": way, **rank}


CERTIFICATE = {
    "kind": "merge",
    "how": "mean",
    "formula": "dW = 1/K sum_k dW_k",
    "source": "uniform soup",
    "base": {"name": "mini", "fingerprint": "2e57", "not_proven_for": []},
    "members": [
        {"path": f"/home/somebody/runs/{task}", "digest": "5ce6", "modules": ["lora"], "tasks": [task], "weight": 0.5}
        for task in ("mnli", "squad")
    ],
    "settings": {},
    "rank": 16,
    "checks": {"sum": {"largest": 3.8e-08, "allowed": 1e-06}, "reload": {"largest": 3.9e-08, "allowed": 1e-06}},
    "probe": {"done": True, "what": "the same states on drawn tokens"},
}
