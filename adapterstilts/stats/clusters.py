"""Which test rows are drawn together: the same item in several languages, or each row alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adapterstilts.errors import UserError


@dataclass(frozen=True)
class Clusters:
    """The clusters of one language's rows. `of` (rows,) numbers them within their pool, which holds `size` of them.

    Languages of one pool are drawn by the same weights: what is drawn in one of them is drawn in all.
    """

    of: npt.NDArray[np.int64]
    size: int
    pool: int


def clusters(ids: Mapping[str, Sequence[str]], *, parallel: bool) -> dict[str, Clusters]:
    """Return the clusters of each language from its rows' ids.

    `parallel`: a row says the same in all languages that have its id, so those rows are one cluster, in one pool.
    Else each row is one, and each language a pool of its own. Neither the order of rows nor that of languages changes
    what is drawn. Raises UserError where a language has an id twice, or no row.
    """
    for language, names in ids.items():
        if len(set(names)) != len(names) or not names:
            what = "has an id twice" if names else "has no rows"
            raise UserError(f"language {language} {what}, so its rows cannot be drawn", where=f"{len(names)} rows")
    if not parallel:
        return {
            language: Clusters(_places(ids[language], sorted(ids[language])), len(ids[language]), pool)
            for pool, language in enumerate(sorted(ids))
        }
    known = sorted({name for names in ids.values() for name in names})
    return {language: Clusters(_places(names, known), len(known), 0) for language, names in ids.items()}


def _places(names: Sequence[str], known: Sequence[str]) -> npt.NDArray[np.int64]:
    place = {name: number for number, name in enumerate(known)}
    return np.array([place[name] for name in names], dtype=np.int64)
