"""The four nearest neighbours both ways of many sentence vectors: ours beside faiss' flat index, in turn, on a CPU.

pip install faiss-cpu    (only this benchmark needs it; without it ours is measured alone)
python benchmarks/mining.py [--rows N] [--turns N] [--faiss-turns N]

Random vectors of length one, 1,024 wide, N on each side: both contenders are exact, so what the vectors are makes no
difference to either one's products. Every contender is a process of its own that makes the same vectors. A turn is a
part of the left side: its neighbours among the whole right side and the right side's neighbours in the part, as bitext
mining wants them. faiss, an IndexFlatIP a side, forms the products once a direction, as in XTREME's program; ours once
in all. Before each of its turns ours measures what torch's own product of two blocks reaches. With fewer turns for
faiss its seconds are scaled up.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _common import Bystanders, machine, say, wait_for_quiet, write_results
from _turns import Turns
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

HIDDEN, NEIGHBOURS = 1024, 4
BLOCK = 4096
Vectors = npt.NDArray[np.float32]
Search = Callable[[Vectors, Vectors], list[npt.NDArray[Any]]]  # rows and cosines forward, rows and cosines backward
Turn = dict[str, Any]


def main() -> None:
    """Measure, print the table and write results/mining.json; or be the process of one contender."""
    options = read_options()
    if options.worker:
        work(options)
        return
    names = ["ours"]
    if importlib.util.find_spec("faiss"):
        names.append("faiss")
    else:
        say("faiss is not installed (pip install faiss-cpu): ours is measured alone")
    with tempfile.TemporaryDirectory() as temporary:
        turns = measure(names, options, Path(temporary))
        difference = compare(Path(temporary), faiss_turns(options)) if len(names) > 1 else None
    record = make_record(turns, options, difference)
    Console().print(make_table(record))
    settings = {"rows": options.rows, "hidden": HIDDEN, "neighbours": NEIGHBOURS, "threads": options.threads}
    facts = machine(["adapterstilts", "numpy", "torch", *(["faiss-cpu"] if len(names) > 1 else [])])
    say(f"written: {write_results(options.name, {'settings': settings, **record, 'machine': facts})}")


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=150_000, help="vectors of each side")
    parser.add_argument("--turns", type=int, default=5, help="turns of each contender; all together are one search")
    parser.add_argument("--faiss-turns", type=int, help="turns of faiss, its seconds scaled up (none: all)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--patience", type=float, default=30.0, help="seconds to wait for a quiet machine")
    parser.add_argument("--name", default="mining", help="results/<name>.json")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def faiss_turns(options: argparse.Namespace) -> int:
    """Return how many turns faiss takes."""
    return int(options.faiss_turns or options.turns)


def measure(names: list[str], options: argparse.Namespace, folder: Path) -> dict[str, list[Turn]]:
    """Start the contenders, then let them take turns."""
    fixed = {"OMP_NUM_THREADS": str(options.threads), "OPENBLAS_NUM_THREADS": str(options.threads)}
    given = ["--rows", options.rows, "--turns", options.turns, "--threads", options.threads, "--folder", folder]
    workers = {
        name: subprocess.Popen(
            [sys.executable, __file__, "--worker", name, *map(str, given)],
            env={**os.environ, **fixed}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for name in names
    }  # fmt: skip
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    try:
        for name, worker in workers.items():
            say(f"{name}: ready in {listen(worker)['ready_s']:.0f} s")
        for number in range(options.turns):
            say(f"turn {number + 1} of {options.turns}")
            for name, worker in workers.items():
                if name == "faiss" and number >= faiss_turns(options):
                    continue
                wait_for_quiet(options.patience)
                others = Bystanders(worker.pid)
                assert worker.stdin
                worker.stdin.write("go\n")
                worker.stdin.flush()
                turns[name].append({**listen(worker), "others_cores": others.cores()})
    finally:
        for worker in workers.values():
            worker.kill()
            worker.wait()
    return turns


def listen(worker: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a contender says next."""
    assert worker.stdout
    line = worker.stdout.readline()
    if not line:
        sys.exit("a contender ended early")
    answer: dict[str, Any] = json.loads(line)
    return answer


def work(options: argparse.Namespace) -> None:
    """Make the vectors, then search one part of the left side at each turn."""
    talk, begun = Turns(), time.perf_counter()
    left, right = make_vectors(options.rows, 0), make_vectors(options.rows, 1)
    search, rate = (ours(options.threads), matrix_rate(right)) if options.worker == "ours" else (theirs(right), None)
    talk.say(ready_s=time.perf_counter() - begun)
    for number, part in enumerate(np.array_split(np.arange(options.rows), options.turns)):
        talk.wait()
        reached = rate() if rate else None
        queries = left[part[0] : part[-1] + 1]
        begun = time.perf_counter()
        found = search(queries, right)
        seconds = time.perf_counter() - begun
        np.savez(options.folder / f"{options.worker}-{number}.npz", *found)
        products = 2 * HIDDEN * len(queries) * options.rows
        talk.say(seconds=seconds, products=products, matrix_rate=reached, peak_mb=peak_mb())


def make_vectors(rows: int, seed: int) -> Vectors:
    """Return random vectors of length one, the same for every contender."""
    draw = np.random.default_rng(seed)
    vectors = np.empty((rows, HIDDEN), np.float32)
    for begin in range(0, rows, BLOCK):
        some = vectors[begin : begin + BLOCK]
        draw.standard_normal(out=some, dtype=np.float32)
        some /= np.linalg.norm(some, axis=1, keepdims=True)
    return vectors


