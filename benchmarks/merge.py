"""Merging eight LoRAs of XLM-R Large's shapes: ours on saved files beside peft's on a live model.

python benchmarks/merge.py [--layers N] [--peft-layers N | --full] [--only NAME ...]

Random factors of rank 16 on all six Linear kinds of 24 layers (hidden 1024, inner 4096), written as peft folders.
Every merge of the catalog that needs nothing but the members, with its settings as they come, in a process of its own,
measured once. Beside svd and cat stands peft's, which gives the same result; its ties, dare and pruning work on A and B
and give others. peft's merges need a model: it gets one of the same shapes with random weights and eight tokens
(embeddings play no part in a merge), built before the clock starts. peft's svd takes a second a matrix, so it runs on a
few layers and its merging time is scaled up, unless --full. --layers 2 is a quick look.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _common import Bystanders, machine, say, wait_for_quiet, write_results
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from adapterstilts.compose.certificate import truncation
from adapterstilts.compose.combine import combine, ingredients
from adapterstilts.compose.merges import merges
from adapterstilts.compose.peft_folder import read_peft, write_peft
from adapterstilts.compose.updates import Update, Updates, concatenate, distance

LAYERS, HIDDEN, INNER = 24, 1024, 4096
WIDTH = 100  # of the table, also where a file takes it
MEMBERS, RANK = 8, 16
WEIGHTS = [1 / MEMBERS] * MEMBERS
SHAPES = {
    "attention.self.query": (HIDDEN, HIDDEN),
    "attention.self.key": (HIDDEN, HIDDEN),
    "attention.self.value": (HIDDEN, HIDDEN),
    "attention.output.dense": (HIDDEN, HIDDEN),
    "intermediate.dense": (INNER, HIDDEN),
    "output.dense": (HIDDEN, INNER),
}
Figures = dict[str, float]


@dataclass(frozen=True)
class Contender:
    """A library and its merge; `rival` is ours that gives the same result."""

    library: str
    merge: str
    rank: int | None
    rival: str
    meaning: str


_KEPT = {
    "factors": "rank as the factors come",
    "exact": "rank as needed",
    "largest": f"nearest update of rank {RANK}",
    "sum": f"nearest update of rank {MEMBERS * RANK}",
}


def contenders() -> dict[str, Contender]:
    """Return ours of the whole catalog, those that need more than the members left out, and peft's like them."""
    known = {name: merges.get(name) for name in merges.names()}
    alone = {name: merge for name, merge in known.items() if not getattr(merge, "needs", None)}
    ours = {f"ours, {name}": Contender("ours", name, None, "", _KEPT[merge.kept]) for name, merge in alone.items()}
    return {
        **ours,
        "peft, svd": Contender("peft", "svd", RANK, "ours, svd", "add_weighted_adapter, svd_full_matrices as it comes"),
        "peft, cat": Contender("peft", "cat", None, "ours, cat", "add_weighted_adapter"),
    }


CONTENDERS = contenders()


