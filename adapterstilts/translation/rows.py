"""Rows in another language, from their sentences: what is said of each, what is left out, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.formats import Columns, formats
from adapterstilts.tasks import Task
from adapterstilts.translation.checks import flags, likeness, usual_ratio
from adapterstilts.translation.sentences import pieces, said
from adapterstilts.translation.spans import Known, answers_in, marked, placed

MUST_GO = ("too long", "empty", "answer not found")  # these rows cannot be kept, whatever is asked for


@dataclass(frozen=True)
class Told:
    """Sentences that are known in a language, and, where they have been translated back, what became of them."""

    to: str
    known: Known
    back: Known = field(default_factory=dict)

    def say(self, text: str) -> str | None:
        """Return a text, '' where it cannot be said, None where a sentence of it is too long."""
        return said(text, self.known, self.to)


@dataclass(frozen=True)
class Bounds:
    """When a translation is flagged: a length off by `ratio`, a likeness (0 to 1) of what comes back below `back`."""

    ratio: float = 3.0
    back: float = 0.3


@dataclass(frozen=True)
class Translated:
    """A split in another language: the rows that are left, and how many came to grief for which reason.

    `flags` says of each row left what was found wrong with it and kept. `likeness`: mean of what was translated back.
    """

    columns: Columns
    flags: list[str]
    reasons: Counter[str]
    rows: int
    likeness: float | None = None


def must_be_translatable(task: Task) -> None:
    """Raise UserError for a task whose gold would not survive a translation, or whose rows are other tasks'."""
    if task.parts:
        raise UserError(
            f"the rows of {task.name} are those of {', '.join(task.parts)}",
            fix=f"translate these into one folder; {task.name} then has their languages",
        )
    if not getattr(formats.get(task.format), "texts", ()):
        why = {
            "tagging": "its labels stand word by word on the English words",
            "masked_lm": "it needs text as people write it: give it text of the language (continue-mlm --text)",
        }.get(task.format, "its rows are translations already, which it is about")
        able = [name for name in formats.names() if getattr(formats.get(name), "texts", ())]
        raise UserError(
            f"task {task.name} ({task.format}) cannot be translated: {why}", fix=f"formats that can: {', '.join(able)}"
        )


def columns_of(rows: Rows) -> Columns:
    """Return all columns of a split, as lists."""
    columns: Columns = rows.table[:]
    return columns


def texts_in(rows: Rows, columns: Columns) -> Iterator[str]:
    """Yield every text that is to be translated, answers too."""
    for name in _fields(rows.task, columns):
        for value in columns[name]:
            yield from [value] if isinstance(value, str) else value
    for answers in columns.get("answer_texts", ()):
        yield from answers


def sentences_in(texts: Sequence[str]) -> list[str]:
    """Return the sentences of all texts, each once."""
    return list(dict.fromkeys(piece.text for text in texts for piece in pieces(text)))


def sentences_to_mark(columns: Columns, told: Told) -> list[str]:
    """Return sentences with brackets around the answers that are not found without; none where there are no answers."""
    wanted: dict[str, None] = {}
    for number, context in enumerate(columns["context"] if "answer_texts" in columns else ()):
        whole = told.say(context)
        for answer in _answers(columns, number, told) if whole else ():
            sentence = marked(answer)
            if sentence and not placed(answer, whole or "", told.known, told.say):
                wanted[sentence] = None
    return list(wanted)


def translate_rows(rows: Rows, columns: Columns, told: Told, bounds: Bounds, keep_flagged: bool) -> Translated:
    """Return the rows as `told` tells them; a row of which a part cannot be told, or whose answer is lost, is left out.

    Rows that the checks flag are left out too, unless they are to be kept.
    """
    fields = _fields(rows.task, columns)
    new = {**columns, **{name: [_told(value, told) for value in columns[name]] for name in fields}}
    found = _flags_by_row(columns, fields, told, bounds)
    if "answer_texts" in columns:
        new |= _with_answers(columns, new["context"], told, found)
    lost = [bool(one & set(MUST_GO)) or (bool(one) and not keep_flagged) for one in found]
    kept = [number for number, gone in enumerate(lost) if not gone]
    return Translated(
        {name: [values[number] for number in kept] for name, values in new.items()},
        [", ".join(sorted(found[number])) for number in kept],
        Counter(reason for one in found for reason in one),
        len(found),
        _mean_likeness(columns, fields, told) if told.back else None,
    )


def _fields(task: Task, columns: Columns) -> list[str]:
    """Return the fields with texts; what is a code there stays one."""
    texts: Sequence[str] = getattr(formats.get(task.format), "texts", ())
    return [name for name in texts if name in columns and name not in task.wording]


def _told(value: Any, told: Told) -> Any:
    return told.say(value) or "" if isinstance(value, str) else [told.say(one) or "" for one in value]


def _texts_by_row(columns: Columns, fields: Sequence[str]) -> Iterator[list[str]]:
    for values in zip(*(columns[name] for name in fields), strict=True):
        yield [one for value in values for one in ([value] if isinstance(value, str) else value)]


def _flags_by_row(columns: Columns, fields: Sequence[str], told: Told, bounds: Bounds) -> list[set[str]]:
    by_row = list(_texts_by_row(columns, fields))
    every = list(dict.fromkeys(text for texts in by_row for text in texts))
    usual = usual_ratio([(text, told.say(text) or "") for text in every])
    known: Mapping[str, list[str]] = {text: flags(text, told.say(text), usual, bounds.ratio) for text in every}
    if told.back:
        known = {text: [*one, *_unlike(text, told, bounds)] for text, one in known.items()}
    return [{reason for text in texts for reason in known[text]} for texts in by_row]


def _unlike(text: str, told: Told, bounds: Bounds) -> list[str]:
    return ["back-translation"] if text.strip() and _likeness(text, told) < bounds.back else []


def _likeness(text: str, told: Told) -> float:
    again = said(told.say(text) or "", told.back, "")
    return likeness(again, text) if again else 0.0


def _mean_likeness(columns: Columns, fields: Sequence[str], told: Told) -> float:
    texts = dict.fromkeys(text for texts in _texts_by_row(columns, fields) for text in texts if text.strip())
    return round(sum(_likeness(text, told) for text in texts) / len(texts), 4) if texts else 1.0


def _answers(columns: Columns, number: int, told: Told) -> list[Any]:
    context, texts, starts = (columns[name][number] for name in ("context", "answer_texts", "answer_starts"))
    return answers_in(context, texts, starts, told.known, told.to)


def _with_answers(columns: Columns, contexts: Sequence[str], told: Told, found: list[set[str]]) -> Columns:
    """Return the answers' columns; a row that had answers and has none now is flagged in `found`."""
    texts: list[list[str]] = []
    starts: list[list[int]] = []
    for number, context in enumerate(contexts):
        places = [placed(answer, context, told.known, told.say) for answer in _answers(columns, number, told)]
        there = [place for place in places if place]
        texts.append([text for text, _ in there])
        starts.append([start for _, start in there])
        if columns["answer_texts"][number] and not there:
            found[number].add("answer not found")
    return {"answer_texts": texts, "answer_starts": starts}
