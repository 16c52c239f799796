"""What intermediate training does on the embedded world, over three seeds: every way, every target, every layer.

    python benchmarks/mini_study.py [ways|baselines|compositions] [--seeds 3] [--at-once 1] [--work runs/mini-ways]

The same settings as the quickstart's. `ways`: the quickstart's, every intermediate task alone, and full fine-tuning
without any; `baselines`: those of `quickstart --baselines`; `compositions`: every merge, stack and fusion of the same
three tasks, and what each still knows of them. A seed decides first weights, order and dropout; the rows
and the base are the same. Each seed is a process of one thread; `--at-once` says how many run side by side.
Interrupted, it goes on.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
from _common import machine, say, write_results

from adapterstilts.compose.merges import merges
from adapterstilts.evaluation.command import evaluate, evaluate_base
from adapterstilts.evaluation.retention import retention
from adapterstilts.mini.embedded import MINI
from adapterstilts.model import one_thread
from adapterstilts.report import quickstart
from adapterstilts.report.overview import overview
from adapterstilts.report.study import Study, Way

NONE = Way("none", "lora")
SAME = ("cat", "layers")  # without settings of its own, each is the weighted sum, as linear is
STUDIES = {
    "ways": (
        NONE,
        *(Way(task, "lora", (task,)) for task in quickstart.INTERMEDIATE),
        *(way for way in quickstart.WAYS if way.how),
        Way("bottleneck", "bottleneck", ("snli",)),
        Way("full-none", "full"),
        Way("full", "full", ("snli",)),
    ),
    "baselines": (NONE, *quickstart.BASELINES),
    "compositions": (
        NONE,
        *(Way(how, "lora", quickstart.INTERMEDIATE, how) for how in merges.names() if how not in SAME),
        Way("stacked", "lora", quickstart.INTERMEDIATE, "stack"),
        Way("layer-weights", "lora", quickstart.INTERMEDIATE, "layer_weights"),
        Way("search", "lora", quickstart.INTERMEDIATE, "search"),
        Way("fusion", "bottleneck", quickstart.INTERMEDIATE, "attention"),
    ),
}


def main() -> None:
    """Run all seeds, write the results, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", choices=STUDIES, default="ways")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    work = options.work or Path(f"runs/mini-{options.study}")
    run = partial(run_seed, options.study, work)
    with ProcessPoolExecutor(options.at_once, mp_context=get_context("spawn")) as pool:
        lines = list(pool.map(run, range(options.seeds)))
    found = {
        "machine": machine(("torch", "transformers", "peft", "adapters")),
        **{name: [line for seed in lines for line in seed[name]] for name in lines[0]},
    }
    say(f"written: {write_results(f'mini_{options.study}', found)}")
    print(report(found))


def run_seed(name: str, work: Path, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Run a whole study with one seed; return its scores by language, retrieval by layer, and what is retained."""
    study = study_of(name, work / f"seed-{seed}", seed)
    with one_thread():
        study.run()
        found = {"layers": swept(study), "retained": retained(study)}
    say(f"seed {seed}: done")
    found["scores"] = overview(study).scores.to_dict("records")
    return {part: [line | {"seed": seed} for line in lines] for part, lines in found.items()}


def study_of(name: str, folder: Path, seed: int) -> Study:
    """Return the quickstart's study with other ways and another seed."""
    settings = {**quickstart.SETTINGS, "seed": seed}
    return Study(folder, MINI, STUDIES[name], quickstart.TARGETS, settings, quickstart.BY_METHOD, quickstart.OF_TARGETS)


def swept(study: Study) -> list[dict[str, Any]]:
    """Return retrieval by layer, on average over languages, of the bare base and of all that was prepared."""
    lines = []
    for way in study.ways:
        if way.fused:  # with a target: nothing is prepared before there is one
            continue
        run = study.prepared(way)
        if run:
            found = evaluate(run, "tatoeba", layer="sweep")
        else:
            found = evaluate_base(MINI, "tatoeba", out=study.folder / "base-sweep", layer="sweep")
        for one in found:
            lines.append({"way": way.name, "layer": one.metrics["layer"], **one.metrics["average"]})
    return lines


def retained(study: Study) -> list[dict[str, Any]]:
    """Return what each composition scores on the tasks of its members, by their heads, and what they score alone."""
    lines = []
    for way in study.ways:
        run = study.prepared(way)
        if run and way.composed:
            for kept in retention(run).kept:
                scores = kept.scores()["average"]
                lines.append({"way": way.name, "task": kept.now.metrics["task"], "score": scores["now"]})
                lines.append({"way": "each alone", "task": kept.now.metrics["task"], "score": scores["alone"]})
    return lines


def report(found: dict[str, Any]) -> str:
    """Return the tables in Markdown: mean over seeds, and lowest to highest."""
    scores = pd.DataFrame(found["scores"])
    taught = set(scores.loc[scores["taught"], ["target", "language"]].itertuples(index=False, name=None))
    untaught = [pair not in taught for pair in zip(scores["target"], scores["language"], strict=True)]
    elsewhere = scores[untaught].groupby(["seed", "way", "target"])["score"].mean().reset_index()
    parts = [
        table("Zero-shot: mean over the languages that no way was trained on", elsewhere, "target"),
        table("English", scores[scores["language"] == "en"], "target"),
        *(
            table(f"{one} by language", scores[scores["target"] == one], "language")
            for one in scores["target"].unique()
        ),
    ]
    layers = pd.DataFrame(found["layers"]).rename(columns={"accuracy": "score"})
    parts.append(table("tatoeba by layer, mean over languages", layers, "layer"))
    if found["retained"]:
        kept = pd.DataFrame(found["retained"]).drop_duplicates()
        parts.append(table("What compositions still know: dev rows, by the kept heads", kept, "task"))
    return "\n".join(parts)


def table(title: str, scores: pd.DataFrame, by: str) -> str:
    """Return mean (lowest-highest) over seeds, a row a way and a column a value of `by`."""
    cells = scores.groupby(["way", by])["score"].agg(["mean", "min", "max"])
    columns = list(dict.fromkeys(scores[by]))
    lines = [f"**{title}**", "", f"| way | {' | '.join(map(str, columns))} |", f"| :-- |{' --: |' * len(columns)}"]
    for way in dict.fromkeys(scores["way"]):
        values = [cells.loc[(way, column)] if (way, column) in cells.index else None for column in columns]
        words = ["-" if v is None else f"{v['mean']:.1f} ({v['min']:.1f}-{v['max']:.1f})" for v in values]
        lines.append(f"| {way} | {' | '.join(words)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
