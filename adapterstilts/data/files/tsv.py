"""TSV with a line of names. Quotes are letters like any other, as in most corpora; no value holds a tab."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from adapterstilts.data.files import Content
from adapterstilts.data.files._delimited import read_delimited


def _read(path: Path, columns: Mapping[str, str]) -> Content:
    return read_delimited(path, delimiter="\t", quoting=csv.QUOTE_NONE)


READER = _read
