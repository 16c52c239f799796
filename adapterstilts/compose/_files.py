"""Files from outside: opened only where they lie, read as safetensors alone, every number looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from adapterstilts.compose.updates import Matrix
from adapterstilts.errors import UserError

PLACES = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
MODULE = rf"encoder\.layer\.(0|[1-9][0-9]{{0,3}})\.({'|'.join(map(re.escape, PLACES))})"
PREFIX = r"(?:(?:roberta|bert|xlm_roberta)\.)?"  # of names saved from inside a task class

_NUMPY, _TORCH = {"F16", "F32", "F64"}, {"BF16", "F8_E4M3", "F8_E5M2"}


def own_file(folder: Path, name: str, pickles: Sequence[str], library: str) -> Path:
    """Return the file `name` of a folder that `library` has saved; a UserError for pickles alone and for links out."""
    path = folder / name
    if not path.is_file():
        there = [pickle for pickle in pickles if (folder / pickle).exists()]
        if there:
            raise UserError(
                f"{folder} holds pickled weights alone ({there[0]}), which are never loaded",
                fix=f"where you trust them, load them with {library} and save them again as safetensors",
            )
        raise UserError(f"{folder} has no file {name}", fix=f"give a folder that {library} has saved")
    own, cached = folder.resolve(), folder.resolve().parent.parent / "blobs"  # the Hub's cache: snapshots/X/ -> blobs/
    if not any(path.resolve().is_relative_to(place) for place in (own, cached)):
        raise UserError(f"{path} is a link that leaves its folder", fix="put a copy of the file in its place")
    return path


def read_tensors(file: Path, parse: Callable[[str], re.Match[str]]) -> Iterator[tuple[re.Match[str], Matrix]]:
    """Yield what `parse` makes of every key, with its tensor in float64; `parse` raises for the first foreign key.

    Raises UserError for a damaged file, other numbers than floating-point ones, NaN.
    """
    try:
        with safe_open(file, framework="np") as tensors:
            kinds = {key: str(tensors.get_slice(key).get_dtype()) for key in sorted(tensors.keys())}
        matches = {key: parse(key) for key in kinds}
        for key, kind in kinds.items():
            if kind not in _NUMPY | _TORCH:
                raise UserError(
                    f"{file}: the tensor {key!r} holds {kind}, no floating-point numbers", fix="save it again"
                )
        # numpy has no bfloat16; only where a file has one is torch worth its second of import
        framework = "pt" if _TORCH & set(kinds.values()) else "np"
        with safe_open(file, framework=framework) as tensors:
            for key, match in matches.items():
                read = tensors.get_tensor(key)
                tensor = np.asarray(read.double() if framework == "pt" else read, dtype=np.float64)
                yield match, _checked(file, key, tensor)
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{file} cannot be read: {str(error).splitlines()[0]}", fix="it is damaged: restore it, or save it again"
        ) from None


def _checked(file: Path, key: str, tensor: Matrix) -> Matrix:
    if not np.isfinite(tensor).all():
        raise UserError(f"{file}: the tensor {key!r} holds NaN or infinity", fix="its training failed: train again")
    return tensor
