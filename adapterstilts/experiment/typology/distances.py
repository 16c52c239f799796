"""How far two languages lie from each other, by the vectors of URIEL (Littell et al. 2017) in `uriel.json`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from adapterstilts.errors import UserError, nearest

FILE = Path(__file__).with_name("uriel.json")
FEATURES = ("syntax", "phonology", "inventory")
KINDS = (*FEATURES, "family", "geography")


@dataclass(frozen=True)
class _Language:
    """`features`: by kind what a language has; `size`: by kind how many there are; `place`: degrees north and east."""

    features: dict[str, frozenset[str]]
    attested: dict[str, float]
    place: tuple[float, float]


def distance(language: str, other: str = "en", kind: str = "syntax") -> float | None:
    """Return how far two languages (codes of the catalog) lie apart, between 0 and 1.

    `syntax`, `phonology` and `inventory`: the cosine distance 1 - cos(u, v) of URIEL's vectors, whose gaps it fills
    from a language's nearest neighbours (its `knn` sets). `family`: the same of the families and branches that a
    language belongs to. `geography`: the great circle between two places, 1 being the other side of the globe.

    None: a language is not in the table, or URIEL knows no family of it. Raises a UserError for another kind.
    """
    if kind not in KINDS:
        raise UserError(f"there is no typological distance {kind!r}", fix=nearest(kind, KINDS))
    one, two = _languages().get(language), _languages().get(other)
    if one is None or two is None:
        return None
    if kind == "geography":
        return _on_the_globe(one.place, two.place)
    return _cosine_distance(one.features[kind], two.features[kind])


def attested(language: str, kind: str = "syntax") -> float | None:
    """Return the share of a language's vector that some source attests; the rest is filled in from its neighbours.

    None: the language is not in the table, or the kind has nothing to fill in (family, geography).
    """
    found = _languages().get(language)
    return None if found is None else found.attested.get(kind)


def languages() -> list[str]:
    """Return the codes that the table holds."""
    return list(_languages())


def _cosine_distance(one: frozenset[str], two: frozenset[str]) -> float | None:
    """Return 1 - cos of two vectors of zeros and ones, given as the places of their ones; None where one has none."""
    if not one or not two:
        return None
    return 1 - len(one & two) / math.sqrt(len(one) * len(two))


def _on_the_globe(one: tuple[float, float], two: tuple[float, float]) -> float:
    """Return the angle between two places as a share of half a turn (the haversine formula, exact for near ones)."""
    (north, east), (other_north, other_east) = (tuple(map(math.radians, place)) for place in (one, two))
    across = math.sin((other_east - east) / 2) ** 2 * math.cos(north) * math.cos(other_north)
    return 2 * math.asin(math.sqrt(min(1.0, math.sin((other_north - north) / 2) ** 2 + across))) / math.pi


@cache
def _languages() -> dict[str, _Language]:
    table = json.loads(FILE.read_text(encoding="utf-8"))
    names: dict[str, list[str]] = table["features"]
    return {
        code: _Language(
            features={
                "family": frozenset(found["family"]),
                **{kind: _ones(names[kind], found[kind]) for kind in FEATURES},
            },
            attested={kind: found["attested"][kind] / len(names[kind]) for kind in FEATURES},
            place=(found["place"][0], found["place"][1]),
        )
        for code, found in table["languages"].items()
    }


def _ones(names: list[str], values: str) -> frozenset[str]:
    return frozenset(name for name, value in zip(names, values, strict=True) if value == "1")
