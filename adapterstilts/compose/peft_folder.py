"""peft's LoRA folders, ours and anybody's: read as updates, written so that peft loads them.

A folder comes from outside. Its weights are read from safetensors alone, its settings are text and numbers, its
names must be those of an encoder's Linear layers; whatever else it holds is refused with a reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from adapterstilts.compose._settings import CONFIG, HEAD_FIX, Settings, read_settings
from adapterstilts.compose.updates import Matrix, Update, Updates
from adapterstilts.errors import UserError
from adapterstilts.store.atomic import write_json

WEIGHTS = "adapter_model.safetensors"

_PICKLES = ("adapter_model.bin", "adapter_model.pt")
_PLACES = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
_MODULE = rf"encoder\.layer\.(0|[1-9][0-9]{{0,3}})\.({'|'.join(map(re.escape, _PLACES))})"
_KEY = re.compile(
    rf"base_model\.model\.(?P<full>(?:(?:roberta|bert|xlm_roberta)\.)?(?P<name>{_MODULE}))"
    r"\.lora_(?P<factor>[AB])\.weight"
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
_NUMPY, _TORCH = {"F16", "F32", "F64"}, {"BF16", "F8_E4M3", "F8_E5M2"}


@dataclass(frozen=True)
class PeftAdapter:
    """A LoRA as it lies in a folder: its updates by module, its largest rank, the base it names, its settings."""

    updates: Updates
    rank: int
    base_name: str
    settings: Settings


def read_peft(folder: Path) -> PeftAdapter:
    """Read a peft LoRA; the scale, which may differ by module, is multiplied into the updates.

    It may have been saved from the encoder or from inside a task class; names begin with `encoder.` either way.
    Raises UserError, with the reason and what mends it, for everything that is not a sum of B A on Linear layers
    and for files that are damaged, lie elsewhere or are pickles. Nothing that the settings name is opened.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", fix="give a folder that peft has saved")
    settings = read_settings(_own_file(folder, CONFIG))
    pairs: dict[str, dict[str, Matrix]] = {}
    for full, factor, tensor in _factors(folder):
        pairs.setdefault(full, {})[factor] = tensor
    updates: Updates = {}
    for full, pair in pairs.items():
        name = full[full.index("encoder.") :]
        if name in updates:
            raise UserError(f"{folder} holds {name} twice, under two prefixes", fix="save the adapter again")
        updates[name] = _update(folder, full, pair, settings)
    if not updates:
        raise UserError(f"{folder / WEIGHTS} holds no tensor", fix="save the adapter again")
    rank = max(update.rank for update in updates.values())
    return PeftAdapter(updates, rank, settings.base_name, settings)


