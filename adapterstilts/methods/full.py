"""Full fine-tuning: every weight of the encoder is trained (the original recipe)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from adapterstilts.config.schema import MethodSettings
from adapterstilts.methods import Parameters

if TYPE_CHECKING:
    from torch import nn

    from adapterstilts.base import BaseFiles


class FullSettings(MethodSettings):
    """Full fine-tuning has no settings of its own."""

    name: Literal["full"] = "full"


class Full:
    """The whole encoder is the trained module."""

    summary = "every weight of the encoder; the original recipe"
    schema: type[MethodSettings] = FullSettings
    learning_rate = 1e-5
    learning_rate_source = "jiant's XTREME scripts (e_run_models.sh)"
    frozen_base = False
    folder = "encoder"
    effect = ""

    def attach(self, encoder: nn.Module, settings: MethodSettings, name: str) -> nn.Module:
        """Make every weight trainable."""
        return encoder.requires_grad_(True)

    def restore(self, encoder: nn.Module, folder: Path, name: str) -> nn.Module:
        """Return the encoder: of a `full` run, the run's own encoder is the base that was loaded."""
        return encoder

    def unfreeze(self, encoder: nn.Module, settings: MethodSettings, name: str) -> None:
        """Make every weight trainable."""
        encoder.requires_grad_(True)

    def parameters(self, encoder: nn.Module, name: str) -> Parameters:
        """Return all weights."""
        return dict(encoder.named_parameters())

    def activate(self, encoder: nn.Module, names: Sequence[str]) -> None:
        """Do nothing: there is only one whole encoder."""

    def save(self, encoder: nn.Module, name: str, folder: Path, base: BaseFiles) -> int:
        """Write a transformers folder with its tokenizer; return its weights' bytes."""
        from adapterstilts.base import load_tokenizer
        from adapterstilts.methods._proof import prove_equal

        cast(Any, encoder).save_pretrained(folder)
        load_tokenizer(base).save_pretrained(folder)
        files = sorted(folder.glob("*.safetensors"))
        prove_equal(files, self.parameters(encoder, name), "saving the encoder")
        return sum(file.stat().st_size for file in files)

    def merge_into_base(self, encoder: nn.Module) -> nn.Module:
        """Return the encoder: there is nothing to merge."""
        return encoder


METHOD = Full()
