"""What adapter_config.json says: read as text and numbers, refused where it means more than B A.

peft keeps dozens of variants under the one type LORA. Those that only tell how a training began are let pass;
everything else must be off, also what a later peft may add, or the sum of updates would not be what they compute.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from adapterstilts.errors import UserError

CONFIG = "adapter_config.json"
HEAD_FIX = "heads lie outside an adapter: train without task_type and modules_to_save, or take them out of both files"

_PLAIN = frozenset({
    "alpha_pattern", "auto_mapping", "base_model_name_or_path", "corda_config", "ensure_weight_tying", "eva_config",
    "exclude_modules", "inference_mode", "init_lora_weights", "layers_pattern", "layers_to_transform",
    "loftq_config", "lora_alpha", "lora_dropout", "lora_ga_config", "megatron_core", "peft_type", "peft_version",
    "qalora_group_size", "r", "rank_pattern", "revision", "runtime_config", "target_modules", "task_type",
    "use_rslora",
})  # fmt: skip
_FIRST_VALUES = (True, False, None, "gaussian", "orthogonal", "eva")  # none of them touches the base's weights
_REASONS = {
    "use_dora": (
        "is a DoRA, which rescales the base's weights and is no sum",
        "make a plain LoRA of it: adapterstilts export {} --to peft --rank R --base B --out DIR",
    ),
    "lora_bias": (
        "has biases beside its updates (lora_bias): they change the base's biases, which a sum of dW leaves alone",
        "train with lora_bias=False",
    ),
    "bias": ("has trained the base's biases", "train with bias='none'"),
    "modules_to_save": ("holds whole modules, such as a head", HEAD_FIX),
    "fan_in_fan_out": ("keeps its weights transposed", "train it on Linear layers"),
    "trainable_token_indices": ("has trained tokens of the vocabulary", "train without trainable_token_indices"),
    "layer_replication": ("repeats layers of the base", "train without layer_replication"),
    "target_parameters": ("changes parameters that are no Linear layers", "train with target_modules alone"),
}
_LARGEST = 1e30  # neither infinite nor anything that a training has used
Value = TypeVar("Value", int, float)


@dataclass(frozen=True)
class Settings:
    """The recorded settings of a LoRA; `ranks` and `alphas` are the exceptions, by peft's patterns."""

    r: int
    alpha: float
    rslora: bool
    target_modules: tuple[str, ...]
    base_name: str
    ranks: Mapping[str, int]
    alphas: Mapping[str, float]

    def ranks_of(self, module: str) -> set[int]:
        """Return the ranks that a module may have, by its name in the model that was trained."""
        return _matching(self.ranks, module) or {self.r}

    def alphas_of(self, module: str) -> set[float]:
        """Return the alphas that a module may have: more than one only where patterns contradict one another."""
        return _matching(self.alphas, module) or {self.alpha}


def read_settings(file: Path, *, dora: bool = False) -> Settings:
    """Read an adapter_config.json; a UserError names the setting that is not understood or cannot be added up.

    `dora`: it is to be a DoRA's, which is refused otherwise.
    """
    config = read_object(file)
    if dora and not config.get("use_dora"):
        raise UserError(f"{file.parent} is no DoRA", fix="leave --rank out, or merge with --how svd --rank R")
    _refuse(file.parent, {**config, "use_dora": False} if dora else config)
    fields = Fields(file, config)
    return Settings(
        r=fields.rank(config.get("r")),
        alpha=fields.number(config.get("lora_alpha")),
        rslora=fields.flag("use_rslora"),
        target_modules=fields.texts("target_modules"),
        base_name=fields.text("base_model_name_or_path"),
        ranks={pattern: fields.rank(value) for pattern, value in fields.patterns("rank_pattern").items()},
        alphas={pattern: fields.number(value) for pattern, value in fields.patterns("alpha_pattern").items()},
    )


@dataclass(frozen=True)
class Fields:
    """Values by type; each method raises UserError for a value of another one."""

    file: Path
    config: Mapping[str, Any]

    def rank(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self._wrong("a rank", value)
        return value

    def number(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
            raise self._wrong("an alpha", value)
        return float(value)

    def flag(self, key: str) -> bool:
        value = self.config.get(key) or False
        if not isinstance(value, bool):
            raise self._wrong(key, value)
        return value

    def text(self, key: str) -> str:
        value = self.config.get(key) or ""
        if not isinstance(value, str):
            raise self._wrong(key, value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.config.get(key) or []
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise self._wrong(key, value)
        return tuple(sorted(values))

    def patterns(self, key: str) -> dict[str, object]:
        value = self.config.get(key) or {}
        if not isinstance(value, dict):
            raise self._wrong(key, value)
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error:
                raise self._wrong(f"a pattern in {key}", pattern) from None
        return value

    def _wrong(self, what: str, value: object) -> UserError:
        return UserError(f"{self.file}: {what} cannot be {_short(value)}", fix="restore the file, or save it again")


def read_object(file: Path) -> dict[str, Any]:
    """Return what a JSON file holds; a UserError where that is no object."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{file} cannot be read: {reason}", fix="restore the file, or save it again") from None
    if not isinstance(value, dict):
        raise UserError(f"{file} holds no JSON object but {_short(value)}", fix="give a folder that peft has saved")
    return value


def _refuse(folder: Path, config: Mapping[str, Any]) -> None:
    kind, first = config.get("peft_type"), config.get("init_lora_weights", True)
    if kind != "LORA":
        raise UserError(f"{folder} is no LoRA but {_short(kind)}", fix="only LoRA updates can be added up")
    if not any(first is known or (isinstance(first, str) and first == known) for known in _FIRST_VALUES):
        raise UserError(
            f"{folder} began with init_lora_weights={_short(first)}, which may change the base's own weights",
            fix="let peft convert it: save_pretrained(..., path_initial_model_for_weight_conversion=...)",
        )
    for key, value in config.items():
        if key in _PLAIN or value in (None, False, "", "none", [], {}):
            continue
        reason, fix = _REASONS.get(key, (f"has a setting {key} that is not known", "train without it"))
        raise UserError(f"{folder} {reason}", where=f"{CONFIG}: {key} = {_short(value)}", fix=fix.format(folder))


def _matching(patterns: Mapping[str, Value], module: str) -> set[Value]:
    """Return the values of all patterns that end a module's name (peft, get_pattern_key).

    peft trains with the first that matches, but saves patterns sorted: which one was first is lost.
    """
    return {value for pattern, value in patterns.items() if re.match(rf"(.*\.)?({pattern})$", module)}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
