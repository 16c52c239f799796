"""Saved modules on one encoder, bottom to top, all frozen.

Updates of one LoRA after another add up; a bottleneck is put above the one below it. Where the method
changes on the way up, what is below is merged into the base, in fp32: peft and adapters do not share a model.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from adapterstilts.errors import UserError
from adapterstilts.methods import Parameters, method_of
from adapterstilts.store.run import Module

if TYPE_CHECKING:
    from torch import nn


def restore_all(encoder: nn.Module, modules: Sequence[Module], top: str | None = None) -> tuple[nn.Module, list[str]]:
    """Put saved modules on a plain fp32 encoder and return it, with the names of those that stay apart.

    `top` is the method of what will be put above them, None for nothing. Modules of another method than
    their successor's are merged into the base; a UserError where a method cannot be merged.
    """
    groups = [(method, list(group)) for method, group in itertools.groupby(modules, lambda module: module.method)]
    must_stack([method for method, _ in groups], top)
    names: list[str] = []
    for index, (name, group) in enumerate(groups):
        method = method_of(name)
        names = [f"at_{index}_{number}" for number in range(len(group))]
        for module, module_name in zip(group, names, strict=True):
            encoder = method.restore(encoder, module.folder, module_name)
        method.activate(encoder, names)
        above = groups[index + 1][0] if index + 1 < len(groups) else top
        if above not in (None, name):
            encoder, names = method.merge_into_base(encoder), []
    return encoder.requires_grad_(False), names


def must_stack(order: Sequence[str], top: str | None) -> None:
    """Raise UserError for an order of methods (bottom to top) that cannot be computed."""
    above = [*order, *([top] if top else [])]
    for below, next_one in itertools.pairwise(above):
        if below == "bottleneck" and next_one != "bottleneck":
            what = "all weights cannot be trained from" if next_one == "full" else f"a {next_one} cannot stand above"
            raise UserError(
                f"{what} a bottleneck: it is no part of the encoder's weights and cannot be merged into them",
                fix="put LoRA runs below bottleneck runs, or train a bottleneck above it",
            )


def parameters_of(encoder: nn.Module, method: str, names: Sequence[str]) -> Parameters:
    """Return the tensors of several modules of one method, by module and name."""
    of = method_of(method).parameters
    return {f"{name}.{key}": tensor for name in names for key, tensor in of(encoder, name).items()}
