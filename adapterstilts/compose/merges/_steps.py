"""Steps that merges share."""

from __future__ import annotations

from collections.abc import Sequence

from adapterstilts.compose.merges import Merged
from adapterstilts.compose.updates import Updates, compress, concatenated_layers
from adapterstilts.errors import UserError


def compressed_sum(members: Sequence[Updates], weights: Sequence[float], rank: int | None) -> Merged:
    """Return the weighted sum in at most `rank` pairs a layer (None: as many as it needs), and relative errors."""
    layers = {layer: compress(update, rank) for layer, update in concatenated_layers(members, weights)}
    return Merged(
        {layer: compressed.update for layer, compressed in layers.items()},
        {layer: compressed.truncation for layer, compressed in layers.items()},
    )


def refuse_rank(name: str, rank: int | None) -> None:
    """Raise UserError where a rank was given to a merge whose rank follows from its members."""
    if rank is not None:
        raise UserError(f"the merge {name} takes no rank, but {rank} was given", fix="leave it out, or merge with svd")
