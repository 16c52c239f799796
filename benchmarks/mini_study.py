"""What intermediate training does on the embedded world, over three seeds: every way, every target, every layer.

    python benchmarks/mini_study.py [ways|baselines|compositions] [--at-once 1] [--work runs/mini-ways]

Runs the study of the same name in recipes/mini/, writes its figures to results/ and prints them as tables. The settings
are the quickstart's. `ways`: the quickstart's, every intermediate task alone, and full fine-tuning without any;
`baselines`: those of `quickstart --baselines`; `compositions`: every merge, stack and fusion of the same three tasks,
and what each still knows of them. A seed decides first weights, order and dropout; the rows and the base are the same.
Each step is done by one thread; `--at-once` says how many run side by side. Interrupted, it goes on.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import pandas as pd
from _common import machine, say, write_results

from adapterstilts.experiment.collect import collect
from adapterstilts.experiment.command import Job, run_job
from adapterstilts.experiment.open import open_study
from adapterstilts.experiment.results import Results
from adapterstilts.experiment.runner import LocalRunner

STUDIES = ("ways", "baselines", "compositions")


def main() -> None:
    """Run a study, write the results, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", choices=STUDIES, default="ways")
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    opened = open_study(f"mini/{options.study}")
    work = options.work or Path(f"runs/mini-{options.study}")
    outcome = run_job(Job(opened.graph, work, layout=opened.layout), LocalRunner(["cpu"] * options.at_once))
    if not outcome.whole:
        raise SystemExit(f"steps have failed: adapterstilts retry {opened.name} --out {work}, then this again")
    found = {"machine": machine(("torch", "transformers", "peft", "adapters")), **figures(collect(opened, work))}
    say(f"written: {write_results(f'mini_{options.study}', found)}")
    print(report(found))


def figures(results: Results) -> dict[str, list[dict[str, Any]]]:
    """Return the scores by language, retrieval by layer, and what compositions retain beside each member alone."""
    layers = results.layers.rename(columns={"score": "accuracy"})
    kept, alone = (
        results.retained.rename(columns={column: "score"})[["way", "task", "score", "seed"]]
        for column in ("now", "alone")
    )
    parts = {
        "layers": layers[["way", "layer", "accuracy", "seed"]],
        "retained": pd.concat([kept, alone.assign(way="each alone")]),
        "scores": results.scores[["way", "target", "language", "score", "taught", "seed"]],
    }
    return {name: part.to_dict("records") for name, part in parts.items()}


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
