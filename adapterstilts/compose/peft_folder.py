"""peft's LoRA folders, ours and anybody's: read as updates, written so that peft loads them.

A folder comes from outside. Its weights are read from safetensors alone, its settings are text and numbers, its
names must be those of an encoder's Linear layers; whatever else it holds is refused with a reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from adapterstilts.compose._files import MODULE, PLACES, PREFIX, own_file, read_tensors
from adapterstilts.compose._settings import CONFIG, HEAD_FIX, Settings, read_settings
from adapterstilts.compose.updates import Matrix, Update, Updates
from adapterstilts.errors import UserError
from adapterstilts.store.atomic import write_json

WEIGHTS = "adapter_model.safetensors"

_PICKLES = ("adapter_model.bin", "adapter_model.pt")
_MAGNITUDE = "lora_magnitude_vector"
_KEY = re.compile(
    rf"base_model\.model\.(?P<full>{PREFIX}(?P<name>{MODULE}))"
    rf"\.(?P<factor>lora_A(?=\.weight)|lora_B(?=\.weight)|{_MAGNITUDE})(?:\.weight)?"
)
_FOREIGN = {  # what tells a tensor that is none of ours, and why it is refused
    "lora_magnitude": ("is a DoRA's magnitude", "train with use_dora=False"),
    "lora_embedding": ("changes an embedding", "train on the encoder's Linear layers alone"),
    "embeddings": ("belongs to an embedding", "train on the encoder's Linear layers alone"),
    "trainable_tokens": ("holds trained tokens", "train without trainable_token_indices"),
    "modules_to_save": ("is a whole module, such as a head", HEAD_FIX),
    "classifier": ("is a head's", HEAD_FIX),
    "score": ("is a head's", HEAD_FIX),
    "qa_outputs": ("is a head's", HEAD_FIX),
    "lm_head": ("is a head's", HEAD_FIX),
    "bias": ("is a bias", "train with bias='none' and lora_bias=False"),
}


@dataclass(frozen=True)
class PeftAdapter:
    """A LoRA as it lies in a folder: its updates by module, its largest rank, the base it names, its settings.

    `bare`: it was saved from the encoder itself, so that peft loads it there. `magnitudes`: a DoRA's, by module.
    """

    updates: Updates
    rank: int
    base_name: str
    settings: Settings
    bare: bool = True
    magnitudes: Mapping[str, Matrix] = field(default_factory=dict)


def read_peft(folder: Path) -> PeftAdapter:
    """Read a peft LoRA; the scale, which may differ by module, is multiplied into the updates.

    It may have been saved from the encoder or from inside a task class; names begin with `encoder.` either way.
    Raises UserError, with the reason and what mends it, for everything that is not a sum of B A on Linear layers
    and for files that are damaged, lie elsewhere or are pickles. Nothing that the settings name is opened.
    """
    return _read(folder, dora=False)


def read_dora(folder: Path) -> PeftAdapter:
    """Read a peft DoRA, as `read_peft` reads a LoRA; its updates are s B A alone, before `magnitudes` rescale."""
    adapter = _read(folder, dora=True)
    for name, update in adapter.updates.items():
        magnitude = adapter.magnitudes.get(name)
        if magnitude is None or magnitude.shape != (update.shape[0],):
            raise UserError(f"{folder}: {name} has no magnitude that fits its factors", fix="save the adapter again")
    return adapter


def write_peft(folder: Path, updates: Updates, base_name: str) -> None:
    """Write fp32 files that peft loads onto the bare encoder: r = lora_alpha, so that the scale is exactly 1.

    All layers get the largest rank (at least 1), smaller ones are filled up with zeros. `base_name` is recorded
    and not looked at. Raises UserError for no updates, a name that no encoder has, a number beyond fp32.
    """
    tensors = lora_tensors(updates, "base_model.model.{}.lora_{}.weight".format)
    config = peft_config(updates, base_name)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    write_json(folder / CONFIG, config)


def lora_tensors(updates: Updates, named: Callable[[str, str], str]) -> dict[str, NDArray[np.float32]]:
    """Return the factors in fp32 under the names that `named(module, A or B)` gives, all filled up to one rank.

    Raises UserError for no updates, and for a number beyond fp32.
    """
    if not updates:
        raise UserError("there is no update to write", fix="merge members that change at least one layer")
    rank = rank_of(updates)
    tensors = {}
    for name, update in sorted(updates.items()):
        missing = rank - update.rank
        tensors[named(name, "A")] = _single(name, np.pad(update.right, ((0, missing), (0, 0))))
        tensors[named(name, "B")] = _single(name, np.pad(update.left, ((0, 0), (0, missing))))
    return tensors


def rank_of(updates: Updates) -> int:
    """Return the largest rank of any layer, 1 at least."""
    return max([1, *(update.rank for update in updates.values())])


def peft_config(updates: Updates, base_name: str) -> dict[str, Any]:
    """Return peft's settings of what `lora_tensors` gives: r = lora_alpha, so that the scale is exactly 1."""
    rank = rank_of(updates)
    return {
        "peft_type": "LORA",
        "base_model_name_or_path": base_name,
        "task_type": None,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": rank,
        "use_rslora": False,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "modules_to_save": None,
        "target_modules": target_pattern(updates),
    }


