"""Methods: how a base is trained, and how what was trained is saved, loaded and merged. One file a method.

Method files import torch and peft only inside functions, so that listing methods stays light.
"""

from __future__ import annotations

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

    `name` inside a model tells apart the modules of several members; it is generated, never a person's.
    `attach` puts a fresh trainable module on an encoder and returns what to call from then on. `restore`
    gives the encoder with a run's module in place. `parameters` names the trained tensors the same way
    in every process. `save` writes the library's own format into a run folder and proves it by reading
    it back. `merge_into_base` returns a plain fp32 encoder that computes the same.
    """

    summary: str
    schema: type[MethodSettings]
    learning_rate: float
    learning_rate_source: str
    frozen_base: bool

    def attach(self, encoder: nn.Module, settings: MethodSettings, name: str) -> nn.Module: ...
    def restore(self, base: BaseFiles, run: Path, name: str) -> nn.Module: ...
    def parameters(self, encoder: nn.Module, name: str) -> Parameters: ...
    def activate(self, encoder: nn.Module, name: str) -> None: ...
    def save(self, encoder: nn.Module, name: str, run: Path, base: BaseFiles) -> int: ...
    def merge_into_base(self, encoder: nn.Module) -> nn.Module: ...


methods: Catalog[Method] = Catalog("adapterstilts.methods", "METHOD", "method")
