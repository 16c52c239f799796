"""LoRA training on a CPU at XLM-R Large's layer shapes: our loop beside transformers' Trainer with peft.

python benchmarks/lora_training_cpu.py [--mirror DIR --tokenizer DIR] [--layers N] [--repeats N] [--steps N]

Everybody trains the same rows once, with the same LoRA and 32 rows an optimiser step, each in a process of
its own, in turns. What counts is real tokens (no padding) a second.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from _common import Bystanders, machine, say, wait_for_quiet, write_results
from _generated import write_mirror, write_tokenizer
from _turns import Setting
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from adapterstilts.mini.random_base import Shape, random_base

HIDDEN, POSITIONS = 1024, 514  # XLM-R Large; random_base makes 16 heads and an inner layer of 4096 of it

MOST_OTHERS = 0.1  # cores that other programs may use during a turn, or its round does not count


@dataclass(frozen=True)
class Contender:
    """A contender: the arguments of its process, and what it is."""

    script: str
    way: tuple[str, ...]
    meaning: str


CONTENDERS = {
    "ours": Contender("_lora_ours.py", (), "train_intermediate at its default precision, random order"),
    "trainer, usual": Contender("_lora_trainer.py", ("usual",), "dynamic padding, random order"),
    "trainer, best": Contender("_lora_trainer.py", ("best",), "dynamic padding, bf16=True, group_by_length=True"),
    "trainer, bf16 base": Contender("_lora_trainer.py", ("bf16 base",), "as best, the whole base cast to bf16"),
}
Turn = dict[str, Any]


class Worker:
    """A contender's process: when it is made it is ready, and it trains one turn at each `turn`."""

    def __init__(self, contender: Contender, setting: Setting) -> None:
        caches = {"ADAPTERSTILTS_CACHE": setting.file("cache"), "HF_DATASETS_CACHE": setting.file("datasets")}
        fixed = {"OMP_NUM_THREADS": setting.threads, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": 1}
        script = Path(__file__).with_name(contender.script)
        self.log = setting.file("-".join([script.stem, *contender.way]) + ".log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(setting.file("setting.json")), *contender.way],
            env={**os.environ, **{key: str(value) for key, value in {**fixed, **caches}.items()}},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )  # fmt: skip
        self.precision = str(self._listen()["precision"])

    def turn(self) -> Turn:
        """Let it train one turn and return its seconds, tokens, padded tokens and the cores others used."""
        assert self.process.stdin
        others = Bystanders(self.process.pid)
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return {**self._listen(), "others_cores": others.cores()}

    def stop(self) -> None:
        """End the process and close its log."""
        self.process.kill()
        self.process.wait()
        self.log.close()

    def _listen(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            sys.exit(f"a contender ended early:\n{self.log.read()[-4000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(frozen=True)
class Outcome:
    """One contender's turns; only `counted` rounds go into its figures."""

    precision: str
    turns: Sequence[Turn]
    counted: Sequence[int]

    @property
    def speeds(self) -> list[float]:
        """Real tokens a second, turn by turn."""
        return [self.turns[number]["tokens"] / self.turns[number]["seconds"] for number in self.counted]

    def total(self, field: str) -> float:
        """Sum a field over the turns that count."""
        return sum(self.turns[number][field] for number in self.counted)

    def as_record(self, ours: Outcome) -> dict[str, Any]:
        """Return what results/ keeps; `ours_over_this` is the ratio of speeds, turn by turn."""
        ratios = [mine / theirs for mine, theirs in zip(ours.speeds, self.speeds, strict=True)]
        mean, our_mean = (one.total("tokens") / one.total("seconds") for one in (self, ours))
        return {
            "precision": self.precision,
            "tokens_per_s": _spread(self.speeds, 0),
            "ours_over_this": _spread(ratios, 3),
            "ours_over_this_overall": round(our_mean / mean, 3),
            "padded_per_real_token": round(self.total("padded_tokens") / self.total("tokens"), 3),
            "turns": self.turns,
        }


def main() -> None:
    """Measure, print the table and write results/lora_training_cpu.json."""
    options = read_options()
    facts = machine(["adapterstilts", "torch", "transformers", "peft", "accelerate", "datasets"])
    with tempfile.TemporaryDirectory() as temporary:
        setting = make_setting(options, Path(temporary))
        outcomes = measure(setting, options)
    records = {name: outcome.as_record(outcomes["ours"]) for name, outcome in outcomes.items()}
    Console().print(make_table(options, records))
    shown = {key: value for key, value in asdict(setting).items() if key not in ("folder", "base", "mirror")}
    settings = {"layers": options.layers, "hidden": HIDDEN, "data": data_name(options), "rows": setting.rows}
    settings["rounds_counted"] = outcomes["ours"].counted
    results = {"settings": {**settings, **shown}, "contenders": records, "machine": facts}
    say(f"written: {write_results(options.name, results)}")


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirror", help="mirror folder with stanfordnlp/snli; without it rows are generated")
    parser.add_argument("--tokenizer", help="folder of a fast tokenizer, for the mirror's rows")
    parser.add_argument("--layers", type=int, default=4, help="XLM-R Large has 24")
    parser.add_argument("--repeats", type=int, default=10, help="turns of each contender")
    parser.add_argument("--steps", type=int, default=5, help="timed optimiser steps a turn")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=float, default=30.0, help="seconds to wait for a quiet machine")
    parser.add_argument("--bf16-base", action="store_true", help="a fourth contender: the whole base in bf16")
    parser.add_argument("--name", default="lora_training_cpu", help="results/<name>.json")
    options = parser.parse_args()
    if bool(options.mirror) != bool(options.tokenizer):
        parser.error("--mirror and --tokenizer go together")
    return options


def data_name(options: argparse.Namespace) -> str:
    """Say which rows are trained on."""
    return "SNLI, rows of the mirror" if options.mirror else "generated rows"


def make_setting(options: argparse.Namespace, folder: Path) -> Setting:
    """Make the base of random weights, and rows where none are given, and write down the setting."""
    setting = Setting(
        str(folder), str(folder / "base"), options.mirror or str(folder / "mirror"),
        options.repeats, options.steps, options.threads, options.seed,
    )  # fmt: skip
    tokenizer = options.tokenizer or write_tokenizer(folder / "tokenizer")
    if not options.mirror:
        write_mirror(folder / "mirror", setting.rows, setting.seed)
    random_base(tokenizer, setting.base, shape=Shape(options.layers, HIDDEN, POSITIONS), seed=setting.seed)
    setting.file("setting.json").write_text(json.dumps(asdict(setting)), encoding="utf-8")
    return setting


def measure(setting: Setting, options: argparse.Namespace) -> dict[str, Outcome]:
    """Start the contenders one after the other (ours leaves the rows for the rest), then let them take turns."""
    names = [name for name in CONTENDERS if options.bf16_base or name != "trainer, bf16 base"]
    workers: dict[str, Worker] = {}
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    try:
        for name in names:
            say(f"{name}: one untimed pass over the rows")
            workers[name] = Worker(CONTENDERS[name], setting)
        for number in range(setting.repeats):
            say(f"turn {number + 1} of {setting.repeats}")
            for name in names:
                wait_for_quiet(options.patience)
                turns[name].append(workers[name].turn())
    finally:
        for worker in workers.values():
            worker.stop()
    tokens = {name: sum(turn["tokens"] for turn in turns[name]) for name in names}
    assert len(set(tokens.values())) == 1, f"not the same rows: {tokens}"
    counted = undisturbed(list(turns.values()))
    return {name: Outcome(workers[name].precision, turns[name], counted) for name in names}


def undisturbed(turns: list[list[Turn]]) -> list[int]:
    """Return the rounds in which no contender had to share the machine; all of them if those are below three."""
    rounds = list(zip(*turns, strict=True))
    quiet = [n for n, some in enumerate(rounds) if max(turn["others_cores"] or 0.0 for turn in some) <= MOST_OTHERS]
    return quiet if len(quiet) >= 3 else list(range(len(rounds)))


def _spread(values: Sequence[float], digits: int) -> dict[str, float]:
    named = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, digits) for name, value in named.items()}


