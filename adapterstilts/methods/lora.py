"""LoRA: low-rank updates of the encoder's Linear layers through peft (Hu et al. 2021, arXiv 2106.09685).

LoRA sits on the encoder only, chosen by an explicit pattern. peft's own ways to choose modules would also
match random heads, and `output.dense` would match the attention's as well.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from adapterstilts.config.schema import MethodSettings
from adapterstilts.errors import UserError
from adapterstilts.methods import Parameters

if TYPE_CHECKING:
    from torch import nn

    from adapterstilts.base import BaseFiles

WEIGHTS = "adapter_model.safetensors"

_PLACES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
}
PLACES = tuple(_PLACES)
_MODULE = re.compile(rf"encoder\.layer\.(\d+)\.({'|'.join(map(re.escape, _PLACES.values()))})")
Place = Literal["query", "key", "value", "attention_output", "intermediate", "output", "all"]


class LoraSettings(MethodSettings):
    """Rank, scale, dropout and place of the updates."""

    name: Literal["lora"] = "lora"
    r: int = Field(8, ge=1, description="Rank of the updates.")
    alpha: float = Field(16.0, gt=0, description="Scale: the update is alpha / r times B A.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout on the input of A.")
    rslora: bool = Field(False, description="Scale by alpha / sqrt(r) instead (arXiv 2312.03732).")
    target_modules: tuple[Place, ...] = Field(
        ("query", "value"),
        min_length=1,
        description="Any of query, key, value, attention_output, intermediate, output; or all.",
    )
    layers: tuple[int, ...] | None = Field(None, description="Layers, counted from 0; none: all.")


class Lora:
    """A peft LoRA on the bare encoder; the base stays frozen."""

    summary = "low-rank updates on a frozen encoder, through peft"
    schema: type[MethodSettings] = LoraSettings
    learning_rate = 3e-4
    learning_rate_source = "Hu et al. 2021, appendix D, RoBERTa large on MNLI (recalled, not re-read)"
    frozen_base = True
    folder = "adapter"
    effect = "lora_B"

    def attach(self, encoder: nn.Module, settings: MethodSettings, name: str) -> nn.Module:
        """Freeze the encoder and put fresh updates (B = 0: no effect yet) on its Linear layers."""
        import peft

        assert isinstance(settings, LoraSettings)
        if not isinstance(encoder, peft.PeftModel):
            encoder.requires_grad_(False)
        shape: Any = encoder.config
        config = peft.LoraConfig(
            r=settings.r,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            use_rslora=settings.rslora,
            target_modules=target_pattern(settings.target_modules, settings.layers, shape.num_hidden_layers),
        )
        if isinstance(encoder, peft.PeftModel):  # a further member on the same encoder
            encoder.add_adapter(name, config)
            shared: nn.Module = encoder
            return shared
        module: nn.Module = peft.get_peft_model(encoder, config, adapter_name=name)
        return module

    def restore(self, encoder: nn.Module, folder: Path, name: str) -> nn.Module:
        """Load saved updates onto the encoder; every tensor is checked to have arrived."""
        import peft

        from adapterstilts.methods._proof import prove_equal

        weights = folder / WEIGHTS
        if not weights.is_file():
            raise UserError(f"{weights} is missing", fix="restore the file, or train again")
        if isinstance(encoder, peft.PeftModel):  # above other updates on the same encoder
            encoder.load_adapter(folder, adapter_name=name)
            module: nn.Module = encoder
        else:
            module = peft.PeftModel.from_pretrained(encoder, folder, adapter_name=name)
        _set_dropout(module, name, 0.0)  # frozen updates would drop as they did in their own training
        prove_equal([weights], self.parameters(module, name), "loading the adapter")
        return module

    def unfreeze(self, encoder: nn.Module, settings: MethodSettings, name: str) -> None:
        """Let restored updates be trained, with the dropout of `settings`."""
        assert isinstance(settings, LoraSettings)
        _set_dropout(encoder, name, settings.dropout)
        for parameter in self.parameters(encoder, name).values():
            parameter.requires_grad_(True)

    def parameters(self, encoder: nn.Module, name: str) -> Parameters:
        """Return the A and B of adapter `name`, under the names that peft writes into files."""
        mark = f".{name}."
        return {
            key.replace(mark, "."): parameter
            for key, parameter in encoder.named_parameters()
            if mark in key and ".lora_" in key
        }

    def activate(self, encoder: nn.Module, names: Sequence[str]) -> None:
        """Compute with the sum of these updates, and let the last of them be trained."""
        tuner = cast(Any, encoder).base_model
        if tuner.active_adapters != list(names):
            tuner.set_adapter(list(names))
            for below in names[:-1]:  # peft lets all of them be trained
                for parameter in self.parameters(encoder, below).values():
                    parameter.requires_grad_(False)

    def save(self, encoder: nn.Module, name: str, folder: Path, base: BaseFiles) -> int:
        """Write peft's own files; return the weights' bytes."""
        from adapterstilts.methods._proof import prove_equal

        # left to decide about embeddings by itself, peft would ask the Hub for a base of that name
        cast(Any, encoder).save_pretrained(folder, selected_adapters=[name], save_embedding_layers=False)
        for file in (folder / name).iterdir():  # peft puts every name but `default` into a folder of its own
            shutil.move(file, folder / file.name)
        (folder / name).rmdir()
        (folder / "README.md").unlink(missing_ok=True)  # peft's card is a form that nobody has filled in
        _name_base(folder / "adapter_config.json", base.name)
        prove_equal([folder / WEIGHTS], self.parameters(encoder, name), "saving the adapter")
        return (folder / WEIGHTS).stat().st_size

    def merge_into_base(self, encoder: nn.Module) -> nn.Module:
        """Add the active updates to the base's weights (which must be fp32) and return the plain encoder."""
        merged: nn.Module = cast(Any, encoder).merge_and_unload()
        return merged


