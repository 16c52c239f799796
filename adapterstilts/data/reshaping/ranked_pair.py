"""Two responses to a conversation, and how much better one is: HelpSteer3 (Wang et al. 2025, arXiv 2505.11475)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from adapterstilts.console import log_once
from adapterstilts.data.reshaping._pairs import Pair, conversation, table_of
from adapterstilts.tasks import Task

_COLUMNS = ("context", "response1", "response2", "overall_preference")
_NAMES = {
    "de": "german", "en": "english", "es": "spanish", "fr": "french", "id": "indonesian", "it": "italian",
    "ja": "japanese", "ko": "korean", "nl": "dutch", "pl": "polish", "pt": "portuguese", "ru": "russian",
    "vi": "vietnamese", "zh": "chinese",
}  # fmt: skip


def _reshape(task: Task, language: str, table: Any) -> Any:
    """Return prompt, chosen, rejected and id (a row's place in the table) from two responses and `overall_preference`.

    A preference below 0 is for the first response, above 0 for the second; how strong it is plays no part. Rows of
    `language` are those whose column says its code or its English name; what says anything else, such as the name of a
    programming language, is of no language here. Preferences of 0 are left out, and so are rows without two different
    responses; both are counted aloud.
    """
    spoken = {language, _NAMES.get(language, language)}
    places = [place for place, name in enumerate(table["language"]) if str(name).strip().lower() in spoken]
    rows = table.select(places).select_columns(list(_COLUMNS))
    found = table_of(_pairs(rows, places))
    ties = sum(not preference for preference in rows["overall_preference"])
    if len(found) < len(rows):
        log_once(
            f"data: {task.name} {language}: of {len(rows):,} pairs {ties:,} left out for want of a preference, "
            f"{len(rows) - len(found) - ties:,} for want of two different responses"
        )
    return found


def _pairs(rows: Any, places: Sequence[int]) -> Iterator[Pair]:
    for place, row in zip(places, rows, strict=True):
        first, second = row["response1"], row["response2"]
        if row["overall_preference"]:
            chosen, rejected = (first, second) if row["overall_preference"] < 0 else (second, first)
            prompt = conversation([turn["content"] or "" for turn in row["context"]])
            yield Pair(prompt, chosen, rejected, str(place))


RESHAPE = _reshape
