"""Pairs of dialogues that are the same up to an answer, as in HH-RLHF (Bai et al. 2022, arXiv 2204.05862).

What both dialogues share up to the last time that the assistant begins to speak is the prompt; what follows are the
answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adapterstilts.console import log_once
from adapterstilts.data.reshaping._pairs import Pair, table_of
from adapterstilts.tasks import Task

_SPEAKS = "\n\nAssistant:"


def _reshape(task: Task, language: str, table: Any) -> Any:
    """Return prompt, chosen, rejected and id (a row's place in the table) from the columns `chosen` and `rejected`.

    Where dialogues part before the last answer, all turns from there on are the answer. Left out are dialogues of which
    no turn of the assistant begins alike, and those without two different answers; both kinds are counted aloud.
    """
    found = table_of(_pairs(table))
    early = sum(_SPEAKS in chosen or _SPEAKS in rejected for chosen, rejected in _rows(found))
    lost = len(table) - len(found)
    if early or lost:
        log_once(
            f"data: {task.name} {language}: of {len(table):,} pairs of dialogues {early:,} part before the last "
            f"answer; {lost:,} left out, which have no beginning in common or no two answers"
        )
    return found


def _pairs(table: Any) -> Iterator[Pair]:
    for place, (chosen, rejected) in enumerate(_rows(table)):
        pair = _parted(chosen or "", rejected or "", str(place))
        if pair:
            yield pair


def _rows(table: Any) -> Iterator[tuple[str, str]]:
    for batch in table.select_columns(["chosen", "rejected"]).iter(batch_size=1000):
        yield from zip(batch["chosen"], batch["rejected"], strict=True)


def _parted(chosen: str, rejected: str, name: str) -> Pair | None:
    """Return the prompt and both answers; None where the dialogues have no turn of the assistant in common."""
    end = chosen.rfind(_SPEAKS)
    while end >= 0 and not rejected.startswith(chosen[: end + len(_SPEAKS)]):
        end = chosen.rfind(_SPEAKS, 0, end)
    if end < 0:
        return None
    end += len(_SPEAKS)
    return Pair(chosen[:end].strip(), chosen[end:].strip(), rejected[end:].strip(), name)


RESHAPE = _reshape
