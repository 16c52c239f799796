"""Another module in the place of the lowest one, and back again, without reading the base a second time.

Of one method, all modules lie on the encoder at once, and which of them are active changes. Under a bottleneck,
updates are part of the base's weights; then the few weights that they touch are kept for each choice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from adapterstilts.methods import methods
from adapterstilts.methods._stack import restore_all
from adapterstilts.methods.lora import WEIGHTS
from adapterstilts.store.run import Module

if TYPE_CHECKING:
    from torch import Tensor, nn

_OWN = ""  # the key of the modules as they are; no language is called so


class Swappable(NamedTuple):
    """An encoder whose lowest module can be changed.

    `apart` names the modules that are no part of its weights, active or not. `use` takes a key, and any that no other
    module is known by means the lowest one itself.
    """

    encoder: nn.Module
    apart: list[str]
    use: Callable[[str], None]


def restore_swappable(encoder: nn.Module, modules: Sequence[Module], others: Mapping[str, Module]) -> Swappable:
    """Put saved modules on a plain fp32 encoder, bottom to top, with `others` to stand in for the lowest one by key.

    Until `use` is called the encoder computes with `modules`, and with any choice what `restore_all` would make of
    the same modules computes, to the last bit.
    """
    alike = all(module.method == modules[0].method for module in modules)
    return (_side_by_side if alike else _in_the_weights)(encoder, modules, others)


def _side_by_side(encoder: nn.Module, modules: Sequence[Module], others: Mapping[str, Module]) -> Swappable:
    encoder, names = restore_all(encoder, modules)
    method = methods.get(modules[0].method)
    lowest = {_OWN: names[0]}
    for number, (key, module) in enumerate(others.items()):
        lowest[key] = f"instead_{number}"
        encoder = method.restore(encoder, module.folder, lowest[key])

    def use(key: str) -> None:
        method.activate(encoder, [lowest.get(key, names[0]), *names[1:]])
        encoder.requires_grad_(False)

    use(_OWN)
    return Swappable(encoder, [*lowest.values(), *names[1:]], use)


def _in_the_weights(encoder: nn.Module, modules: Sequence[Module], others: Mapping[str, Module]) -> Swappable:
    lower = list(itertools.takewhile(lambda module: module.method == modules[0].method, modules))
    choices = {_OWN: lower, **{key: [module, *lower[1:]] for key, module in others.items()}}
    encoder, weights = _merged_weights(encoder, choices, modules[len(lower)].method)
    encoder, names = restore_all(encoder, modules)
    chosen = [_OWN]

    def use(key: str) -> None:
        key = key if key in weights else _OWN
        if [key] != chosen:
            _put(encoder, weights[key])
            chosen[:] = [key]

    return Swappable(encoder, names, use)


def _merged_weights(
    encoder: nn.Module, choices: Mapping[str, Sequence[Module]], above: str
) -> tuple[nn.Module, dict[str, dict[str, Tensor]]]:
    """Return for each choice the weights that merging it into the encoder makes, and the encoder as it was."""
    touched = {name for modules in choices.values() for module in modules for name in _touched(module)}
    before, found = _taken(encoder, touched), {}
    for key, modules in choices.items():
        encoder, _ = restore_all(encoder, modules, above)
        found[key] = _taken(encoder, touched)
        _put(encoder, before)
    return encoder, found


def _touched(module: Module) -> set[str]:
    """Return the names of the encoder's weights that a LoRA changes; its file may be of a class around the encoder."""
    from safetensors import safe_open

    with safe_open(module.folder / WEIGHTS, framework="pt") as tensors:
        layers = {key.split(".lora_")[0] for key in sorted(tensors.keys())}
    return {f"{layer[layer.index('encoder.layer.') :]}.weight" for layer in layers}


def _taken(encoder: nn.Module, names: set[str]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in encoder.named_parameters() if name in names}


def _put(encoder: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Write weights into the encoder, rounded as its own are."""
    import torch

    with torch.no_grad():
        for name, tensor in encoder.named_parameters():
            if name in weights:
                tensor.copy_(weights[name])
