"""Rows in another language: who translates, sentence by sentence, and what becomes of rows made of sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Translator(Protocol):
    """Something that says sentences of one language in another.

    `room`: the most that a sentence may take, in the unit of `lengths` (tokens); a longer one is not translated.
    `batch`: how much one call of `translate` may take, padding included. `identity` is what decides its answers.
    `check` raises UserError for a language that it does not know. `translate` gives one text a sentence, in their
    order; '' where it cannot say it. Nothing heavy is loaded before the first call of `lengths` or `translate`.
    """

    @property
    def room(self) -> int: ...
    @property
    def batch(self) -> int: ...
    def identity(self) -> Mapping[str, Any]: ...
    def check(self, source: str, to: str) -> None: ...
    def lengths(self, sentences: Sequence[str]) -> list[int]: ...
    def translate(self, sentences: Sequence[str], source: str, to: str) -> list[str]: ...
