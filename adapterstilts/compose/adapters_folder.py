"""LoRA folders of the adapters library: read as updates, written so that adapters loads them; without the library.

adapters scales every LoRA of a folder by alpha / r and knows no attention-output LoRA on XLM-R. Under the architecture
`lora` it also keeps IA3, VeRA, DoRA and gates, none of which is a sum of updates: they are refused by what they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from adapterstilts.compose._files import MODULE, PLACES, PREFIX, own_file, read_tensors
from adapterstilts.compose._settings import CONFIG, Fields, Settings, read_object
from adapterstilts.compose.peft_folder import PeftAdapter, both, lora_tensors, rank_of
from adapterstilts.compose.updates import Matrix, Update, Updates
from adapterstilts.errors import UserError
from adapterstilts.store.atomic import write_json

WEIGHTS = "adapter.safetensors"

_PICKLES = ("pytorch_adapter.bin",)
_OUTPUT = "attention.output.dense"  # where adapters has no LoRA
_MATRICES = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value"}
_KEY = re.compile(rf"(?P<full>{PREFIX}(?P<name>{MODULE}))\.loras\.(?P<adapter>[^.]+)\.(?P<factor>lora_[AB])")
_PLAIN = frozenset({
    "architecture", "alpha", "r", "attn_matrices", "composition_mode", "dropout", "dtype", "init_weights",
    "init_weights_seed", "intermediate_lora", "leave_out", "output_lora", "selfattn_lora",
})  # fmt: skip
_REASONS = {
    "use_gating": "has gates, which weigh its update anew for every text",
    "use_dora": "is a DoRA, which rescales the base's weights",
    "vera_d": "is a VeRA, whose factors are not in the file",
    "vera_b": "is a VeRA, whose factors are not in the file",
}


def is_adapters(folder: Path) -> bool:
    """Whether a folder's settings are of the adapters library's kind."""
    file = folder / CONFIG
    if not file.is_file():
        return False
    config = read_object(file)
    return "peft_type" not in config and isinstance(config.get("config"), dict)


def read_adapters_settings(folder: Path) -> Settings:
    """Read the settings of a LoRA folder of adapters; a UserError says what is in it that is no plain LoRA."""
    file = own_file(folder, CONFIG, (), "adapters")
    whole = read_object(file)
    shape = whole.get("config")
    if not isinstance(shape, dict):
        raise UserError(f"{file} holds no configuration of adapters", fix="give a folder that adapters has saved")
    _refuse(folder, shape)
    outer, fields = Fields(file, whole), Fields(file, shape)
    return Settings(
        r=fields.rank(shape.get("r")),
        alpha=fields.number(shape.get("alpha")),
        rslora=False,
        target_modules=_places(fields),
        base_name=outer.text("model_name"),
        ranks={},
        alphas={},
    )


def read_adapters(folder: Path) -> PeftAdapter:
    """Read a LoRA that adapters has saved as safetensors; alpha / r is multiplied into the updates.

    It may have been saved from the encoder, a task class or a model with flexible heads. Raises UserError for what is
    no plain LoRA, and for files that are damaged, lie elsewhere or are pickles.
    """
    settings = read_adapters_settings(folder)
    file = own_file(folder, WEIGHTS, _PICKLES, "adapters (use_safetensors=True)")
    parts: dict[str, dict[str, Matrix]] = {}
    for match, tensor in read_tensors(file, partial(_parsed, folder)):
        part = parts.setdefault(match["name"], {})
        if match["factor"] in part:
            raise UserError(f"{folder} holds {match['name']} twice", fix="save one adapter into one folder")
        part[match["factor"]] = tensor
    if not parts:
        raise UserError(f"{file} holds no tensor", fix="save the adapter again")
    updates = {name: _update(folder, name, part, settings) for name, part in parts.items()}
    return PeftAdapter(updates, settings.r, settings.base_name, settings, bare=False)


def write_adapters(folder: Path, updates: Updates, name: str, about: Mapping[str, Any]) -> None:
    """Write fp32 files that adapters loads as LoRA `name`: alpha = r, so that the scale is exactly 1.

    Modules that adapters would give a LoRA and `updates` leaves alone get one of zeros. `about` is added to the
    settings: model_name, model_type, model_class, hidden_size. Raises UserError for updates of the attention's output.
    """
    output = [module for module in updates if module.endswith(_OUTPUT)]
    if output:
        raise UserError(
            f"{len(output)} updates are of {_OUTPUT}: adapters 1.3 silently ignores attention-output LoRA on XLM-R",
            where=f"such as {output[0]}",
            fix="export --to peft or --to transformers, or train without attention_output (all has it)",
        )
    shape = _shape(updates)
    tensors = lora_tensors(_filled(updates), lambda module, factor: f"{module}.loras.{name}.lora_{factor}")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    write_json(folder / CONFIG, {"name": name, "version": "adapters.1.3.0", **about, "config": shape})


def _shape(updates: Updates) -> dict[str, Any]:
    places, layers = {_place(module) for module in updates}, {_layer(module) for module in updates}
    return {
        "architecture": "lora",
        "alpha": rank_of(updates),
        "r": rank_of(updates),
        "attn_matrices": [letter for letter, place in _MATRICES.items() if place in places],
        "selfattn_lora": any(place in places for place in _MATRICES.values()),
        "intermediate_lora": "intermediate.dense" in places,
        "output_lora": "output.dense" in places,
        "leave_out": [layer for layer in range(max(layers)) if layer not in layers],
        "composition_mode": "add",
        "dropout": 0.0,
        "dtype": None,
        "init_weights": "lora",
        "init_weights_seed": None,
        "use_gating": False,
        "use_dora": False,
        "vera_b": None,
        "vera_d": None,
    }


def _filled(updates: Updates) -> Updates:
    """Return an update for every place in every layer that has any: adapters has no settings by module."""
    import numpy as np

    filled = dict(updates)
    likes = {_place(module): update.shape for module, update in updates.items()}
    for layer in {_layer(module) for module in updates}:
        for place, (out, into) in likes.items():
            module = f"encoder.layer.{layer}.{place}"
            filled.setdefault(module, Update(np.zeros((out, 0)), np.zeros((0, into))))
    return filled


def _layer(module: str) -> int:
    return int(module.split(".")[2])


def _place(module: str) -> str:
    return module.split(".", 3)[3]


def _refuse(folder: Path, shape: Mapping[str, Any]) -> None:
    kind = shape.get("architecture")
    if kind != "lora":
        what = "a bottleneck" if kind is None and "reduction_factor" in shape else f"{kind!r}"
        raise UserError(f"{folder} is no LoRA but {what}, which is no sum of updates", fix="only LoRAs can be added up")
    if shape.get("composition_mode", "add") != "add" or shape.get("init_weights") == "ia3":
        raise UserError(
            f"{folder} is an IA3: it scales what a layer gives (composition_mode = {shape.get('composition_mode')!r})",
            fix="only LoRAs that add can be added up",
        )
    for key, value in shape.items():
        if key in _PLAIN or value is None or value is False:
            continue
        reason = _REASONS.get(key, f"has a setting {key} that is not known")
        raise UserError(f"{folder} {reason}", where=f"{CONFIG}: {key} = {value!r}", fix="train a plain LoRA")


def _places(fields: Fields) -> tuple[str, ...]:
    letters = fields.texts("attn_matrices") if fields.config.get("selfattn_lora", True) else ()
    places = {_MATRICES[letter] for letter in letters if letter in _MATRICES}  # others have no effect on XLM-R
    for key, place in (("intermediate_lora", "intermediate.dense"), ("output_lora", "output.dense")):
        places |= {place} if fields.flag(key) else set()
    return tuple(sorted(places))


def _parsed(folder: Path, key: str) -> re.Match[str]:
    match = _KEY.fullmatch(key)
    if not match or match["name"].endswith(_OUTPUT):
        known = ", ".join(place for place in PLACES if place != _OUTPUT)
        raise UserError(
            f"{folder}: the tensor {key[:120]!r} is no LoRA of an encoder's Linear layer", fix=f"known places: {known}"
        )
    return match


def _update(folder: Path, name: str, part: Mapping[str, Matrix], settings: Settings) -> Update:
    a, b = both(folder, name, part)
    if a.shape[0] != settings.r:
        raise UserError(
            f"{folder}: {name} has rank {a.shape[0]}, but the settings say {settings.r}",
            where="so its scale, which follows from alpha and rank, cannot be told",
            fix=f"put right r and alpha in {CONFIG}, or save the adapter again",
        )
    return Update(settings.alpha / settings.r * b, a)
