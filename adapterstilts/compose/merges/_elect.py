"""Steps of the merges that look at every single entry: sieve each member, then join what is left, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from adapterstilts.compose.merges import Delta, Ingredients, Layer, MergeSettings
from adapterstilts.compose.merges._steps import few_at_once
from adapterstilts.compose.merges._trim import row_blocks, thresholds
from adapterstilts.compose.updates import Matrix
from adapterstilts.config.identity import derive_seed

Majority = Literal["total", "frequency"]
_DECIDED = 1e-10  # of all votes; what wins by less has been decided by rounding, and by a factor's form
Sieve = Callable[[int, Matrix], Matrix]  # a member and some of its rows, in their order: what is left of them
Join = Callable[[Sequence[Matrix]], Matrix]


class TrimSettings(MergeSettings):
    """How much of a member is kept."""

    density: float = Field(0.2, gt=0, le=1, description="Share of a member's entries that is kept: the largest ones.")
    scope: Literal["model", "layer"] = Field(
        "model", description="Largest within all layers that the member changes, or within each layer."
    )


class DropSettings(MergeSettings):
    """How much of a member is kept, by chance."""

    density: float = Field(0.5, gt=0, le=1, description="Share of entries that is kept, by chance.")
    seed: int = Field(0, description="Decides which entries are kept.")


def present(ingredients: Ingredients) -> list[int]:
    """Return the members whose weight is not 0, by digest, so that not even rounding follows the order given."""
    used = [member for member, weight in enumerate(ingredients.weights) if weight != 0.0]
    return sorted(used, key=lambda member: (ingredients.digests[member], ingredients.weights[member]))


def merged_by_rows(
    ingredients: Ingredients, sieve_of: Callable[[Layer], Sieve], join: Join
) -> Iterator[tuple[str, Delta]]:
    """Yield every layer, number by number: what `sieve_of(layer)` leaves of each member, times its weight, joined."""
    weights = {member: ingredients.weights[member] for member in present(ingredients)}
    yield from few_at_once(
        ingredients.layers(), lambda layer: (layer.name, joined(layer, weights, sieve_of(layer), join))
    )


def joined(layer: Layer, weights: Mapping[int, float], sieve: Sieve, join: Join) -> Matrix:
    """Return one layer of the members that have a weight: what the sieve leaves of each, times its weight, joined."""
    full = np.zeros(layer.shape)
    members = [member for member in weights if layer.changed_by(member)]
    for rows in row_blocks(layer.shape) if members else ():
        full[rows] = join([weights[member] * sieve(member, layer.dense(member, rows)) for member in members])
    return full


def trimming(ingredients: Ingredients, settings: TrimSettings) -> Callable[[Layer], Sieve]:
    """Return what keeps the largest entries of each member, by magnitude; equal ones stay together."""
    members = present(ingredients)
    if settings.scope == "model":
        whole = keeping(thresholds(ingredients.layers, members, settings.density))
        return lambda layer: whole
    return lambda layer: keeping(thresholds(lambda: [layer], members, settings.density))


def dropping(ingredients: Ingredients, settings: DropSettings) -> Callable[[Layer], Sieve]:
    """Return what keeps each entry by chance and divides it by the chance.

    The draws: numpy's `default_rng(derive_seed(seed, layer, digest))`, one fp32 number in [0, 1) an entry, row by row.
    """

    def sieve_of(layer: Layer) -> Sieve:
        draws = [np.random.default_rng(derive_seed(settings.seed, layer.name, one)) for one in ingredients.digests]

        def sieve(member: int, part: Matrix) -> Matrix:
            part *= draws[member].random(part.shape, dtype=np.float32) < settings.density
            part /= settings.density
            return part

        return sieve

    return sieve_of


def total(parts: Sequence[Matrix]) -> Matrix:
    """Return the sum of all members' parts."""
    whole = parts[0].copy()
    for part in parts[1:]:
        whole += part
    return whole


def electing(majority: Majority, scale: float = 1.0) -> Join:
    """Return what takes, entry by entry, the mean over the members that have the elected sign; 0 where none is."""

    def join(parts: Sequence[Matrix]) -> Matrix:
        elected = _elected(parts if majority == "total" else [np.sign(part) for part in parts])
        mean, count = np.zeros_like(elected), np.zeros(elected.shape, dtype=np.uint16)
        for part in parts:
            agreeing = part * elected
            np.maximum(agreeing, 0.0, out=agreeing)
            mean += agreeing
            count += agreeing > 0.0
        mean *= scale * elected
        mean /= np.maximum(count, 1)
        return mean

    return join


def _elected(votes: Sequence[Matrix]) -> Matrix:
    mass, cast = votes[0].copy(), np.abs(votes[0])
    for vote in votes[1:]:
        mass += vote
        cast += np.abs(vote)
    cast *= _DECIDED
    won = np.abs(mass) > cast
    return np.asarray(np.sign(mass, out=mass) * won)


def keeping(least: Mapping[int, float]) -> Sieve:
    """Return what keeps the entries of each member that reach a magnitude."""

    def sieve(member: int, part: Matrix) -> Matrix:
        if least[member] > 0.0:
            part *= np.abs(part) >= least[member]
        return part

    return sieve
