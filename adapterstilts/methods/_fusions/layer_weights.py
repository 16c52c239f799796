"""Layer weights: a trained number for every frozen LoRA in every layer (Prabhakar et al. 2024, arXiv 2410.13025).

The update of a Linear layer is sum_k w_k dW_k: the paper's learned concatenation. Members and base stay frozen. peft
adds several active LoRAs up; what each of them adds is multiplied by its number on the way, so that gradients reach
the numbers. What is left is a LoRA like any other: the members' factors side by side, the numbers multiplied in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from adapterstilts.config.schema import MethodSettings
from adapterstilts.errors import UserError
from adapterstilts.methods import Parameters
from adapterstilts.methods.lora import METHOD as LORA

if TYPE_CHECKING:
    from torch import nn

    from adapterstilts.base import BaseFiles
    from adapterstilts.methods._fusions._scalars import Scalars

WEIGHTS = "weights.safetensors"
READABLE = "weights.json"

_ON_ENCODER = "member_weights"
_START = "encoder.layer."


class LayerWeightsSettings(MethodSettings):
    """How many numbers a member has, and where they begin."""

    name: Literal["layer_weights"] = "layer_weights"
    per: Literal["layer", "module"] = Field(
        "layer", description="layer: a member has one number a layer of the encoder; module: one a Linear of it."
    )
    initial: tuple[float, ...] | None = Field(
        None, description="Where the members' numbers begin, in their order; none: 1/K each, their mean."
    )


class LayerWeights:
    """A number for every LoRA and layer; the members stay as they are."""

    summary = "a trained number for every frozen LoRA in every layer"
    schema: type[MethodSettings] = LayerWeightsSettings
    learning_rate = 2e-3
    learning_rate_source = "chosen here: a number must be able to move by 1 within a thousand steps; not tuned"
    frozen_base = True
    folder = "weights"
    effect = ""

    # what a run leaves is a LoRA
    restore, unfreeze, merge_into_base = LORA.restore, LORA.unfreeze, LORA.merge_into_base

    def attach(self, encoder: nn.Module, settings: MethodSettings, name: str) -> nn.Module:
        """Let the active LoRAs count by numbers that can be trained.

        Raises UserError for another number of first numbers than members.
        """
        from adapterstilts.methods._fusions._scalars import Scalars

        assert isinstance(settings, LayerWeightsSettings)
        members: list[str] = cast(Any, encoder).base_model.active_adapters
        first = settings.initial or (1 / len(members),) * len(members)
        if len(first) != len(members):
            raise UserError(
                f"method.initial has {len(first)} numbers, and there are {len(members)} members",
                fix="give one number a member, in their order, or leave it out",
            )
        places = [_places(encoder, member) for member in members]
        scalars = Scalars([{place: _row(place, settings.per) for place in some} for some in places], first)
        for number, some in enumerate(places):
            for place, linear in some.items():
                linear.register_forward_hook(scalars.hook(number, place))
        setattr(encoder, _ON_ENCODER, scalars)
        return encoder

    def parameters(self, encoder: nn.Module, name: str) -> Parameters:
        """Return the numbers, a vector a member; of a member, its A and B."""
        if name in cast(Any, encoder).peft_config:
            return LORA.parameters(encoder, name)
        return dict(scalars_of(encoder).named_parameters())

    def activate(self, encoder: nn.Module, names: Sequence[str]) -> None:
        """Compute with the weighted sum of the members, which are all names but the last."""
        tuner = cast(Any, encoder).base_model
        if tuner.active_adapters != list(names[:-1]):
            tuner.set_adapter(list(names[:-1]), inference_mode=True)

    def save(self, encoder: nn.Module, name: str, folder: Path, base: BaseFiles) -> int:
        """Write the numbers as tensors, a vector a member, and readable by module; return the tensors' bytes."""
        from safetensors.torch import save_file

        from adapterstilts.methods._proof import prove_equal
        from adapterstilts.store.atomic import write_json

        folder.mkdir(parents=True, exist_ok=True)
        live = self.parameters(encoder, name)
        save_file({key: tensor.detach().cpu().contiguous() for key, tensor in live.items()}, folder / WEIGHTS)
        prove_equal([folder / WEIGHTS], live, "saving the numbers")
        members = scalars_of(encoder).readable()
        modules = dict.fromkeys(module for member in members for module in member)
        write_json(folder / READABLE, {module: [member.get(module) for member in members] for module in modules})
        return (folder / WEIGHTS).stat().st_size


def scalars_of(encoder: nn.Module) -> Scalars:
    """Return the numbers that `attach` has put on an encoder."""
    found: Scalars = getattr(encoder, _ON_ENCODER)
    return found


def _places(encoder: nn.Module, member: str) -> dict[str, nn.Module]:
    """Return the member's B by the name of the Linear that it changes."""
    mark = f".lora_B.{member}"
    return {
        key[key.index(_START) : -len(mark)]: module for key, module in encoder.named_modules() if key.endswith(mark)
    }


def _row(place: str, per: str) -> str:
    """Return what shares one number: the module itself, or its layer."""
    return place if per == "module" else place.removeprefix(_START).split(".")[0]


METHOD = LayerWeights()
