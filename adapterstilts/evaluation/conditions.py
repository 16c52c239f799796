"""Other conditions than a run reads a task's rows under: pairs in two languages, noise, swapped language adapters.

Their scores stand apart from ordinary ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapterstilts.config.identity import fingerprint
from adapterstilts.config.schema import EvaluationSettings
from adapterstilts.data.mixed import mixed_pairs, must_have_pairs
from adapterstilts.data.noise import Noise, must_take, noised, read_noise
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.language_adapters import LanguageAdapter
from adapterstilts.tasks import Task


@dataclass(frozen=True)
class Conditions:
    """What is done to the rows of an evaluation before a model reads them; nothing, if nothing is said.

    `adapters` stand in for the model's lowest module, by language.
    """

    mixed: bool = False
    noise: Noise | None = None
    adapters: Mapping[str, LanguageAdapter] = field(default_factory=dict)

    @property
    def suffix(self) -> str:
        """What the name of an evaluation's folder ends in; "" for the rows as they are."""
        noise = f"-{self.noise.kind}-{self.noise.rate:g}" if self.noise else ""
        adapters = f"-language-adapters-{_digest(self._adapters())}" if self.adapters else ""
        return ("-mixed" if self.mixed else "") + noise + adapters

    def must_suit(self, task: Task) -> None:
        """Raise UserError, with the reason, for a task that these conditions mean nothing to."""
        if self.mixed:
            must_have_pairs(task)
        if self.noise:
            must_take(task, self.noise)

    def on(self, many: list[Rows]) -> list[Rows]:
        """Return one task's rows, by language, under these conditions."""
        many = mixed_pairs(many) if self.mixed else many
        return [noised(rows, self.noise) for rows in many] if self.noise else many

    def question(self, many: Sequence[Rows]) -> dict[str, Any]:
        """Return what scores under these conditions are known by: the languages that were mixed, the noise."""
        found: dict[str, Any] = {"mixed": sorted(rows.language for rows in many)} if self.mixed else {}
        if self.noise:
            found["noise"] = self.noise.record()
        if self.adapters:
            found["language_adapters"] = self._adapters()
        return {"conditions": found} if found else {}

    def _adapters(self) -> dict[str, dict[str, str]]:
        return {language: adapter.record() for language, adapter in self.adapters.items()}


def read_conditions(settings: EvaluationSettings) -> Conditions:
    """Return what the settings ask to be done to rows; a UserError where its answers would pass for ordinary ones."""
    wanted = Conditions(settings.pairs == "mixed", read_noise(settings.noise) if settings.noise else None)
    if wanted != Conditions() and (settings.submission or settings.labels):
        raise UserError(
            "a submission holds answers to the rows as they are, not to mixed pairs or under noise",
            fix="leave --submission out, or --pairs and --noise",
        )
    if wanted.mixed and settings.language_adapters:
        raise UserError(
            "a mixed pair is read at once, in two languages: no language adapter is the right one",
            fix="leave --language-adapter out, or --pairs mixed",
        )
    return wanted


def in_words(metrics: Mapping[str, Any]) -> str:
    """Say under which conditions an evaluation's metrics came about; "" for the task's own rows."""
    known = metrics.get("conditions", {})
    mixed = f"pairs of {' '.join(known['mixed'])} mixed" if "mixed" in known else ""
    noise = f"noise {known['noise']['kind']}:{known['noise']['rate']:g}" if "noise" in known else ""
    adapters = f"language adapters {' '.join(known['language_adapters'])}" if "language_adapters" in known else ""
    return ", ".join(part for part in (mixed, noise, adapters) if part)


def adapters_in_words(metrics: Mapping[str, Any]) -> str:
    """Name the language adapters of an evaluation by their digests; "" where none was swapped in."""
    known = metrics.get("conditions", {}).get("language_adapters", {})
    return " ".join(f"{language} {adapter['digest'][:8]}" for language, adapter in known.items())


def _digest(adapters: Mapping[str, Mapping[str, str]]) -> str:
    """Return what tells sets of language adapters apart, wherever they lie."""
    return fingerprint({language: adapter["digest"] for language, adapter in adapters.items()})[:8]
