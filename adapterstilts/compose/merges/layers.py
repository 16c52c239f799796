"""A weighted sum whose weights depend on the layer, and on the place inside it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from adapterstilts.compose.merges import Delta, Ingredients, Merge, MergeSettings
from adapterstilts.compose.merges._steps import weighted_sum
from adapterstilts.errors import UserError
from adapterstilts.methods.lora import PLACES, place_of

_PART = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?(?:\.([a-z_]+))?=([^=]+)")
_SHAPE = "write FIRST-LAST=W,W or FIRST-LAST.PLACE=W,W with one weight a member, such as 0-7=1,0; 8-23.output=0.5,0.5"


@dataclass(frozen=True)
class Part:
    """The weights of some layers, both ends included; `place` None means every Linear layer of them."""

    text: str
    first: int
    last: int
    place: str | None
    weights: Sequence[float]

    def covers(self, number: int, place: str) -> bool:
        """Whether a Linear layer, by its number and place, has these weights."""
        return self.first <= number <= self.last and self.place in (None, place)


def read_schedule(text: str) -> list[Part]:
    """Return the parts of a schedule; a ValueError tells which is none, and how one is written."""
    return [_part(word) for word in map(str.strip, text.split(";")) if word]


def _part(word: str) -> Part:
    found = _PART.fullmatch("".join(word.split()))
    if not found:
        raise ValueError(f"{word!r} is no part of a schedule; {_SHAPE}")
    first, last, place, numbers = found.groups()
    if place is not None and place not in PLACES:
        raise ValueError(f"{word!r}: there is no place {place!r} in a layer; known: {', '.join(PLACES)}")
    if int(last or first) < int(first):
        raise ValueError(f"{word!r} ends before it begins")
    try:
        weights = [float(number) for number in numbers.split(",")]
    except ValueError:
        raise ValueError(f"{word!r}: cannot read its weights; {_SHAPE}") from None
    if not all(map(math.isfinite, weights)):
        raise ValueError(f"{word!r}: weights are finite numbers")
    return Part(word, int(first), int(last or first), place, weights)


def _checked(text: str) -> str:
    """Return a schedule as a certificate keeps it, its parts in their order."""
    return "; ".join(part.text for part in read_schedule(text))


class LayersSettings(MergeSettings):
    """Which layers have which weights."""

    schedule: Annotated[str, AfterValidator(_checked)] = Field(
        "",
        description="FIRST-LAST[.PLACE]=W,W,... with one weight a member, parts divided by `;`, the later wins; "
        "what no part names has the weights of --weights.",
    )


def layer_by_layer(ingredients: Ingredients, settings: LayersSettings) -> Iterator[tuple[str, Delta]]:
    """Yield the sum of every layer at the weights that the schedule gives it.

    Raises UserError for a part with another number of weights than members, and for one that covers no layer.
    """
    parts = read_schedule(settings.schedule)
    for part in parts:
        if len(part.weights) != len(ingredients.weights):
            raise UserError(
                f"schedule: {part.text!r} has {len(part.weights)} weights for {len(ingredients.weights)} members",
                fix="give one weight a member, in their order",
            )
    idle = {part.text for part in parts}
    for layer in ingredients.layers():
        covering = [part for part in parts if part.covers(*place_of(layer.name))]
        idle -= {part.text for part in covering}
        yield layer.name, weighted_sum(layer, covering[-1].weights if covering else ingredients.weights)
    if idle:
        raise UserError(
            f"schedule: {sorted(idle)[0]!r} covers no layer that a member changes",
            fix="layers are counted from 0; leave the part out",
        )


MERGE = Merge(
    summary="a weighted sum, exactly, whose weights depend on layer and place (--set schedule=...)",
    formula="dW_l = sum_k w_kl dW_kl",
    source="layer swapping: Bandarkar et al. 2024, arXiv 2410.01335; here any weights, on updates",
    combine=layer_by_layer,
    kept="exact",
    schema=LayersSettings,
)