def make_table(options: argparse.Namespace, records: dict[str, dict[str, Any]]) -> Table:
    """Return the table for a person."""
    shape = f"{options.layers} layers of XLM-R Large's shape, {options.threads} threads"
    table = Table(title=f"LoRA training on a CPU: {shape}; {data_name(options)}", box=SIMPLE_HEAD)
    for column in ("contender", "tokens/s", "range", "padding", "ours / it", "range"):
        table.add_column(column, justify="left" if column == "contender" else "right", no_wrap=True)
    for name, record in records.items():
        speed, ratio = record["tokens_per_s"], record["ours_over_this"]
        table.add_row(
            name, f"{speed['median']:.0f}", f"{speed['min']:.0f}..{speed['max']:.0f}",
            f"{record['padded_per_real_token']:.2f}", f"{ratio['median']:.2f}",
            f"{ratio['min']:.2f}..{ratio['max']:.2f}",
        )  # fmt: skip
    counted = undisturbed([record["turns"] for record in records.values()])
    lines = ["real tokens/s; ours / it: in the same round (medians); padding: padded per real token"]
    lines += [f"{name}: {CONTENDERS[name].meaning} ({record['precision']})" for name, record in records.items()]
    most = max(record["turns"][number]["others_cores"] or 0.0 for record in records.values() for number in counted)
    lines += [f"{len(counted)} of {options.repeats} rounds count; in those other programs used up to {most:.2f} cores"]
    table.caption = "\n".join(lines)
    return table


if __name__ == "__main__":
    main()
