"""Bottleneck adapters through `adapters`: small two-layer networks inside the frozen encoder.

Three published shapes, each with the library's own defaults: pfeiffer (Pfeiffer et al. 2020, arXiv
2005.00247), houlsby (Houlsby et al. 2019, arXiv 1902.00751), parallel (He et al. 2021, arXiv 2110.04366).
Only the up and down projections are trained; no shape here has a norm or a buffer of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from adapterstilts.config.schema import MethodSettings
from adapterstilts.errors import UserError
from adapterstilts.methods import Parameters

if TYPE_CHECKING:
    from torch import nn

    from adapterstilts.base import BaseFiles

WEIGHTS = "adapter.safetensors"
CONFIG = "adapter_config.json"

_CLASSES = {"pfeiffer": "SeqBnConfig", "houlsby": "DoubleSeqBnConfig", "parallel": "ParBnConfig"}
_OPEN = ("reduction_factor", "non_linearity", "dropout", "leave_out")  # what may differ within a variant


class BottleneckSettings(MethodSettings):
    """Shape, width, dropout and place of the bottlenecks."""

    name: Literal["bottleneck"] = "bottleneck"
    variant: Literal["pfeiffer", "houlsby", "parallel"] = Field(
        "pfeiffer",
        description="pfeiffer: after each feed-forward; houlsby: after each attention, too; parallel: beside it.",
    )
    reduction_factor: float = Field(16.0, gt=0, description="Hidden size over bottleneck size, rounded down.")
    non_linearity: Literal["relu", "leakyrelu", "gelu", "gelu_new", "swish", "tanh"] | None = Field(
        None, description="Inside the bottleneck; none: the library's own (relu, houlsby: swish)."
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout on what the bottleneck adds.")
    layers: tuple[int, ...] | None = Field(None, description="Layers, counted from 0; none: all.")


class Bottleneck:
    """An `adapters` bottleneck on the bare encoder; the base stays frozen.

    A fresh pfeiffer or houlsby bottleneck is near the identity, not equal to it; a parallel one has no effect.
    """

    summary = "small networks inside a frozen encoder, through adapters"
    schema: type[MethodSettings] = BottleneckSettings
    learning_rate = 1e-4
    learning_rate_source = "advice of the adapters developers (their issue 167: around 1e-4); not tuned here"
    frozen_base = True
    folder = "adapter"
    effect = "adapter_up"

    def attach(self, encoder: nn.Module, settings: MethodSettings, name: str) -> nn.Module:
        """Freeze the encoder and put fresh bottlenecks into it.

        Raises UserError: no `adapters`, a reduction factor above the hidden size, a layer that is not there.
        """
        assert isinstance(settings, BottleneckSettings)
        config = _configuration(settings, encoder.config)
        first = _open_encoder(encoder)
        model = cast(Any, encoder)
        model.add_adapter(name, config=config)
        model.adapter_to(name, device=model.device)
        if first:
            self.activate(encoder, [name])
        return encoder

    def restore(self, encoder: nn.Module, folder: Path, name: str) -> nn.Module:
        """Load saved bottlenecks into the encoder; every tensor is checked to have arrived.

        Raises UserError: no `adapters`, missing or broken files, another kind of adapter, another hidden size.
        """
        import torch

        from adapterstilts.methods._proof import prove_equal

        saved_name = _read_name(folder, cast(Any, encoder.config).hidden_size)
        weights = folder / WEIGHTS
        if not weights.is_file():  # adapters would take a pickle that lies beside
            raise UserError(f"{weights} is missing", fix="restore the file, or train again")
        first = _open_encoder(encoder)
        model = cast(Any, encoder)
        try:
            with torch.random.fork_rng(devices=[]):  # adapters draws first values before it reads the file
                model.load_adapter(str(folder), load_as=name, use_safetensors=True)
        except (OSError, RuntimeError) as error:  # truncated; of other shapes
            raise UserError(
                f"{weights} cannot be loaded",
                where=" ".join(str(error).split())[:300],
                fix="restore it, or train again",
            ) from None
        model.adapter_to(name, device=model.device)
        _set_up(encoder, name, dropout=0.0, trained=False)
        if first:
            self.activate(encoder, [name])
        prove_equal([weights], _in_file(self.parameters(encoder, name), saved_name), "loading the adapter")
        return encoder

    def unfreeze(self, encoder: nn.Module, settings: MethodSettings, name: str) -> None:
        """Let restored bottlenecks be trained, with the dropout of `settings`."""
        assert isinstance(settings, BottleneckSettings)
        known = cast(Any, encoder).adapters_config
        config = known.get(name).replace(dropout=settings.dropout)
        del known.adapters[name]
        known.add(name, config)  # what a later save writes
        _set_up(encoder, name, dropout=settings.dropout, trained=True)

    def parameters(self, encoder: nn.Module, name: str) -> Parameters:
        """Return the tensors of bottleneck `name`, under the names in its file without `name` itself."""
        mark = f".adapters.{name}."
        return {
            key.replace(mark, ".adapters."): parameter for key, parameter in encoder.named_parameters() if mark in key
        }

    def activate(self, encoder: nn.Module, names: Sequence[str]) -> None:
        """Compute with these bottlenecks, each on the output of the one before, and let the last be trained."""
        known = cast(Any, encoder).adapters_config
        if list(known.active_setup or ()) == list(names):
            return
        if any(known.get(name).is_parallel for name in names) and len(names) > 1:
            raise UserError(
                "a parallel bottleneck cannot stand above or below another: adapters would leave out one of them",
                fix="stack pfeiffer or houlsby bottlenecks, or train the parallel one on",
            )
        # set_active_adapters would first undo LoRAs, which are not here, and warn that nothing is active
        known.active_setup = library().Stack(*names)
        for below in names[:-1]:
            for parameter in self.parameters(encoder, below).values():
                parameter.requires_grad_(False)

    def save(self, encoder: nn.Module, name: str, folder: Path, base: BaseFiles) -> int:
        """Write the library's own two files; return the weights' bytes."""
        from adapterstilts.methods._proof import prove_equal

        folder.mkdir(parents=True, exist_ok=True)
        cast(Any, encoder).save_adapter(str(folder), name, with_head=False, use_safetensors=True)
        file = folder / CONFIG
        config = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps({**config, "model_name": base.name}, indent=2, sort_keys=True), encoding="utf-8")
        prove_equal([folder / WEIGHTS], _in_file(self.parameters(encoder, name), name), "saving the adapter")
        return (folder / WEIGHTS).stat().st_size

    def merge_into_base(self, encoder: nn.Module) -> nn.Module:
        """Raise UserError: no weights of the encoder compute what a non-linear bottleneck computes."""
        raise UserError(
            "a bottleneck cannot be merged into the base: it is not linear, and no part of the encoder's weights",
            fix="stack the runs instead, or use --method lora where a merge is wanted",
        )


def installed() -> bool:
    """Whether the adapters library can be imported."""
    try:
        library()
    except UserError:
        return False
    return True


def with_folder(encoder: nn.Module, folder: Path) -> nn.Module:
    """Load any folder that the library reads, LoRA as well, and compute with it; nothing is looked at or compared."""
    import torch

    _open_encoder(encoder)
    with torch.random.fork_rng(devices=[]):
        cast(Any, encoder).load_adapter(str(folder), use_safetensors=True, set_active=True)
    return encoder


def library() -> Any:
    """Return the adapters library, imported here alone; a UserError tells how to install it."""
    try:
        import adapters
    except ImportError as error:
        raise UserError(
            f"bottlenecks need the adapters library, which cannot be imported: {error}",
            where="adapters 1.3 works with transformers 4.57 and no other",
            fix="pip install 'adapterstilts[bottleneck]'",
        ) from None
    return adapters


def _configuration(settings: BottleneckSettings, shape: Any) -> Any:
    if settings.reduction_factor > shape.hidden_size:
        raise UserError(
            f"method.reduction_factor = {settings.reduction_factor:g}: nothing would be left of the encoder's "
            f"{shape.hidden_size} dimensions",
            fix=f"use at most {shape.hidden_size}; 16 is usual",
        )
    every = range(shape.num_hidden_layers)
    chosen = settings.layers or every
    bad = [layer for layer in chosen if layer not in every]
    if bad:
        raise UserError(
            f"method.layers: there is no layer {bad[0]}", fix=f"the encoder has layers 0 to {len(every) - 1}"
        )
    values: dict[str, Any] = {
        "reduction_factor": settings.reduction_factor,
        "dropout": settings.dropout,
        "leave_out": [layer for layer in every if layer not in chosen],
    }
    if settings.non_linearity:
        values["non_linearity"] = settings.non_linearity
    return getattr(library(), _CLASSES[settings.variant])(**values)


def _open_encoder(encoder: nn.Module) -> bool:
    """Make the encoder able to carry bottlenecks and freeze it; return whether it was not so before."""
    import torch

    found = library()
    if hasattr(encoder, "adapters_config"):
        return False
    encoder.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):  # or the first module's values would differ from a later one's
        found.init(encoder)
    return True


def _read_name(folder: Path, hidden_size: int) -> str:
    """Return the name inside the files of `folder`; a UserError where they do not hold one of our bottlenecks."""
    file = folder / CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        name, size, shape = str(config["name"]), int(config["hidden_size"]), dict(config["config"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} is no configuration of a bottleneck", where=repr(error), fix="restore the file, or train again"
        ) from None
    if not _is_ours(shape):
        raise UserError(
            f"{file} describes another kind of adapter than {', '.join(_CLASSES)}", fix="give the folder of a run"
        )
    if size != hidden_size:
        raise UserError(
            f"{folder} was trained on an encoder of {size} dimensions; this one has {hidden_size}",
            fix=f"use its own base: {config.get('model_name')}",
        )
    return name


def _is_ours(shape: Mapping[str, Any]) -> bool:
    found = library()
    try:
        saved = found.AdapterConfig.load(shape)
        values = {key: saved[key] for key in _OPEN}
        layers = tuple(values["leave_out"])
        BottleneckSettings(**{key: values[key] for key in _OPEN if key != "leave_out"}, layers=layers)  # sane values
        return any(getattr(found, kind)(**values) == saved for kind in _CLASSES.values())
    except (KeyError, TypeError, ValueError, AttributeError):  # other architectures have other keys
        return False


def _set_up(encoder: nn.Module, name: str, dropout: float, trained: bool) -> None:
    for key, module in encoder.named_modules():
        if key.endswith(f".adapters.{name}"):
            cast(Any, module).dropout.p = dropout
            module.requires_grad_(trained)


def _in_file(parameters: Parameters, name: str) -> Parameters:
    return {key.replace(".adapters.", f".adapters.{name}."): parameter for key, parameter in parameters.items()}


METHOD = Bottleneck()
