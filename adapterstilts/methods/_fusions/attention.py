"""Attention over frozen bottlenecks: AdapterFusion, through `adapters` (Pfeiffer et al. 2021, arXiv 2005.00247).

In every layer, query, key and value matrices of the encoder's own width weigh what the members give, token by token.
That is 3 x width^2 numbers a layer whatever the number of members: 75.5 million at XLM-R Large's size.

Three things of the library's trainer are done otherwise. The regulariser, 0.01 |V - I|^2 on every value matrix, is a
term of the loss here (`penalty`); there its gradient is added after the step and lost when a training is resumed. The
best checkpoint holds the head along with the attention. And names in files are those that their folders have.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from adapterstilts.config.schema import MethodSettings
from adapterstilts.console import log
from adapterstilts.errors import UserError
from adapterstilts.methods import Parameters
from adapterstilts.methods.bottleneck import METHOD as BOTTLENECK
from adapterstilts.methods.bottleneck import library

if TYPE_CHECKING:
    from torch import Tensor, nn

    from adapterstilts.base import BaseFiles

FOLDER = "fusion"
WEIGHTS = "model_adapter_fusion.safetensors"
CONFIG = "adapter_fusion_config.json"

_MARK = ".adapter_fusion_layer.fusion."  # one fusion an encoder, so its name in the library need not differ


class AttentionSettings(MethodSettings):
    """How far the value matrices may go from the identity that they begin as."""

    name: Literal["attention"] = "attention"
    regularisation: float = Field(
        0.01, ge=0, description="Times |V - I|^2 in the loss, V a layer's value matrix (adapters: 0.01)."
    )


class Attention:
    """AdapterFusion of the library's `dynamic` shape; members and base stay as they are."""

    summary = "attention over frozen bottlenecks in every layer, through adapters"
    schema: type[MethodSettings] = AttentionSettings
    learning_rate = 5e-5
    learning_rate_source = "run_fusion.py of efficient-task-transfer (Poth et al. 2021); not tuned here"
    frozen_base = True
    folder = "adapter"
    effect = ""

    def attach(self, encoder: nn.Module, settings: MethodSettings, name: str) -> nn.Module:
        """Put fresh attention over the active bottlenecks; the encoder's random generator draws its first values."""
        members = list(cast(Any, encoder).adapters_config.active_setup)
        _add(encoder, members)
        trained, whole = (
            sum(one.numel() for one in some) for some in (self.parameters(encoder, name).values(), encoder.parameters())
        )
        log(
            f"attention: {trained:,} numbers are trained, whatever the number of members ({trained / whole:.0%} of all)"
        )
        return encoder

    def restore(self, encoder: nn.Module, folder: Path, name: str) -> nn.Module:
        """Load the saved members and the attention over them, frozen; every tensor is checked to have arrived.

        Raises UserError: no `adapters`, missing or broken files, another hidden size.
        """
        import torch

        from adapterstilts.methods._proof import prove_equal

        members = [f"{name}_{number}" for number in range(_count(folder / FOLDER / CONFIG))]
        for number, member in enumerate(members):
            encoder = BOTTLENECK.restore(encoder, folder / str(number), member)
        with torch.random.fork_rng(devices=[]):  # first values, which the file's then take the place of
            _add(encoder, members)
        live, weights = self.parameters(encoder, name), folder / FOLDER / WEIGHTS
        _read(weights, live)
        prove_equal([weights], live, "loading the attention")
        return encoder.requires_grad_(False)

    def unfreeze(self, encoder: nn.Module, settings: MethodSettings, name: str) -> None:
        """Let restored attention be trained; its members stay frozen."""
        for parameter in self.parameters(encoder, name).values():
            parameter.requires_grad_(True)

    def parameters(self, encoder: nn.Module, name: str) -> Parameters:
        """Return the attention's tensors, under the names in its file; of a member, that bottleneck's."""
        if name in cast(Any, encoder).adapters_config.adapters:
            return BOTTLENECK.parameters(encoder, name)
        return {key: parameter for key, parameter in encoder.named_parameters() if _MARK in key}

    def activate(self, encoder: nn.Module, names: Sequence[str]) -> None:
        """Compute with the attention over its members, whichever they are."""
        known = cast(Any, encoder).adapters_config
        _, members = known.get_fusion(FOLDER)
        wanted = library().Fuse(*members, name=FOLDER)
        if known.active_setup != wanted:
            known.active_setup = wanted

    def penalty(self, encoder: nn.Module, settings: MethodSettings) -> Tensor | None:
        """Return what the loss of a step has added for value matrices that leave the identity; None: nothing."""
        import torch

        assert isinstance(settings, AttentionSettings)
        if not settings.regularisation:
            return None
        values = [tensor for key, tensor in self.parameters(encoder, "").items() if key.endswith(".value.weight")]
        identity = torch.eye(len(values[0]), device=values[0].device)
        return settings.regularisation * torch.stack([(value - identity).square().sum() for value in values]).sum()

    def save(self, encoder: nn.Module, name: str, folder: Path, base: BaseFiles) -> int:
        """Write the library's own two files into `fusion/`, beside the members' copies; return the weights' bytes."""
        from adapterstilts.methods._proof import prove_equal
        from adapterstilts.store.atomic import write_json

        place = folder / FOLDER
        place.mkdir(parents=True, exist_ok=True)
        cast(Any, encoder).save_adapter_fusion(str(place), FOLDER, use_safetensors=True)
        config = json.loads((place / CONFIG).read_text(encoding="utf-8"))
        members = [f"member_{number}" for number in range(len(config["adapter_names"]))]
        write_json(place / CONFIG, {**config, "adapter_names": members, "model_name": base.name})
        prove_equal([place / WEIGHTS], self.parameters(encoder, name), "saving the attention")
        return (place / WEIGHTS).stat().st_size

    def merge_into_base(self, encoder: nn.Module) -> nn.Module:
        """Raise UserError: no weights of the encoder compute what bottlenecks and attention compute."""
        return BOTTLENECK.merge_into_base(encoder)


def _add(encoder: nn.Module, members: Sequence[str]) -> None:
    model = cast(Any, encoder)
    model.add_adapter_fusion(list(members), "dynamic", name=FOLDER)
    model.adapter_fusion_to(FOLDER, device=model.device)


def _count(file: Path) -> int:
    try:
        return len(json.loads(file.read_text(encoding="utf-8"))["adapter_names"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} is no configuration of an attention", where=repr(error), fix="restore the file, or fuse again"
        ) from None


def _read(file: Path, live: Parameters) -> None:
    """Put the tensors of a file in the place of the live ones; a UserError where they are not the very same."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        saved = load_file(file)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{file} cannot be loaded: {error}", fix="restore the file, or fuse again") from None
    shapes = {key: tensor.shape for key, tensor in saved.items()}
    if shapes != {key: tensor.shape for key, tensor in live.items()}:
        raise UserError(f"{file} holds other tensors than this encoder's attention", fix="restore it, or fuse again")
    with torch.no_grad():
        for key, tensor in saved.items():
            live[key].copy_(tensor)


METHOD = Attention()