def target_pattern(modules: Collection[str]) -> str:
    """Return the regular expression that, matched in full, matches exactly `modules`, in the encoder or a task class.

    Raises UserError for a name that is not an encoder's Linear layer.
    """
    places: dict[int, list[str]] = {}
    for module in modules:
        match = re.fullmatch(MODULE, module)
        if not match:
            raise UserError(f"no encoder has a Linear layer {module!r}", fix=f"known places: {', '.join(PLACES)}")
        places.setdefault(int(match[1]), []).append(match[2])
    alike: dict[tuple[str, ...], list[int]] = {}
    for layer, chosen in sorted(places.items()):
        alike.setdefault(tuple(sorted(chosen)), []).append(layer)
    parts = [
        rf"(?:{'|'.join(map(str, layers))})\.(?:{'|'.join(map(re.escape, chosen))})" for chosen, layers in alike.items()
    ]
    return rf"(?:.*\.)?encoder\.layer\.(?:{'|'.join(parts)})"


def _read(folder: Path, dora: bool) -> PeftAdapter:
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", fix="give a folder that peft has saved")
    settings = read_settings(own_file(folder, CONFIG, (), "peft"), dora=dora)
    file = own_file(folder, WEIGHTS, _PICKLES, "peft")
    parts: dict[str, dict[str, Matrix]] = {}
    names: dict[str, str] = {}
    for match, tensor in read_tensors(file, partial(_parsed, folder, dora)):
        name = match["name"]
        if names.setdefault(name, match["full"]) != match["full"]:
            raise UserError(f"{folder} holds {name} twice, under two prefixes", fix="save the adapter again")
        parts.setdefault(name, {})[match["factor"]] = tensor
    if not parts:
        raise UserError(f"{file} holds no tensor", fix="save the adapter again")
    magnitudes = {name: part.pop(_MAGNITUDE) for name, part in parts.items() if _MAGNITUDE in part}
    updates = {name: _update(folder, names[name], part, settings) for name, part in parts.items()}
    bare = all(name == full for name, full in names.items())
    return PeftAdapter(updates, rank_of(updates), settings.base_name, settings, bare, magnitudes)


def _parsed(folder: Path, dora: bool, key: str) -> re.Match[str]:
    match = _KEY.fullmatch(key)
    if not match or (match["factor"] == _MAGNITUDE and not dora):
        raise _foreign(folder, key)
    return match


def _update(folder: Path, full: str, pair: Mapping[str, Matrix], settings: Settings) -> Update:
    a, b = both(folder, full, pair)
    return Update(_scale(folder, full, a.shape[0], settings) * b, a)


def both(folder: Path, full: str, pair: Mapping[str, Matrix]) -> tuple[Matrix, Matrix]:
    """Return A (r, in) and B (out, r) of one module; a UserError where one is absent, or they do not fit."""
    if len(pair) != 2:
        there = "".join(pair)
        raise UserError(f"{folder}: {full} has {there} and not the other factor", fix="save the adapter again")
    a, b = pair["lora_A"], pair["lora_B"]
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1] or not a.size or not b.size:
        raise UserError(
            f"{folder}: the factors of {full}, A {a.shape} and B {b.shape}, make no update", fix="save it again"
        )
    return a, b


def _scale(folder: Path, full: str, rank: int, settings: Settings) -> float:
    """Return alpha / rank, or alpha / sqrt(rank) for rsLoRA (peft, LoraLayer.update_layer)."""
    ranks, alphas = settings.ranks_of(full), settings.alphas_of(full)
    if rank not in ranks or len(alphas) > 1:
        says = f"rank {min(ranks)}" if rank not in ranks else f"alpha {' and '.join(map(str, sorted(alphas)))}"
        raise UserError(
            f"{folder}: {full} has rank {rank}, but the settings say {says}",
            where="so its scale, which follows from alpha and rank, cannot be told",
            fix=f"put right r, rank_pattern, lora_alpha and alpha_pattern in {CONFIG}, or save the adapter again",
        )
    return alphas.pop() / (math.sqrt(rank) if settings.rslora else rank)


def _foreign(folder: Path, key: str) -> UserError:
    known = (answer for mark, answer in _FOREIGN.items() if mark in key)
    reason, fix = next(known, ("is no LoRA of an encoder's Linear layer", f"known places: {', '.join(PLACES)}"))
    return UserError(f"{folder}: the tensor {key[:120]!r} {reason}", fix=fix)


def _single(name: str, factor: Matrix) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(factor, dtype=np.float32)
    if not np.isfinite(single).all():
        raise UserError(f"{name}: the merged update has numbers beyond fp32", fix="give smaller weights")
    return single
