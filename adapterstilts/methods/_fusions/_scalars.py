"""The trained numbers of layer weights. A file of its own, since it imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Scalars(nn.Module):
    """A vector of numbers a member. `rows`, member by member: what a Linear's number is shared by, by its name."""

    def __init__(self, rows: Sequence[Mapping[str, str]], first: Sequence[float]) -> None:
        super().__init__()
        self.rows = [_numbered(one) for one in rows]
        sizes = [len(set(one.values())) for one in rows]
        self.members = nn.ParameterList(torch.full((n,), value) for n, value in zip(sizes, first, strict=True))

    def of(self, member: int, place: str) -> Tensor:
        """Return the number (a scalar) of one member for one Linear."""
        number: Tensor = self.members[member][self.rows[member][place]]
        return number

    def hook(self, member: int, place: str) -> Callable[[nn.Module, Any, Tensor], Tensor]:
        """Return a hook that multiplies what a module gives by a number."""
        return lambda module, inputs, output: output * self.of(member, place)

    def readable(self) -> list[dict[str, float]]:
        """Return, member by member, the number of every Linear."""
        with torch.no_grad():
            return [{place: float(self.of(member, place)) for place in rows} for member, rows in enumerate(self.rows)]


def _numbered(rows: Mapping[str, str]) -> dict[str, int]:
    order = list(dict.fromkeys(rows.values()))
    return {place: order.index(row) for place, row in rows.items()}
