"""What statistics has made of a study's results: the frames that the page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Judged:
    """Differences with their intervals, in points. NaN stands where there is no figure.

    `low` and `high` bound a 95 % interval; with fewer than three seeds they are NaN, and `lowest` and `highest` are the
    range over seeds. `why`: the reason of a hole, "" where there is none. `p_holm`: p after Holm's correction.

    - `gains`: base, variant, method, way, target, languages ("zero-shot" or "en"), score, difference (to the baseline
      way of the same method), low, high, lowest, highest, p, p_holm, seeds (how many), detectable (the smallest
      difference that this many seeds and rows would show), effect, same_rows, why.
    - `against_reference`: base, variant, method, way, target, difference (to the reference method), low, high, lowest,
      highest, p_holm.
    - `kept`: base, variant, method, way, target, share (of the reference method's gain; 1 is all of it), low, high,
      why (there is none).
    - `selection`: base, variant, method, rule ("English dev", "averaged", "oracle"), target, way, score.
    """

    gains: pd.DataFrame
    against_reference: pd.DataFrame
    kept: pd.DataFrame
    selection: pd.DataFrame
