"""What the contenders of lora_training_cpu.py share: the task set to them, and whose turn it is.

Every contender first trains one whole pass over the rows untimed, in another order, so that what is compiled
for each new shape is compiled, as in the middle of a long run. Then, at each turn, it takes one more untimed
step (the others have just had the caches) and the timed ones. All timed turns together are one pass.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Setting:
    """What everybody trains: `base` is a folder, `folder` the place for passing files."""

    folder: str
    base: str
    mirror: str
    repeats: int
    steps: int
    threads: int
    seed: int
    task: str = "snli"
    labels: int = 3
    rank: int = 8
    alpha: int = 16
    learning_rate: float = 3e-4
    batch_size: int = 32
    max_length: int = 256

    @property
    def steps_of_a_pass(self) -> int:
        """Optimiser steps in one pass over the rows."""
        return self.repeats * self.steps

    @property
    def rows(self) -> int:
        """Rows that are trained on."""
        return self.steps_of_a_pass * self.batch_size

    def file(self, name: str) -> Path:
        """Return the path of a passing file."""
        return Path(self.folder) / name


def read_setting() -> Setting:
    """Read the setting from the file named in the first argument."""
    return Setting(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


class Turns:
    """The talk with lora_training_cpu.py: lines of JSON out, one line in for each turn."""

    def __init__(self) -> None:
        self.out, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no part of the talk

    def say(self, **fields: Any) -> None:
        """Send one line."""
        print(json.dumps(fields), file=self.out, flush=True)

    def wait(self) -> None:
        """Return when it is this contender's turn."""
        if not sys.stdin.readline():
            sys.exit("the benchmark has gone away")