def main() -> None:
    """Measure, print the table and write results/merge.json; or be the process of one contender."""
    options = read_options()
    if options.worker:
        print(json.dumps(work(CONTENDERS[options.worker], options.folder, options.layers, options.out)))
        return
    facts = machine(["adapterstilts", "numpy", "torch", "peft"])
    records: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, contender in CONTENDERS.items():
            if options.only and name not in options.only:
                continue
            slow = contender.library == "peft" and contender.merge == "svd" and not options.full
            layers = min(options.peft_layers, options.layers) if slow else options.layers
            folder = Path(temporary) / f"members-{layers}"
            if not folder.exists():
                write_members(folder, layers)
            records[name] = measure(name, folder, layers, Path(temporary) / name, options)
            records[name] |= {"layers": layers, "merge_s_scaled": records[name]["merge_s"] * options.layers / layers}
    Console(width=max(WIDTH, Console().width)).print(make_table(options, records))
    settings = {"layers": options.layers, "members": MEMBERS, "rank": RANK, "threads": options.threads}
    results = {"settings": settings, "contenders": records, "machine": facts}
    if options.only or options.layers < LAYERS:
        say("a quick look: results/merge.json is left as it is")
    else:
        say(f"written: {write_results('merge', results)}")


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=LAYERS, help="XLM-R Large has 24")
    parser.add_argument("--peft-layers", type=int, default=2, help="layers that peft's svd is measured on")
    parser.add_argument("--only", action="append", choices=list(CONTENDERS), help="measure this alone, repeatable")
    parser.add_argument("--full", action="store_true", help="measure peft's svd on all layers: minutes")
    # with two, either library takes up to 100 x as long as soon as another program runs: its threads await each other
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--patience", type=float, default=30.0, help="seconds to wait for a quiet machine")
    for hidden in ("--worker", "--folder", "--out"):
        parser.add_argument(hidden, type=str if hidden == "--worker" else Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def write_members(folder: Path, layers: int) -> None:
    """Write eight peft folders of random factors; fewer layers are the first of more."""
    for member in range(MEMBERS):
        updates = {}
        for layer in range(layers):
            draw = np.random.default_rng([member, layer])
            for place, (out, into) in SHAPES.items():
                left, right = draw.normal(size=(out, RANK)) / out, draw.normal(size=(RANK, into)) / math.sqrt(into)
                updates[f"encoder.layer.{layer}.{place}"] = Update(left, right)
        write_peft(folder / str(member), updates, "")


def measure(name: str, folder: Path, layers: int, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run one contender in a process of its own and return what its `work` gives."""
    say(f"{name}: {layers} layers")
    wait_for_quiet(options.patience)
    fixed = {"OMP_NUM_THREADS": str(options.threads), "HF_HUB_OFFLINE": "1"}
    arguments = ["--worker", name, "--folder", str(folder), "--layers", str(layers), "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments], env={**os.environ, **fixed}, stdout=subprocess.PIPE, text=True
    )
    answer, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{name} ended early")
    record: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return record


def work(contender: Contender, folder: Path, layers: int, out: Path) -> dict[str, float]:
    """Merge the members in `folder` into `out`; return seconds, peak memory in MB, cores others used, and errors.

    Errors are relative Frobenius norms over the first layers: from the exact sum, and from ours of the same result.
    """
    folders, others = sorted(folder.iterdir()), Bystanders(os.getpid())
    if contender.library == "ours":
        times = merge_ours(contender, folders, out)
    else:
        times = merge_peft(contender, folders, layers, out)
    figures = {**times, "peak_mb": peak_mb(), "others_cores": others.cores() or 0.0}
    found = first_layers(out)
    if contender.library == "peft" or merges.get(contender.merge).linear:
        figures["error"] = relative(found, concatenate([first_layers(one) for one in folders], WEIGHTS))
    if out.with_name(contender.rival or "none").exists():
        ours = first_layers(out.with_name(contender.rival))
        figures["from_ours"] = relative(found, {name: ours[name] for name in found})
    return figures


def merge_ours(contender: Contender, folders: Sequence[Path], out: Path) -> Figures:
    """Read, merge and write with ours."""
    begun = time.perf_counter()
    members = [read_folder(folder) for folder in folders]
    read = time.perf_counter()
    merge = merges.get(contender.merge)
    merged = combine(merge, ingredients(members, WEIGHTS), merge.schema(), contender.rank)
    combined = time.perf_counter()
    write_peft(out, merged.updates, "")
    times = {"read_s": read - begun, "merge_s": combined - read, "write_s": time.perf_counter() - combined}
    return {**times, "lost": truncation(merged.norms, merged.truncation)["whole"]}


def merge_peft(contender: Contender, folders: Sequence[Path], layers: int, out: Path) -> Figures:
    """Load, merge and save with peft, on a model that is there already."""
    import peft
    from transformers import XLMRobertaConfig, XLMRobertaModel

    config = XLMRobertaConfig(
        vocab_size=8, hidden_size=HIDDEN, intermediate_size=INNER, num_hidden_layers=layers, num_attention_heads=16
    )
    encoder = XLMRobertaModel(config, add_pooling_layer=False)
    names = [f"member{folder.name}" for folder in folders]
    begun = time.perf_counter()
    model = peft.PeftModel.from_pretrained(encoder, folders[0], adapter_name=names[0])
    for name, folder in zip(names[1:], folders[1:], strict=True):
        model.load_adapter(folder, adapter_name=name)
    read = time.perf_counter()
    model.add_weighted_adapter(names, WEIGHTS, "sum", combination_type=contender.merge, svd_rank=contender.rank)
    combined = time.perf_counter()
    model.save_pretrained(out, selected_adapters=["sum"])
    times = {"read_s": read - begun, "merge_s": combined - read, "write_s": time.perf_counter() - combined}
    for file in (out / "sum").iterdir():  # peft puts every name but `default` into a folder of its own
        file.rename(out / file.name)
    return times


def read_folder(folder: Path) -> Updates:
    """Return the updates in a peft folder."""
    return read_peft(folder).updates


def first_layers(folder: Path, layers: int = 2) -> Updates:
    """Return the updates of the first layers: random ones are all alike, and distances take longer than merges."""
    return {name: update for name, update in read_folder(folder).items() if int(name.split(".")[2]) < layers}


def relative(found: Updates, expected: Updates) -> float:
    """Return the Frobenius norm of the difference over that of `expected`, all layers together."""
    assert found.keys() == expected.keys()
    distances = [distance(found[layer], update) for layer, update in expected.items()]
    norms = [math.hypot(*(getattr(one, field) for one in distances)) for field in ("difference", "second")]
    return norms[0] / norms[1]


def peak_mb() -> float:
    """Return this process's largest resident size so far (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def make_table(options: argparse.Namespace, records: dict[str, dict[str, Any]]) -> Table:
    """Return the table for a person."""
    title = f"Merging {MEMBERS} LoRAs of rank {RANK}, {6 * options.layers} matrices of XLM-R Large's shapes"
    table = Table(title=f"{title}, threads: {options.threads}", box=SIMPLE_HEAD)
    for column in ("contender", "read", "merge", "write", "peak MB", "lost", "error", "slower", "memory"):
        table.add_column(column, justify="left" if column == "contender" else "right", no_wrap=True)
    lines = ["read, merge, write: seconds; lost: by the rank that is kept, of the merge's norm"]
    lines += ["error: from the exact sum, over the first two layers, of those that stand for it"]
    lines += ["slower, memory: peft's over ours of the same result, merging alone and peak"]
    lines += [f"{name}: {CONTENDERS[name].meaning}" for name in records]
    for name, record in records.items():
        table.add_row(name, *cells(record, records.get(CONTENDERS[name].rival), options.layers))
        if record["layers"] != options.layers:
            lines.append(
                f"* measured on {record['layers']} of {options.layers} layers: merge ({record['merge_s']:.2f} s) is "
                "scaled up, the rest is not"
            )
    lines += [f"meanwhile other programs used up to {max(one['others_cores'] for one in records.values()):.2f} cores"]
    lines += [
        f"{name}: {record['from_ours']:.1g} away from ours" for name, record in records.items() if "from_ours" in record
    ]
    table.caption = "\n".join(lines)
    return table


def cells(record: Mapping[str, float], rival: Mapping[str, float] | None, layers: int) -> list[str]:
    """Return one contender's figures as text; what was measured on fewer layers is marked."""
    mark = "" if record["layers"] == layers else "*"
    seconds = [f"{record['read_s']:.2f}{mark}", f"{record['merge_s_scaled']:.2f}", f"{record['write_s']:.2f}{mark}"]
    known = [f"{record[key]:.2g}" if key in record else "" for key in ("lost", "error")]
    ratios = [f"{record[key] / rival[key]:.3g}" for key in ("merge_s_scaled", "peak_mb")] if rival else ["", ""]
    return [*seconds, f"{record['peak_mb']:.0f}{mark}", *known, ratios[0], ratios[1] + mark if rival else ""]


if __name__ == "__main__":
    main()
