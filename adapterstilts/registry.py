"""Find tasks, formats, methods and metrics: one file each, no list to keep.

A catalog names a package of ours; every module in it is one entry, except those
whose names begin with an underscore (what the entries share). Other people's packages add theirs
through entry points of the same name. Listing names imports nothing.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Generic, TypeVar

from adapterstilts.errors import UserError, nearest

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Catalog(Generic[Entry]):
    """The entries of one package: `attribute` is the constant that every module in it defines."""

    package: str
    attribute: str
    kind: str

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted, without importing an entry."""
        return tuple(sorted({*_module_names(self.package), *_entry_points(self.package)}))

    def get(self, name: str) -> Entry:
        """Return the entry called `name`; a UserError names the nearest one where there is none."""
        if name in _module_names(self.package):
            entry: Entry = getattr(_module(self.package, name), self.attribute)
            return entry
        foreign = _entry_points(self.package)
        if name in foreign:
            loaded: Entry = foreign[name].load()
            return loaded
        raise UserError(f"unknown {self.kind} {name!r}", fix=nearest(name, self.names()))


@cache  # the import system is slow to say that it knows a module, and grammars ask once a word
def _module(package: str, name: str) -> ModuleType:
    return importlib.import_module(f"{package}.{name}")


@cache
def _module_names(package: str) -> frozenset[str]:
    spec = importlib.util.find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    names = (module.name for module in pkgutil.iter_modules(locations))
    return frozenset(name for name in names if not name.startswith("_"))


@cache
def _entry_points(group: str) -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=group)}
