"""Pairs of ranked answers to one message, from trees of messages, as in OpenAssistant (Köpf et al. 2023).

Only answers whose ranks are neighbours are paired, each of the better rank with each of the next. All pairs of many
answers would repeat each answer many times in an epoch, and a reward model that reads such pairs shuffled overfits
(Ouyang et al. 2022, arXiv 2203.02155, section 3.5). The price: pairs that are easy to tell apart, such as the best
answer and the worst of many, are left out, so accuracies are lower than those over all pairs.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from adapterstilts.console import log_once
from adapterstilts.data.reshaping._pairs import Pair, conversation, table_of
from adapterstilts.tasks import Task

_COLUMNS = ("message_id", "parent_id", "text", "role", "lang", "rank", "deleted")


class _Message(NamedTuple):
    name: str
    parent: str | None
    text: str
    role: str
    language: str
    rank: int | None


def _reshape(task: Task, language: str, table: Any) -> Any:
    """Return prompt, chosen, rejected and id (both messages' ids) from a table of messages, rank 0 being the best.

    The prompt is the thread from its root down to the message that is answered; where a message higher up is missing or
    deleted, from there on. Pairs whose own question is missing or deleted are left out, and counted aloud.
    """
    messages = _messages(table)
    pairs: list[Pair] = []
    lost = 0
    for parent, replies in _answers(messages, language).items():
        couples = list(_neighbours(replies))
        if parent in messages:
            prompt = conversation(_thread(messages, parent))
            pairs += [Pair(prompt, good.text, bad.text, f"{good.name}-{bad.name}") for good, bad in couples]
        else:
            lost += len(couples)
    found = table_of(pairs)
    if lost or len(found) < len(pairs):
        log_once(
            f"data: {task.name} {language}: {lost:,} pairs left out, what they answer is missing or deleted; "
            f"{len(pairs) - len(found):,} of equal or empty answers"
        )
    return found


def _messages(table: Any) -> dict[str, _Message]:
    """Return the messages that are not deleted, by their ids."""
    columns = table.select_columns(list(_COLUMNS)).to_dict()
    rows = zip(*(columns[name] for name in _COLUMNS), strict=True)
    return {
        name: _Message(name, parent, text or "", role, (language or "").replace("_", "-").split("-")[0], rank)
        for name, parent, text, role, language, rank, deleted in rows
        if not deleted
    }


def _answers(messages: Mapping[str, _Message], language: str) -> dict[str, list[_Message]]:
    """Return the answers in one language, by the id of what they answer."""
    siblings: dict[str, list[_Message]] = defaultdict(list)
    for message in messages.values():
        if message.role == "assistant" and message.language == language and message.parent:
            siblings[message.parent].append(message)
    return siblings


def _neighbours(replies: Sequence[_Message]) -> Iterator[tuple[_Message, _Message]]:
    """Yield each ranked reply with each of the next rank there is; equal ranks, or none, are no preference."""
    ranks: dict[int, list[_Message]] = defaultdict(list)
    for reply in replies:
        if reply.rank is not None:
            ranks[reply.rank].append(reply)
    for better, worse in itertools.pairwise(sorted(ranks)):
        yield from itertools.product(ranks[better], ranks[worse])


def _thread(messages: Mapping[str, _Message], last: str) -> list[str]:
    """Return the texts from the root, or what is left of the thread, down to the message `last`."""
    texts: list[str] = []
    here = messages.get(last)
    while here and len(texts) < len(messages):  # a circle of parents ends, too
        texts.append(here.text)
        here = messages.get(here.parent or "")
    return texts[::-1]


RESHAPE = _reshape
