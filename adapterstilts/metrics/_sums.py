"""What main scores have in common that follow from sums: a share, and precision, recall and F1 of counted things."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


def share(sums: Numbers) -> Numbers:
    """Return the first number by the second in percent, (..., 2) to (...); 0 where the second is 0."""
    shares: Numbers = 100.0 * ratio(sums[..., 0], sums[..., 1])
    return shares


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> Numbers:
    """Return part by whole; 0 where the whole is 0."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    ratios: Numbers = np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole != 0)
    return ratios


def agreement(right: npt.ArrayLike, given: npt.ArrayLike, wanted: npt.ArrayLike) -> tuple[Numbers, Numbers, Numbers]:
    """Return precision, recall and F1 (0 to 1) of `right` things among those `given` and those `wanted`.

    Each is 0 where it would be 0 by 0.
    """
    precision, recall = ratio(right, given), ratio(right, wanted)
    return precision, recall, ratio(2 * precision * recall, precision + recall)


def f1_share(sums: Numbers) -> Numbers:
    """Return the F1 in percent of sums of what is right, given and wanted, (..., 3) to (...)."""
    *_, reached = agreement(sums[..., 0], sums[..., 1], sums[..., 2])
    return 100.0 * reached
