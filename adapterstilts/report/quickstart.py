"""`quickstart`: the main job from end to end, offline, in minutes, through the code that real runs use.

Until the embedded base is there it runs on rows about the embedded world and a tiny encoder of random weights: it
shows the machinery and the files, and its scores are evidence about nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from adapterstilts.console import log
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.mini.random_base import Shape, random_base
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.texts import texts_of
from adapterstilts.mini.tokenizer import write_tokenizer
from adapterstilts.report.compare import compare
from adapterstilts.report.comparison import Comparison
from adapterstilts.train.command import train_intermediate, train_target

INTERMEDIATE, TARGET = "snli", "udpos"
_MARK = "quickstart.txt"
_SETTINGS = {"train.max_steps": 200, "train.learning_rate": 2e-3, "data.max_length": 64}


class _Step(NamedTuple):
    """One training of the tour: its folder, its method, whether it is the target's, what it starts from."""

    name: str
    method: str
    target: bool = False
    start: str | None = None


_STEPS = (
    _Step("snli-lora", "lora"),
    _Step("snli-full", "full"),
    _Step("udpos-full", "full", target=True),
    _Step("udpos-lora", "lora", target=True),
    _Step("snli-lora-udpos", "lora", target=True, start="snli-lora"),
    _Step("snli-full-udpos", "full", target=True, start="snli-full"),
)


def quickstart(out: str | Path = "runs/quickstart") -> Comparison:
    """Run the three phases with LoRA and with full fine-tuning, and compare them; return the comparison.

    Everything lies in `out`. Run again, it repeats nothing; interrupted, it goes on. Raises UserError for a
    folder that holds something else.
    """
    folder = Path(out)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise UserError(f"{folder} holds something else", fix="choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).write_text(
        "Made by `adapterstilts quickstart`: the embedded world's rows, random weights.\n", encoding="utf-8"
    )
    mirror, base = _materials(folder)
    log("an invented world and an encoder of random weights: this shows the machinery, its scores mean nothing")
    targets = list(_runs(folder, mirror, base))
    for run in targets:
        evaluate(run, TARGET, settings={"resources.mirror": str(mirror)})
    return compare(targets)


def _materials(folder: Path) -> tuple[Path, Path]:
    """Make the rows, the vocabulary and the encoder, each once."""
    mirror, tokenizer, base = folder / "mirror", folder / "tokenizer", folder / "base"
    if not mirror.is_dir():
        write_rows(mirror, size=800)
    if not tokenizer.is_dir():
        write_tokenizer(texts_of(mirror), tokenizer, vocabulary=2000)
    if not base.is_dir():
        random_base(tokenizer, base, shape=Shape(layers=3, hidden=128))
    return mirror, base


def _runs(folder: Path, mirror: Path, base: Path) -> Iterator[Path]:
    """Train step by step and yield the target runs."""
    for number, step in enumerate(_STEPS, 1):
        log(f"[{number}/{len(_STEPS)}] {'target' if step.target else 'intermediate'} {step.name}")
        train, task = (train_target, TARGET) if step.target else (train_intermediate, INTERMEDIATE)
        begin: dict[str, Any] = {"start": folder / step.start} if step.start else {"base": str(base)}
        settings = {"resources.mirror": str(mirror), **_SETTINGS}
        run = train(task, out=folder / step.name, method=step.method, settings=settings, **begin)
        if step.target:
            yield run.path
