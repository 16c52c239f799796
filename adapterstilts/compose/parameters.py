"""Means of bottlenecks, number by number: only for modules of one configuration and one beginning.

A bottleneck is not linear, so its modules have no sum. Where they began from the same numbers, the mean of their
parameters is what is known to work (AdapterSoup, Chronopoulou et al. 2023, arXiv 2302.07027); where they did not,
their units stand in another order and the mean is noise, so it is refused.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from adapterstilts.compose.members import Member
from adapterstilts.compose.merges import Layer, Merge, MergeSettings
from adapterstilts.compose.updates import Matrix
from adapterstilts.errors import UserError
from adapterstilts.methods.bottleneck import CONFIG, WEIGHTS

FORMULA = "p = 1/K sum_k p_k, for every parameter p"
SOURCE = "Chronopoulou et al. 2023, arXiv 2302.07027"
SAVED = 1e-6  # relative, of each tensor; fp32 rounds by 6e-8
Tensors = dict[str, NDArray[Any]]


def must_average(members: Sequence[Member]) -> None:
    """Raise UserError unless all members are single bottlenecks of one configuration and one initialisation."""
    first = members[0]
    for member in members:
        if member.run is None or len(member.modules) != 1:
            raise UserError(
                f"{member.path} holds {len(member.modules)} modules; only single bottlenecks have a mean",
                fix="average runs that began on the base, not on top of others",
            )
        other = _differs(first, member)
        if other:
            raise UserError(
                f"{first.path} and {member.path} cannot be averaged: {other}",
                fix="train both alike (same settings and start, same --seed or --set init_seed=N), or stack them",
            )


def mean(folders: Sequence[Path], out: Path) -> None:
    """Write the mean of bottleneck folders into `out`, in the form of the first.

    Raises UserError for damaged files, tensors that are not shared, NaN.
    """
    members = [_read(folder) for folder in folders]
    total = {key: _mean_tensor(key, members, folders) for key in members[0]}
    out.mkdir(parents=True)
    shutil.copyfile(folders[0] / CONFIG, out / CONFIG)
    name = _name(folders[0])
    save_file({_named(key, name): tensor.astype(np.float32) for key, tensor in total.items()}, out / WEIGHTS)


@dataclass(frozen=True)
class BottleneckIngredients:
    """Bottlenecks as a merge sees them that makes a mean: the parameters themselves, each a layer."""

    folders: Sequence[Path]
    weights: Sequence[float]
    digests: Sequence[str]
    reads: Sequence[Callable[[str], Matrix]]

    def layers(self) -> Iterator[Layer]:
        """Yield all parameters, those of one dimension as one row."""
        members = [_read(folder) for folder in self.folders]
        for key in members[0]:
            stacked = _stacked(key, members, self.folders)
            yield Layer(
                key.replace(".{}.", "."), list(stacked.reshape(len(members), -1, stacked.shape[-1])), self.reads
            )


def blend(given: BottleneckIngredients, merge: Merge, settings: MergeSettings, out: Path) -> None:
    """Write what a merge that is a mean makes of bottlenecks, parameter by parameter, in the form of the first."""
    first, name = _read(given.folders[0]), _name(given.folders[0])
    made = (np.asarray(delta) for _, delta in merge.combine(given, settings))
    pairs = zip(first.items(), made, strict=True)
    tensors = {_named(key, name): merged.reshape(own.shape).astype(np.float32) for (key, own), merged in pairs}
    out.mkdir(parents=True)
    shutil.copyfile(given.folders[0] / CONFIG, out / CONFIG)
    save_file(tensors, out / WEIGHTS)


def check_blend(out: Path, given: BottleneckIngredients, merge: Merge, settings: MergeSettings) -> dict[str, float]:
    """Return, by tensor, how far the file in `out` lies from the merge made again; a UserError above 1e-6."""
    made = (np.asarray(delta) for _, delta in merge.combine(given, settings))
    figures = {}
    for (key, saved), tensor in zip(_read(out).items(), made, strict=True):
        difference = saved.astype(np.float64) - tensor.reshape(saved.shape)
        figures[key] = float(np.linalg.norm(difference)) / (float(np.linalg.norm(tensor)) or 1.0)
        if not figures[key] <= SAVED:
            raise UserError(f"the file does not hold the merge of {key} ({figures[key]:.3g} away)", fix="merge again")
    return figures


def check_mean(out: Path, folders: Sequence[Path]) -> dict[str, float]:
    """Return, by tensor, how far the file in `out` lies from the mean of what lies in `folders`, relative to it.

    Raises UserError above 1e-6. All files are read again; members are taken off one by one.
    """
    saved, members = _read(out), [_read(folder) for folder in folders]
    figures = {}
    for key, tensor in saved.items():
        rest = len(members) * tensor.astype(np.float64)
        for member in members:
            rest = rest - member[key]
        size = float(np.linalg.norm(sum(member[key].astype(np.float64) for member in members)))
        figures[key] = float(np.linalg.norm(rest)) / (size or 1.0)
        if not figures[key] <= SAVED:
            raise UserError(f"the file does not hold the mean of {key} ({figures[key]:.3g} away)", fix="merge again")
    return figures


def _mean_tensor(key: str, members: Sequence[Tensors], folders: Sequence[Path]) -> NDArray[np.float64]:
    return np.asarray(_stacked(key, members, folders).mean(0))


def _stacked(key: str, members: Sequence[Tensors], folders: Sequence[Path]) -> NDArray[np.float64]:
    for member, folder in zip(members, folders, strict=True):
        if member.keys() != members[0].keys() or member[key].shape != members[0][key].shape:
            raise UserError(f"{folder} holds other tensors than {folders[0]}", fix="average alike trained bottlenecks")
    return np.stack([member[key].astype(np.float64) for member in members])


def _differs(one: Member, other: Member) -> str:
    """Say why two members may not be averaged; empty where they may."""
    assert one.run is not None
    assert other.run is not None
    mine, theirs = one.run.record, other.run.record
    settings, others = ({k: v for k, v in r.config["method"].items() if k != "dropout"} for r in (mine, theirs))
    if settings != others:
        changed = sorted(key for key in settings | others if settings.get(key) != others.get(key))
        return ", ".join(f"method.{key} is {settings.get(key)} and {others.get(key)}" for key in changed)
    if not mine.initialisation or mine.initialisation != theirs.initialisation:
        return (
            f"they began from other first weights ({mine.initialisation} with seed {mine.seed}, "
            f"{theirs.initialisation} with seed {theirs.seed})"
        )
    return ""


def _read(folder: Path) -> Tensors:
    """Return the tensors of a bottleneck folder under names without the module's own."""
    file = folder / WEIGHTS
    try:
        tensors = load_file(file)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{file} cannot be read: {str(error).splitlines()[0]}", fix="train the run again") from None
    name = _name(folder)
    for key, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise UserError(
                f"{folder}: the tensor {key!r} holds NaN or infinity", fix="its training failed: train again"
            )
    return {key.replace(f".{name}.", ".{}."): tensor for key, tensor in tensors.items()}


def _named(key: str, name: str) -> str:
    return key.replace(".{}.", f".{name}.")


def _name(folder: Path) -> str:
    try:
        return str(json.loads((folder / CONFIG).read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder / CONFIG} cannot be read: {error}", fix="train the run again") from None
