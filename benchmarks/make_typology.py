"""Make adapterstilts/experiment/typology/uriel.json: what URIEL says of each language of the catalog.

    pip download lang2vec==1.1.2 --no-deps && unzip lang2vec-1.1.2-py3-none-any.whl
    python benchmarks/make_typology.py lang2vec/data

No benchmark, but a table that is made as they are: by one command, from files that stay outside. Values come out as
they are in URIEL; only a place is computed, from a language's distances to 299 fixed points on the globe.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from _common import say

from adapterstilts.experiment.typology import FILE
from adapterstilts.store.atomic import write_text
from adapterstilts.tasks import tasks

PREFIXES = {"syntax": "S_", "phonology": "P_", "inventory": "INV_"}
ABOUT = {
    "source": "URIEL (Littell et al. 2017), as in lang2vec 1.1.2: the knn sets, families and places",
    "licence": "CC BY-SA 4.0, https://creativecommons.org/licenses/by-sa/4.0/",
    "made by": "benchmarks/make_typology.py; what it holds and what was changed: README.md beside it",
}


class Set:
    """One file of lang2vec: a matrix of languages by features."""

    def __init__(self, file: Path) -> None:
        with np.load(file, allow_pickle=False) as found:
            self.values = found["data"][:, :, 0]
            self.features: list[str] = found["feats"].tolist()
            self.row = {code: number for number, code in enumerate(found["langs"].tolist())}

    def of(self, code: str) -> np.ndarray:
        """Return a language's row."""
        return self.values[self.row[code]]


def main() -> None:
    """Write the table, a line a language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder lang2vec/data of the unpacked wheel")
    folder = parser.parse_args().data
    codes = json.loads((folder / "letter_codes.json").read_text(encoding="utf-8"))
    sets = {name: Set(folder / f"{name}.npz") for name in
            ("feature_predictions", "feature_averages", "family_features", "geocoord_features")}  # fmt: skip
    catalog = sorted({language for name in tasks.names() for language in tasks.get(name).languages})
    languages = {language: entry(codes.get(language, language), sets) for language in catalog}
    features = {
        kind: [name.removeprefix(prefix) for name in sets["feature_predictions"].features if name.startswith(prefix)]
        for kind, prefix in PREFIXES.items()
    }
    write_text(FILE, as_text({**ABOUT, "features": features}, languages))
    say(f"{FILE.name}: {len(languages)} languages, {FILE.stat().st_size / 1000:.0f} kB")


def entry(code: str, sets: dict[str, Set]) -> dict[str, Any]:
    """Return what is known of a language: its features as zeros and ones, and how many of them are attested."""
    predicted, average, family = (sets[name] for name in ("feature_predictions", "feature_averages", "family_features"))
    found: dict[str, Any] = {"code": code, "place": place(sets["geocoord_features"], code)}
    found["attested"] = {kind: int((average.of(code)[chosen(average, kind)] >= 0).sum()) for kind in PREFIXES}
    for kind in PREFIXES:
        values = predicted.of(code)[chosen(predicted, kind)]
        if not np.isin(values, (0, 1)).all():
            raise ValueError(f"{kind} of {code} is not binary")
        found[kind] = "".join(str(int(value)) for value in values)
    names = zip(family.features, family.of(code), strict=True)
    return {**found, "family": [name.removeprefix("F_") for name, member in names if member]}


def chosen(found: Set, kind: str) -> np.ndarray:
    """Return which features are of a kind."""
    return np.array([name.startswith(PREFIXES[kind]) for name in found.features])


def place(points: Set, code: str) -> list[float]:
    """Return latitude and longitude in degrees, to one decimal.

    A distance is a share of half the globe's circumference, so its cosine is the product of two unit vectors: the
    point's and the language's. 299 such products give the language's three coordinates by least squares.
    """
    latitude, longitude = np.radians([list(map(float, name.split("_")[1:])) for name in points.features]).T
    fixed = np.c_[np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]
    vector, *_ = np.linalg.lstsq(fixed, np.cos(np.pi * points.of(code).astype(float)), rcond=None)
    if abs(np.linalg.norm(vector) - 1) > 0.01:
        raise ValueError(f"the distances of {code} fit no place on the globe")
    east, north, up = vector / np.linalg.norm(vector)
    return [round(float(np.degrees(angle)), 1) for angle in (np.arcsin(up), np.arctan2(north, east))]


def as_text(about: dict[str, Any], languages: dict[str, Any]) -> str:
    """Return JSON with a line a language, so that a change of one is a change of one line."""
    head = json.dumps(about, ensure_ascii=False, indent=1).removesuffix("\n}")
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(found)}" for name, found in languages.items())
    return f'{head},\n "languages": {{\n{lines}\n }}\n}}\n'


if __name__ == "__main__":
    main()
