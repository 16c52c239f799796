"""The mean of safetensors files, number by number: heads, and whole encoders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from adapterstilts.errors import UserError

SAVED = 1e-6  # relative, of each tensor; fp32 rounds by 6e-8


def mean_file(files: Sequence[Path], out: Path) -> None:
    """Write the mean of safetensors files to `out`, computed in float64 and rounded once to the first one's types.

    What holds no floating-point numbers must be equal in all. Raises UserError for damaged files, tensors that are
    not shared, NaN. Of the members, one tensor is in memory at a time.
    """
    with _opened(files) as members:
        kept = {key: _mean(key, members, files) for key in sorted(members[0].keys())}
        out.parent.mkdir(parents=True, exist_ok=True)
        save_file(kept, out, metadata=members[0].metadata())


def check_file(out: Path, files: Sequence[Path]) -> dict[str, float]:
    """Return, by tensor, how far the file `out` lies from the mean of what lies in `files`, relative to it.

    Raises UserError above 1e-6. All files are read again; members are taken off one by one.
    """
    figures = {}
    with _opened([out, *files]) as (saved, *members):
        for key in sorted(saved.keys()):
            rest = len(files) * saved.get_tensor(key).astype(np.float64)
            total = np.zeros_like(rest)
            for member in members:
                tensor = member.get_tensor(key).astype(np.float64)
                rest, total = rest - tensor, total + tensor
            figures[key] = float(np.linalg.norm(rest)) / (float(np.linalg.norm(total)) or 1.0)
            if not figures[key] <= SAVED:
                raise UserError(
                    f"{out.name} does not hold the mean of {key} ({figures[key]:.3g} away)", fix="try again"
                )
    return figures


@contextmanager
def _opened(files: Sequence[Path]) -> Iterator[list[Any]]:
    """Open safetensors files; a UserError for one that is damaged or holds other tensors than the first."""
    with ExitStack() as stack:
        members = []
        for file in files:
            try:
                members.append(stack.enter_context(safe_open(file, framework="np")))
            except (OSError, SafetensorError) as error:
                reason = str(error).splitlines()[0]
                raise UserError(f"{file} cannot be read: {reason}", fix="train the run again") from None
            if _shapes(members[-1]) != _shapes(members[0]):
                raise UserError(
                    f"{file} holds other tensors than {files[0]}", fix="average runs that were trained alike"
                )
        yield members


def _shapes(member: Any) -> dict[str, list[int]]:
    return {key: member.get_slice(key).get_shape() for key in sorted(member.keys())}


def _mean(key: str, members: Sequence[Any], files: Sequence[Path]) -> NDArray[Any]:
    first = members[0].get_tensor(key)
    total = np.zeros(first.shape, np.float64)
    for member, file in zip(members, files, strict=True):
        tensor = member.get_tensor(key)
        if not np.issubdtype(tensor.dtype, np.floating):
            if not np.array_equal(tensor, first):
                raise UserError(f"{file}: the whole numbers {key!r} differ from those of {files[0]}", fix="train again")
        elif not np.isfinite(tensor).all():
            raise UserError(f"{file}: the tensor {key!r} holds NaN or infinity", fix="its training failed: train again")
        total += tensor
    return np.asarray((total / len(members)).astype(first.dtype))
