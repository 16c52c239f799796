"""A DoRA as the update it really makes, brought to a rank that is stated with what it costs.

DoRA (Liu et al. 2024, arXiv 2402.09353) computes with m (W + s B A) / ||W + s B A||, the norm and the magnitude m row
by row. Its update of the base is that less W. It rescales all of W as well, so it has full rank, and a LoRA of a given
rank is the nearest one, not the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapterstilts.compose._settings import CONFIG, read_object
from adapterstilts.compose.certificate import truncation
from adapterstilts.compose.peft_folder import rank_of, read_dora
from adapterstilts.compose.updates import Compressed, Matrix, Update, Updates
from adapterstilts.console import progress
from adapterstilts.errors import UserError

FORMULA = "dW = m (W + s B A) / ||W + s B A|| - W, row by row; then its best approximation of the rank"
USUAL = 4  # times its own rank: on the embedded base, own ranks lost a quarter of the update, four times a tenth


@dataclass(frozen=True)
class Converted:
    """A DoRA's update at a rank; `layers` says of each the norm of the full one and the share that was lost."""

    updates: Updates
    rank: int
    layers: Mapping[str, Mapping[str, float]]
    bare: bool

    def about(self) -> dict[str, Any]:
        """Return what an export says of it."""
        norms = {name: layer["norm"] for name, layer in self.layers.items()}
        errors = {name: layer["truncation"] for name, layer in self.layers.items()}
        lost = truncation(norms, errors)
        return {"from": "DoRA", "formula": FORMULA, "rank": self.rank, "truncation": lost, "layers": dict(self.layers)}


def is_dora(folder: Path) -> bool:
    """Whether a folder's settings are a peft DoRA's."""
    file = folder / CONFIG
    return file.is_file() and bool(read_object(file).get("use_dora"))


def convert_dora(folder: Path, weight_of: Callable[[str], Matrix], rank: int | None) -> Converted:
    """Return the nearest LoRA of `rank` to a DoRA; None means four times the DoRA's own largest rank.

    `weight_of` gives the base's weight (out, in) of a module, in float64. The truncation of a layer is the Frobenius
    norm of what was lost over that of the full update. Raises UserError for another base's shapes and a rank below 1.
    """
    if rank is not None and rank < 1:
        raise UserError(f"an update cannot have rank {rank}", fix="ranks begin with 1")
    adapter = read_dora(folder)
    wanted = rank or USUAL * adapter.rank
    updates: Updates = {}
    layers: dict[str, dict[str, float]] = {}
    with progress("layers of the DoRA", len(adapter.updates)) as bar:
        for name, update in adapter.updates.items():
            weight = weight_of(name)
            if weight.shape != update.shape:
                raise UserError(
                    f"{folder} changes a weight of {update.shape}, and the base's {name} is {weight.shape}",
                    fix="give the base that it was trained on: --base ID|DIR",
                )
            found = _nearest(_full(weight, update, adapter.magnitudes[name]), wanted)
            updates[name] = found.update
            layers[name] = {"norm": float(np.linalg.norm(found.singular)), "truncation": found.truncation}
            bar.advance()
    return Converted(updates, rank_of(updates), layers, adapter.bare)


def _full(weight: Matrix, update: Update, magnitude: Matrix) -> Matrix:
    moved = weight + update.left @ update.right
    norms = np.linalg.norm(moved, axis=1)
    if not norms.all():
        raise UserError("a row of W + s B A is zero, and cannot be rescaled", fix="this is not the DoRA's base")
    full: Matrix = (magnitude / norms)[:, None] * moved - weight
    return full


def _nearest(full: Matrix, rank: int) -> Compressed:
    """Return the best approximation of a dense update (Eckart and Young 1936), and all its singular values."""
    vectors_out, singular, vectors_in = np.linalg.svd(full, full_matrices=False)
    root = np.sqrt(singular[:rank])
    return Compressed(Update(vectors_out[:, :rank] * root, root[:, None] * vectors_in[:rank]), singular)
