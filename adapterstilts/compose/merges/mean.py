"""The plain mean of the members, exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence

from adapterstilts.compose.merges import Merge, Merged
from adapterstilts.compose.merges._steps import compressed_sum, refuse_rank
from adapterstilts.compose.updates import Updates
from adapterstilts.errors import UserError


def _combine(members: Sequence[Updates], weights: Sequence[float], rank: int | None) -> Merged:
    refuse_rank("mean", rank)
    if not all(math.isclose(weight * len(members), 1.0, rel_tol=1e-12) for weight in weights):
        raise UserError(
            f"the merge mean weighs each of {len(members)} members 1/{len(members)}, but {list(weights)} was given",
            fix="leave the weights out, or merge with linear",
        )
    return compressed_sum(members, weights, None)


MERGE = Merge(
    summary="the plain mean, exactly; its rank is at most the sum of the members' ranks",
    formula="dW = 1/K sum_k dW_k",
    source="uniform soup: Wortsman et al. 2022, arXiv 2203.05482; here on updates, not on their factors A and B",
    combine=_combine,
    equal_weights=True,
    takes_rank=False,
    exact=True,
)
