"""What was measured on a run's own training rows, in a file beside its record: Gram matrices and Fisher information.

Files are read layer by layer. Each says in its header which module it was measured with; another one is refused.
Gram matrices are symmetric, so their upper triangles are kept, row after row; query, key and value read the same
input and share one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from adapterstilts.compose.members import Member
from adapterstilts.compose.updates import Matrix
from adapterstilts.errors import UserError
from adapterstilts.store.places import remembered

Kind = Literal["gram", "fisher"]
ABOUT = "about"  # one word in a file's header, since several come in another order every time
_INPUT = ("query", "key", "value")


@dataclass(frozen=True)
class Statistics:
    """One measured file of one member; `read` gives what belongs to a layer."""

    kind: Kind
    file: Path
    member: str

    def digest(self) -> str:
        """Return a digest of the file, which decides a merge's result as the member itself does."""
        return remembered([self.file], lambda: hashlib.sha256(self.file.read_bytes()).hexdigest()[:16])

    def read(self, layer: str) -> Matrix:
        """Return a layer's Gram matrix (in, in), or its Fisher information (out, in), in float64."""
        key = input_of(layer) if self.kind == "gram" else layer
        try:
            with safe_open(self.file, framework="np") as tensors:
                if key not in set(tensors.keys()):
                    raise UserError(f"{self.file} has nothing measured for {layer}", fix=f"{self._again} --places all")
                numbers = np.asarray(tensors.get_tensor(key), dtype=np.float64)
        except (OSError, SafetensorError) as error:
            raise UserError(f"{self.file} cannot be read: {str(error).splitlines()[0]}", fix=self._again) from None
        if not np.isfinite(numbers).all() or (self.kind == "fisher" and (numbers < 0).any()):
            raise UserError(f"{self.file}: what was measured for {layer} is no {self.kind}", fix=self._again)
        return square(numbers) if self.kind == "gram" else numbers

    @property
    def _again(self) -> str:
        return f"measure again: adapterstilts statistics {self.member} --{self.kind}"


def open_statistics(members: Sequence[Member], kind: Kind) -> list[Statistics]:
    """Return what was measured of each member; a UserError names the command where it was not, or of another module."""
    found = []
    for member in members:
        file = file_of(member.path, kind)
        command = f"adapterstilts statistics {member.path} --{kind}"
        if member.run is None:
            raise UserError(f"{member.path} is a plain peft folder: its training rows are not known", fix="use a run")
        if not file.is_file():
            raise UserError(f"{member.path} has no {file.name}", fix=f"measure it: {command}")
        try:
            with safe_open(file, framework="np") as tensors:
                about = dict(json.loads((tensors.metadata() or {}).get(ABOUT, "{}")))
        except (OSError, SafetensorError, ValueError) as error:
            raise UserError(
                f"{file} cannot be read: {str(error).splitlines()[0]}", fix=f"measure again: {command}"
            ) from None
        if about.get("digest") != member.digest() or about.get("kind") != kind:
            raise UserError(f"{file} was measured with another module", fix=f"measure again: {command}")
        found.append(Statistics(kind, file, str(member.path)))
    return found


def file_of(run: Path, kind: Kind) -> Path:
    """Return where a run keeps what was measured."""
    return run / f"{kind}.safetensors"


def input_of(layer: str) -> str:
    """Return the name of what a Linear layer reads: query, key and value of one layer read the same."""
    before, _, last = layer.rpartition(".")
    return before if last in _INPUT else layer


def square(upper: Matrix) -> Matrix:
    """Return the symmetric matrix of an upper triangle; a UserError where it is none."""
    size = (isqrt(8 * upper.size + 1) - 1) // 2
    if upper.ndim != 1 or size * (size + 1) // 2 != upper.size:
        raise UserError(f"{upper.shape} numbers are no upper triangle", fix="measure again")
    full, at = np.zeros((size, size)), 0
    for row in range(size):
        full[row, row:] = full[row:, row] = upper[at : at + size - row]
        at += size - row
    return full
