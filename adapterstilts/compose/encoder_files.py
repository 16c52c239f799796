"""Whole encoders as they lie in safetensors files: read some rows at a time, written one tensor after the other."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from adapterstilts.compose.updates import Matrix
from adapterstilts.errors import UserError

_OWN = re.compile(r"(?:\w+\.)?((?:embeddings|encoder)\..+)")  # a task's class has one name before the encoder's own
_OLD = {".gamma": ".weight", ".beta": ".bias"}  # how BERT's first files called a LayerNorm's numbers


class Piece(NamedTuple):
    """Some rows of one tensor, `begin` up to `end`, and how many numbers they are; one dimension is one row."""

    tensor: str
    begin: int
    end: int
    numbers: int

    @property
    def name(self) -> str:
        """What it is called in messages and draws."""
        return f"{self.tensor}[{self.begin}:{self.end}]"


@dataclass(frozen=True)
class Encoder:
    """The opened tensors of an encoder, by their names without a task class's prefix: the file and key of each."""

    folder: Path
    places: Mapping[str, tuple[Any, str]]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all tensors."""
        return {name: tuple(file.get_slice(key).get_shape()) for name, (file, key) in self.places.items()}

    def rows(self, piece: Piece) -> Matrix:
        """Return some rows of a tensor in float64; a UserError for NaN and infinity."""
        file, key = self.places[piece.tensor]
        part = file.get_slice(key)
        read = part[piece.begin : piece.end] if len(part.get_shape()) > 1 else file.get_tensor(key)[None]
        numbers = np.asarray(read.float().numpy() if hasattr(read, "float") else read)  # torch's where it has bfloat16
        if not np.isfinite(numbers).all():
            raise UserError(
                f"{self.folder}: the tensor {key!r} holds NaN or infinity", fix="its training failed: train again"
            )
        return numbers.reshape(len(numbers), -1).astype(np.float64)


@contextmanager
def opened(folder: Path, fix: str = "train the run again") -> Iterator[Encoder]:
    """Open the encoder in `folder`; heads and poolers that lie beside it are passed over.

    Raises UserError for no files, damaged ones and a tensor that is there twice.
    """
    places: dict[str, tuple[Any, str]] = {}
    with ExitStack() as stack:
        for path in sorted(folder.glob("*.safetensors")):
            try:
                file = stack.enter_context(safe_open(path, framework=_framework(path)))
            except (OSError, SafetensorError) as error:
                raise UserError(f"{path} cannot be read: {str(error).splitlines()[0]}", fix=fix) from None
            for key in sorted(file.keys()):
                name = _own_name(key)
                if name in places:
                    raise UserError(f"{folder} holds {name} twice", fix=fix)
                if name:
                    places[name] = file, key
        if not places:
            raise UserError(f"{folder} holds no encoder in safetensors files", fix=fix)
        yield Encoder(folder, places)


def pieces(shapes: Mapping[str, Sequence[int]], most: int) -> list[Piece]:
    """Return all tensors in their order, cut into pieces of at most `most` numbers, but of a row at least."""
    found = []
    for name, shape in shapes.items():
        rows, width = (shape[0], math.prod(shape[1:])) if len(shape) > 1 else (1, math.prod(shape))
        step = max(1, most // max(1, width))
        ends = [(begin, min(rows, begin + step)) for begin in range(0, rows, step)]
        found += [Piece(name, begin, end, (end - begin) * width) for begin, end in ends]
    return found


def write_tensors(path: Path, shapes: Mapping[str, Sequence[int]], parts: Iterable[NDArray[np.float32]]) -> None:
    """Write fp32 tensors as safetensors, none of them whole in memory: `parts` are their rows in the order of `shapes`.

    Raises ValueError where the parts are not as many numbers as the shapes say.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
    words = json.dumps(header).encode()
    words += b" " * (-len(words) % 8)  # numbers begin at a multiple of eight
    with path.open("wb") as out:
        out.write(struct.pack("<Q", len(words)) + words)
        for part in parts:
            out.write(np.ascontiguousarray(part, dtype="<f4").data)
        written = out.tell() - 8 - len(words)
    if written != end:
        raise ValueError(f"{path.name}: {written} bytes of numbers were written, and {end} announced")


def file_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in one file, in the order of their names."""
    with safe_open(path, framework="np") as file:
        return {key: tuple(file.get_slice(key).get_shape()) for key in sorted(file.keys())}


def _framework(path: Path) -> str:
    """Return what reads a file: numpy, or torch where it has bfloat16, which numpy does not know."""
    with safe_open(path, framework="np") as file:
        kinds = {str(file.get_slice(key).get_dtype()) for key in sorted(file.keys())}
    return "np" if kinds <= {"F16", "F32", "F64", "I64", "I32", "BOOL"} else "pt"


def _own_name(key: str) -> str:
    """Return a tensor's name in the bare encoder; nothing for what is no part of it, or no number that is learned."""
    found = _OWN.fullmatch(key)
    if not found or key.endswith("position_ids"):
        return ""
    for old, new in _OLD.items():
        if key.endswith(f"LayerNorm{old}"):
            return found[1].removesuffix(old) + new
    return found[1]
