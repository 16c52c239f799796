"""Languages of the embedded world: how each says a fact, a question, a definition. One file a language."""

from __future__ import annotations

from adapterstilts.mini.world import Language
from adapterstilts.registry import Catalog

languages: Catalog[Language] = Catalog("adapterstilts.mini.languages", "LANGUAGE", "language")
