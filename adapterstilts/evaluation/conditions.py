"""Harder conditions than the task's own rows: pairs in two languages, noise. Their scores stand apart from others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapterstilts.config.schema import EvaluationSettings
from adapterstilts.data.mixed import mixed_pairs, must_have_pairs
from adapterstilts.data.noise import Noise, must_take, noised, read_noise
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.tasks import Task


@dataclass(frozen=True)
class Conditions:
    """What is done to the rows of an evaluation before a model reads them; nothing, if nothing is said."""

    mixed: bool = False
    noise: Noise | None = None

    @property
    def suffix(self) -> str:
        """What the name of an evaluation's folder ends in; "" for the rows as they are."""
        noise = f"-{self.noise.kind}-{self.noise.rate:g}" if self.noise else ""
        return ("-mixed" if self.mixed else "") + noise

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
        return {"conditions": found} if found else {}


def read_conditions(settings: EvaluationSettings) -> Conditions:
    """Return the conditions that the settings ask for; a UserError where their answers would pass for ordinary ones."""
    wanted = Conditions(settings.pairs == "mixed", read_noise(settings.noise) if settings.noise else None)
    if wanted != Conditions() and (settings.submission or settings.labels):
        raise UserError(
            "a submission holds answers to the rows as they are, not to mixed pairs or under noise",
            fix="leave --submission out, or --pairs and --noise",
        )
    return wanted


def in_words(metrics: Mapping[str, Any]) -> str:
    """Say under which conditions an evaluation's metrics came about; "" for the task's own rows."""
    known = metrics.get("conditions", {})
    mixed = f"pairs of {' '.join(known['mixed'])} mixed" if "mixed" in known else ""
    noise = f"noise {known['noise']['kind']}:{known['noise']['rate']:g}" if "noise" in known else ""
    return ", ".join(part for part in (mixed, noise) if part)