def ours(threads: int) -> Search:
    """Return our search."""
    import torch

    from adapterstilts.evaluation.neighbours import both_ways

    torch.set_num_threads(threads)

    def search(left: Vectors, right: Vectors) -> list[npt.NDArray[Any]]:
        forward, backward = both_ways(left, right, NEIGHBOURS)
        return [*forward, *backward]

    return search


def theirs(right: Vectors) -> Search:
    """Return faiss' search; its index of the right side stays, as every turn needs it."""
    import faiss

    index = faiss.IndexFlatIP(HIDDEN)
    index.add(right)

    def search(left: Vectors, right: Vectors) -> list[npt.NDArray[Any]]:
        cosines, rows = index.search(left, NEIGHBOURS)
        other = faiss.IndexFlatIP(HIDDEN)
        other.add(left)
        back_cosines, back_rows = other.search(right, NEIGHBOURS)
        return [rows, cosines, back_rows, back_cosines]

    return search


def matrix_rate(vectors: Vectors) -> Callable[[], float]:
    """Return what measures the operations a second of torch's product of two blocks, the best of five."""
    import torch

    block = torch.from_numpy(vectors[:BLOCK])
    out = torch.empty(len(block), len(block))

    def rate() -> float:
        seconds = []
        for _ in range(5):
            begun = time.perf_counter()
            torch.mm(block, block.T, out=out)
            seconds.append(time.perf_counter() - begun)
        return 2 * HIDDEN * len(block) ** 2 / min(seconds)

    return rate


def peak_mb() -> float:
    """Return this process's largest resident size so far (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def compare(folder: Path, turns: int) -> dict[str, float]:
    """Return how far the cosines of both are apart at most, and the share of neighbours that are the same rows."""
    apart, same, count = 0.0, 0, 0
    for number in range(turns):
        mine, other = (list(np.load(folder / f"{name}-{number}.npz").values()) for name in ("ours", "faiss"))
        for place in (0, 2):
            same += int((mine[place] == other[place]).sum())
            count += mine[place].size
            apart = max(apart, float(np.abs(mine[place + 1] - other[place + 1]).max()))
    return {"cosines_apart": apart, "same_rows": same / count}


def make_record(
    turns: dict[str, list[Turn]], options: argparse.Namespace, difference: dict[str, float] | None
) -> dict[str, Any]:
    """Return what results/ keeps: seconds, peaks, faiss' time over ours turn by turn, our share of the matrix rate."""
    seconds = {name: [turn["seconds"] for turn in some] for name, some in turns.items()}
    shares = [turn["products"] / turn["seconds"] / turn["matrix_rate"] for turn in turns["ours"]]
    record: dict[str, Any] = {
        "contenders": {
            name: {
                "seconds": sum(seconds[name]) * options.turns / len(some),
                "peak_mb": max(turn["peak_mb"] for turn in some),
                "turns": some,
            }
            for name, some in turns.items()
        },
        "share_of_matrix_rate": spread(shares),
        "matrix_gflops": spread([turn["matrix_rate"] / 1e9 for turn in turns["ours"]]),
    }
    if "faiss" in turns:
        ratios = [other / mine for mine, other in zip(seconds["ours"], seconds["faiss"], strict=False)]
        record |= {"faiss_over_ours": spread(ratios), "difference": difference}
    return {"rows": options.rows, **record}


def spread(values: list[float]) -> dict[str, float]:
    """Return median, least and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def make_table(record: dict[str, Any]) -> Table:
    """Return the table for a person."""
    title = f"{NEIGHBOURS} neighbours both ways, {record['rows']:,} x {record['rows']:,} vectors of {HIDDEN:,}"
    table = Table(title=title, box=SIMPLE_HEAD)
    for column in ("contender", "seconds", "peak MB", "it / ours", "range"):
        table.add_column(column, justify="left" if column == "contender" else "right", no_wrap=True)
    ratio = record.get("faiss_over_ours")
    for name, one in record["contenders"].items():
        beside = [f"{ratio['median']:.2f}", f"{ratio['min']:.2f}..{ratio['max']:.2f}"] if name == "faiss" else ["", ""]
        scaled = " (scaled)" if len(one["turns"]) < len(record["contenders"]["ours"]["turns"]) else ""
        table.add_row(name + scaled, f"{one['seconds']:.1f}", f"{one['peak_mb']:.0f}", *beside)
    share, rate = record["share_of_matrix_rate"], record["matrix_gflops"]
    most = max(turn["others_cores"] or 0.0 for one in record["contenders"].values() for turn in one["turns"])
    lines = [
        f"ours reaches {share['median']:.0%} ({share['min']:.0%}..{share['max']:.0%}) of torch's own matrix rate, "
        f"{rate['median']:.0f} billion operations a second",
        f"meanwhile other programs used up to {most:.2f} cores",
    ]
    if difference := record.get("difference"):
        lines.append(
            f"{difference['same_rows']:.4%} of the neighbours are the same rows, the cosines at most "
            f"{difference['cosines_apart']:.1g} apart"
        )
    table.caption = "\n".join(lines)
    return table


if __name__ == "__main__":
    main()
