"""The run folder: what one training command leaves behind, and the record that makes it findable.

run.json        written last: without it the run is not finished
config.json     the resolved settings, written first: what a resumed command must agree with
adapter/        one module; or several, as adapter/0/, adapter/1/, ... and stack.json, bottom to top
                of a fusion by attention, its members' copies as adapter/0/, adapter/1/, ... and adapter/fusion/
weights/        the numbers of a fusion by layer weights, which adapter/ has multiplied in
encoder/        instead of it, where every weight was trained
heads/, log.jsonl, checkpoints/, eval/
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from adapterstilts.errors import UserError
from adapterstilts.store.atomic import write_json

SCHEMA = 1
STACK = "stack.json"


class TrainableParams(BaseModel):
    """How many numbers were trained."""

    adapter: int
    heads: int


class Cost(BaseModel):
    """What a run took; times in seconds, memory and files in bytes."""

    wall_s: float
    train_s: float
    tokens: int
    padded_tokens: int
    flops: float
    peak_memory_bytes: int
    trainable_params: TrainableParams
    adapter_bytes: int


class Budget(BaseModel):
    """How much training went into a run: examples seen and seconds, with and without the runs before it."""

    steps: int
    examples: int
    examples_with_parents: int
    train_s_with_parents: float


class Base(BaseModel):
    """The pretrained encoder: how it was named, and the digest that is its identity."""

    name: str
    fingerprint: str


class Parent(BaseModel):
    """A run that this one started from."""

    path: str
    fingerprint: str


class Guesses(BaseModel):
    """How well hidden tokens are guessed: mean loss of one in nats, its exponential, and the percentage guessed."""

    loss: float
    perplexity: float
    accuracy: float


class HeldOut(BaseModel):
    """The same hidden tokens of held-out text, by language: before the first step, and with the kept weights."""

    before: dict[str, Guesses]
    after: dict[str, Guesses]


class RunRecord(BaseModel):
    """The content of run.json.

    `initialisation` is a digest of the module's first weights: only modules that began alike may be averaged
    number by number. It is empty where every weight of the encoder was trained. `first_heads` are digests of the
    heads' first weights by task. `best` is the best look; its `average`, where there is one, is what was kept.
    `held_out` is for masked language modelling, alone or beside tasks. `source_languages` are those of all labelled
    rows that this run and the runs before it were trained on, sorted; None in a record of before there was a choice.
    """

    model_config = ConfigDict(extra="ignore")  # a newer version may have written more

    schema_version: int = SCHEMA
    status: str
    fingerprint: str
    config: dict[str, Any]
    parents: list[Parent]
    base: Base
    initialisation: str = ""
    first_heads: dict[str, str] = {}
    data: dict[str, Any]
    packages: dict[str, str]
    seed: int
    best: dict[str, Any]
    budget: Budget
    cost: Cost
    held_out: HeldOut | None = None
    source_languages: list[str] | None = None


def nothing_trained(before: Sequence[RunRecord] = (), adapter_bytes: int = 0, wall_s: float = 0.0) -> dict[str, Any]:
    """Return `budget` and `cost` of what trains nothing itself: the sums over the runs `before` it."""
    budget = Budget(
        steps=0,
        examples=0,
        examples_with_parents=sum(record.budget.examples_with_parents for record in before),
        train_s_with_parents=sum(record.budget.train_s_with_parents for record in before),
    )
    cost = Cost(
        wall_s=wall_s, train_s=0, tokens=0, padded_tokens=0, flops=0, peak_memory_bytes=0,
        trainable_params=TrainableParams(adapter=0, heads=0), adapter_bytes=adapter_bytes,
    )  # fmt: skip
    return {"budget": budget, "cost": cost}


class Module(NamedTuple):
    """One saved module of a run: the method that made it and the folder that it lies in."""

    method: str
    folder: Path


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and its record."""

    path: Path
    record: RunRecord

    @property
    def name(self) -> str:
        """The folder's own name, as tables show it."""
        return self.path.resolve().name

    @property
    def method(self) -> str:
        """The method that trained it."""
        return str(self.record.config["method"]["name"])

    @property
    def phase(self) -> str:
        """What made it: intermediate, target, mlm, merge, stack, average, or base (an untrained encoder's scores)."""
        return str(self.record.config["phase"])

    @property
    def source_languages(self) -> list[str]:
        """The languages of all labelled rows that it and the runs before it were trained on: never zero-shot."""
        if self.record.source_languages is not None:
            return self.record.source_languages
        if self.phase in ("base", "mlm"):
            return []
        return sorted({str(rows["language"]) for rows in self.record.data.values()}) or ["en"]  # there was no other

    @property
    def modules(self) -> list[Module]:
        """Its modules from bottom to top; none where the encoder itself was trained, or nothing."""
        adapter = self.path / "adapter"
        if (adapter / STACK).is_file():
            return read_stack(adapter)
        return [Module(self.method, adapter)] if adapter.is_dir() else []

    @property
    def heads(self) -> list[str]:
        """The tasks that this run has a head for."""
        return sorted(path.stem for path in (self.path / "heads").glob("*.json"))


def read_stack(adapter: Path) -> list[Module]:
    """Return the modules that `stack.json` names, bottom to top; each lies in a folder named by its number."""
    file = adapter / STACK
    try:
        listed = json.loads(file.read_text(encoding="utf-8"))["modules"]
        return [Module(str(one["method"]), adapter / str(number)) for number, one in enumerate(listed)]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} cannot be read: {error}", fix="restore the file, or make the stack again") from None


def copy_modules(modules: Sequence[Module], adapter: Path) -> None:
    """Copy saved modules into `adapter/0/`, `adapter/1/`, ..., byte by byte; of a link, what it leads to."""
    for number, module in enumerate(modules):
        shutil.copytree(module.folder, adapter / str(number), ignore=shutil.ignore_patterns(".*"))


def write_stack(adapter: Path, modules: Sequence[Module], sources: Sequence[str]) -> None:
    """Write stack.json: the modules' methods from bottom to top, and the run that each is from."""
    listed = [
        {"folder": str(number), "method": module.method, "from": source}
        for number, (module, source) in enumerate(zip(modules, sources, strict=True))
    ]
    write_json(adapter / STACK, {"schema_version": SCHEMA, "order": "bottom to top", "modules": listed})


def read_run(path: Path | str) -> Run:
    """Return the finished run in `path`; a UserError tells what is there instead."""
    folder = Path(path)
    file = folder / "run.json"
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", fix="give the --out of a training command")
    if not file.is_file():
        began = (folder / "config.json").is_file()
        raise UserError(
            f"{folder} holds {'an unfinished run' if began else 'no run'} (run.json is missing)",
            fix="start its training command again: it goes on" if began else "give the --out of a training",
        )
    try:
        record = RunRecord.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise UserError(f"{file} cannot be read: {first}", fix="restore the file, or train again") from None
    if record.schema_version > SCHEMA:
        raise UserError(
            f"{file} was written by a newer adapterstilts (schema {record.schema_version}, known: {SCHEMA})",
            fix="update with: pip install -U adapterstilts",
        )
    return Run(folder, record)
