"""The run folder: what one training command leaves behind, and the record that makes it findable.

run.json        written last: without it the run is not finished
config.json     the resolved settings, written first: what a resumed command must agree with
adapter/ or encoder/, heads/, log.jsonl, checkpoints/, eval/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from adapterstilts.errors import UserError

SCHEMA = 1


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


class RunRecord(BaseModel):
    """The content of run.json."""

    model_config = ConfigDict(extra="ignore")  # a newer version may have written more

    schema_version: int = SCHEMA
    status: str
    fingerprint: str
    config: dict[str, Any]
    parents: list[Parent]
    base: Base
    data: dict[str, Any]
    packages: dict[str, str]
    seed: int
    best: dict[str, Any]
    budget: Budget
    cost: Cost


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
    def heads(self) -> list[str]:
        """The tasks that this run has a head for."""
        return sorted(path.stem for path in (self.path / "heads").glob("*.json"))


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
