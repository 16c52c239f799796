"""Statistics of a few seeds and many test items: intervals, corrections, shares, selection. numpy and scipy only.

What is computed and where it fails is said in docs/guide/statistics.md. Scores and differences are in points.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