def _set_dropout(encoder: nn.Module, name: str, share: float) -> None:
    """Let updates drop a share of their input when trained; also in the settings that a later save writes."""
    from torch import nn

    for module in encoder.modules():
        dropouts = getattr(module, "lora_dropout", {})
        if name in dropouts:
            dropouts[name] = nn.Dropout(share) if share else nn.Identity()
    cast(Any, encoder).peft_config[name].lora_dropout = share


def place_of(module: str) -> tuple[int, str]:
    """Return the layer's number and the place, as settings name it, of a Linear layer; a ValueError for another."""
    found = _MODULE.fullmatch(module)
    if not found:
        raise ValueError(f"no encoder has a Linear layer {module!r}")
    return int(found[1]), next(name for name, place in _PLACES.items() if place == found[2])


def settings_of(rank: int, modules: Sequence[str]) -> LoraSettings:
    """Return the settings that describe merged updates: a scale of 1, and the places and layers they change."""
    found = [match for match in map(_MODULE.fullmatch, modules) if match]
    names = {place: name for name, place in _PLACES.items()}
    places = cast(tuple[Place, ...], tuple(sorted({names[match[2]] for match in found})))
    layers = tuple(sorted({int(match[1]) for match in found}))
    return LoraSettings(r=rank, alpha=rank, target_modules=places, layers=layers)


def target_pattern(places: Sequence[str], layers: Sequence[int] | None, available: int) -> str:
    """Return the regular expression over module names that peft matches in full.

    Raises UserError for a layer that the encoder does not have.
    """
    chosen = list(_PLACES) if "all" in places else [place for place in _PLACES if place in places]
    names = "|".join(re.escape(_PLACES[place]) for place in chosen)
    bad = [layer for layer in layers or () if not 0 <= layer < available]
    if bad:
        raise UserError(
            f"method.layers: there is no layer {bad[0]}", fix=f"the encoder has layers 0 to {available - 1}"
        )
    numbers = "|".join(str(layer) for layer in sorted(layers)) if layers else r"\d+"
    return rf"(?:.*\.)?encoder\.layer\.(?:{numbers})\.(?:{names})"


def _name_base(file: Path, base: str) -> None:
    config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**config, "base_model_name_or_path": base}, indent=2), encoding="utf-8")


METHOD = Lora()