def write_peft(folder: Path, updates: Updates, base_name: str) -> None:
    """Write fp32 files that peft loads onto the bare encoder: r = lora_alpha, so that the scale is exactly 1.

    All layers get the largest rank (at least 1), smaller ones are filled up with zeros. `base_name` is recorded
    and not looked at. Raises UserError for no updates, a name that no encoder has, a number beyond fp32.
    """
    if not updates:
        raise UserError("there is no update to write", fix="merge members that change at least one layer")
    rank = max(1, *(update.rank for update in updates.values()))
    tensors = {}
    for name, update in sorted(updates.items()):
        missing = rank - update.rank
        tensors[f"base_model.model.{name}.lora_A.weight"] = _single(name, np.pad(update.right, ((0, missing), (0, 0))))
        tensors[f"base_model.model.{name}.lora_B.weight"] = _single(name, np.pad(update.left, ((0, 0), (0, missing))))
    config = {
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
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    write_json(folder / CONFIG, config)


def target_pattern(modules: Collection[str]) -> str:
    """Return the regular expression that, matched in full, matches exactly `modules`, in the encoder or a task class.

    Raises UserError for a name that is not an encoder's Linear layer.
    """
    places: dict[int, list[str]] = {}
    for module in modules:
        match = re.fullmatch(_MODULE, module)
        if not match:
            raise UserError(f"no encoder has a Linear layer {module!r}", fix=f"known places: {', '.join(_PLACES)}")
        places.setdefault(int(match[1]), []).append(match[2])
    alike: dict[tuple[str, ...], list[int]] = {}
    for layer, chosen in sorted(places.items()):
        alike.setdefault(tuple(sorted(chosen)), []).append(layer)
    parts = [
        rf"(?:{'|'.join(map(str, layers))})\.(?:{'|'.join(map(re.escape, chosen))})" for chosen, layers in alike.items()
    ]
    return rf"(?:.*\.)?encoder\.layer\.(?:{'|'.join(parts)})"


def _own_file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        pickles = [pickle for pickle in _PICKLES if (folder / pickle).exists()]
        if name == WEIGHTS and pickles:
            raise UserError(
                f"{folder} holds pickled weights alone ({pickles[0]}), which are never loaded",
                fix="where you trust them, load them with peft and save_pretrained again: it writes safetensors",
            )
        raise UserError(f"{folder} has no file {name}", fix="give a folder that peft has saved")
    own, cached = folder.resolve(), folder.resolve().parent.parent / "blobs"  # the Hub's cache: snapshots/X/ -> blobs/
    if not any(path.resolve().is_relative_to(place) for place in (own, cached)):
        raise UserError(f"{path} is a link that leaves its folder", fix="put a copy of the file in its place")
    return path


def _factors(folder: Path) -> Iterator[tuple[str, str, Matrix]]:
    """Yield the module, A or B, and the tensor of every key; the first key that is no such factor is refused."""
    file = _own_file(folder, WEIGHTS)
    try:
        with safe_open(file, framework="np") as tensors:
            kinds = {key: str(tensors.get_slice(key).get_dtype()) for key in sorted(tensors.keys())}
        matches = {key: _parsed(folder, key, kind) for key, kind in kinds.items()}
        # numpy has no bfloat16; only where a file has one is torch worth its second of import
        framework = "pt" if _TORCH & set(kinds.values()) else "np"
        with safe_open(file, framework=framework) as tensors:
            for key, match in matches.items():
                read = tensors.get_tensor(key)
                tensor = np.asarray(read.double() if framework == "pt" else read, dtype=np.float64)
                yield match["full"], match["factor"], _checked(folder, key, tensor)
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{file} cannot be read: {str(error).splitlines()[0]}", fix="it is damaged: restore it, or save it again"
        ) from None


def _parsed(folder: Path, key: str, kind: str) -> re.Match[str]:
    match = _KEY.fullmatch(key)
    if not match:
        raise _foreign(folder, key)
    if kind not in _NUMPY | _TORCH:
        raise UserError(f"{folder}: the tensor {key!r} holds {kind}, no floating-point numbers", fix="save it again")
    return match


def _checked(folder: Path, key: str, tensor: Matrix) -> Matrix:
    if not np.isfinite(tensor).all():
        raise UserError(f"{folder}: the tensor {key!r} holds NaN or infinity", fix="its training failed: train again")
    return tensor


def _update(folder: Path, full: str, pair: Mapping[str, Matrix], settings: Settings) -> Update:
    if len(pair) != 2:
        [there] = pair
        raise UserError(f"{folder}: {full} has lora_{there} and not the other factor", fix="save the adapter again")
    a, b = pair["A"], pair["B"]
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1] or not a.size or not b.size:
        raise UserError(
            f"{folder}: the factors of {full}, A {a.shape} and B {b.shape}, make no update", fix="save it again"
        )
    return Update(_scale(folder, full, a.shape[0], settings) * b, a)


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
    reason, fix = next(known, ("is no LoRA of an encoder's Linear layer", f"known places: {', '.join(_PLACES)}"))
    return UserError(f"{folder}: the tensor {key[:120]!r} {reason}", fix=fix)


def _single(name: str, factor: Matrix) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(factor, dtype=np.float32)
    if not np.isfinite(single).all():
        raise UserError(f"{name}: the merged update has numbers beyond fp32", fix="give smaller weights")
    return single
