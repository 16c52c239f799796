"""Methods: how a base is trained, and how what was trained is saved, loaded and merged. One file a method.

Method files import torch and peft only inside functions, so that listing methods stays light.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from adapterstilts.config.schema import MethodSettings
from adapterstilts.registry import Catalog

if TYPE_CHECKING:
    from torch import nn

    from adapterstilts.base import BaseFiles

Parameters = dict[str, "nn.Parameter"]


class Method(Protocol):
    """One way to train a base.

    `name` inside a model tells apart the modules on one encoder; it is generated, never a person's. `folder`
    is where a run keeps what was trained. `attach` puts a fresh trainable module on an encoder, `restore` a
    saved one, frozen and without dropout; both return what to call from then on. `unfreeze` lets a restored
    module be trained on. `effect` is a part of the names of the tensors through which a module
    changes the encoder: where they are all zero it does nothing ("": there are no such). `parameters` names a
    module's tensors the same way in every process. `activate` computes with modules, bottom to top, of which only
    the last may be trained. `save` writes the library's own format and proves it by reading it back.
    `merge_into_base` returns a plain fp32 encoder that computes the same as the active modules.
    """

    summary: str
    schema: type[MethodSettings]
    learning_rate: float
    learning_rate_source: str
    frozen_base: bool
    folder: str
    effect: str

    def attach(self, encoder: nn.Module, settings: MethodSettings, name: str) -> nn.Module: ...
    def restore(self, encoder: nn.Module, folder: Path, name: str) -> nn.Module: ...
    def unfreeze(self, encoder: nn.Module, settings: MethodSettings, name: str) -> None: ...
    def parameters(self, encoder: nn.Module, name: str) -> Parameters: ...
    def activate(self, encoder: nn.Module, names: Sequence[str]) -> None: ...
    def save(self, encoder: nn.Module, name: str, folder: Path, base: BaseFiles) -> int: ...
    def merge_into_base(self, encoder: nn.Module) -> nn.Module: ...


methods: Catalog[Method] = Catalog("adapterstilts.methods", "METHOD", "method")

# What is trained above several modules that stay frozen: `fuse`, and not --method, asks for one of these. One may have
# `penalty(encoder, settings)`, a term of each step's loss, or None.
fusions: Catalog[Method] = Catalog("adapterstilts.methods._fusions", "METHOD", "way to fuse")


def method_of(name: str) -> Method:
    """Return what a module was made by: a method, or a fusion; a UserError where there is none of that name."""
    return fusions.get(name) if name in fusions.names() else methods.get(name)
