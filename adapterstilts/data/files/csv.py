"""CSV with a line of names; a value in quotes may hold commas, line feeds and doubled quotes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adapterstilts.data.files import Content
from adapterstilts.data.files._delimited import read_delimited


def _read(path: Path, columns: Mapping[str, str]) -> Content:
    return read_delimited(path, delimiter=",")


READER = _read
