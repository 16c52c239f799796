"""How large an encoder is, from its config.json or from memory: what planning asks instead of loading it."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

from adapterstilts.mini.embedded import MINI, embedded_base


class Shape(NamedTuple):
    """The sizes of an encoder of the families that we train."""

    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    positions: int

    @property
    def linear(self) -> int:
        """Weights of its Linear layers, which the arithmetic of a token goes through."""
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.intermediate)

    @property
    def parameters(self) -> int:
        """All its parameters, without pooler."""
        a_layer = 9 * self.hidden + self.intermediate  # biases and LayerNorms
        return self.linear + self.layers * a_layer + (self.vocabulary + self.positions + 3) * self.hidden


LARGE = Shape(24, 1024, 4096, 250_002, 514)
_KNOWN = {"xlm-roberta-large": LARGE, "xlm-roberta-base": Shape(12, 768, 3072, 250_002, 514)}


@cache
def shape_of(base: str | None) -> tuple[Shape, bool]:
    """Return a base's shape, and whether it is known: by name, or from files on this machine; else XLM-R Large's."""
    if base is None:
        return LARGE, True
    known = _KNOWN.get(base.removeprefix("FacebookAI/"))
    if known:
        return known, True
    for folder in (embedded_base(),) if base == MINI else (Path(base), *_in_hub_cache(base)):
        try:
            raw = json.loads((folder / "config.json").read_bytes())
            keys = ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size", "max_position_embeddings")
            return Shape(*(int(raw[key]) for key in keys)), True
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return LARGE, False


def _in_hub_cache(base: str) -> list[Path]:
    """Return where the Hub's own cache would have a base."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return sorted((hub / f"models--{base.replace('/', '--')}" / "snapshots").glob("*"))
