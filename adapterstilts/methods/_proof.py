"""Read back what was written: a file holds exactly the tensors of the live module, or the save has failed.

peft drops tensors in silence when an adapter's name is also a path segment of the model; adapters loaded on
the wrong class stay at their first values with a warning. Both end here, loudly.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from adapterstilts.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


def prove_equal(files: list[Path], live: Mapping[str, Tensor], what: str) -> None:
    """Raise UserError unless the safetensors `files` together hold `live`: same names, bitwise values."""
    import torch
    from safetensors import safe_open

    seen: set[str] = set()
    for file in files:
        with safe_open(file, framework="pt") as tensors:
            for key in sorted(tensors.keys()):
                seen.add(key)
                if key not in live or not torch.equal(tensors.get_tensor(key), live[key].detach().cpu()):
                    raise UserError(f"{what}: tensor {key} differs between {file} and the model")
    absent = sorted(set(live) - seen)
    if absent:
        raise UserError(f"{what}: {len(absent)} of {len(live)} tensors are not in the files, such as {absent[0]}")
