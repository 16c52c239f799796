"""From the columns of a file to the fields of a format: texts, lists of words, places; every flaw with its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from adapterstilts.data.files import Content

FOUND = "(found in the context)"  # in the place of a column: where an answer stands is looked up by its text

_WORDS = ("tokens", "tags")
_TEXTS = ("choices", "answer_texts")
_NAMES = ("id", "label")  # may be numbers


class Flaw(NamedTuple):
    """Something wrong with one row."""

    line: int
    text: str


def typed(columns: Mapping[str, str], content: Content) -> tuple[dict[str, list[Any]], list[Flaw]]:
    """Return the values of every field that has a column in the file, in its type, and the flaws of rows, by line.

    `columns` maps fields to columns of the file. Where there is a flaw the values are not to be used.
    """
    flaws: list[Flaw] = []
    fields: dict[str, list[Any]] = {}
    for field, column in columns.items():
        if column in content.columns:
            fields[field] = [
                _read(field, column, raw, line, flaws)
                for raw, line in zip(content.columns[column], content.lines, strict=True)
            ]
    if not flaws and columns.get("answer_starts") == FOUND and {"context", "answer_texts"} <= fields.keys():
        pairs = zip(fields["context"], fields["answer_texts"], strict=True)
        fields["answer_starts"] = [[max(0, context.find(text)) for text in texts] for context, texts in pairs]
    if not flaws:
        flaws += _unequal(fields, ("tokens", "tags"), ("words", "tags"), content.lines)
        flaws += _unequal(fields, ("answer_texts", "answer_starts"), ("answers", "places of answers"), content.lines)
    return fields, sorted(flaws)


def _read(field: str, column: str, raw: Any, line: int, flaws: list[Flaw]) -> Any:
    try:
        return _value(field, raw)
    except ValueError as error:
        flaws.append(Flaw(line, f"{column!r} {error}"))
        return None


def _value(field: str, raw: Any) -> Any:
    """Return one value in the field's type; a ValueError goes on from "the column ..."."""
    if raw is None:
        raise ValueError("has no value")
    if field in _WORDS:
        return _words(raw)
    if field in _TEXTS:
        return _texts(field, raw)
    if field == "answer_starts":
        return _places(raw)
    return _text(field, raw)


def _text(field: str, raw: Any) -> str:
    if isinstance(raw, str):
        if field == "label" and not raw.strip():
            raise ValueError("is empty: there is no label")
        return raw.strip() if field in _NAMES else raw
    if field in _NAMES and isinstance(raw, int | float):
        return str(raw).lower() if isinstance(raw, bool) else str(raw)
    raise ValueError(f"is no text: {str(raw)[:40]!r}")


def _words(raw: Any) -> list[str]:
    """Return the words of a list, or those of a text between blanks."""
    words = raw.split() if isinstance(raw, str) else raw
    if not isinstance(words, list) or not all(isinstance(word, str | int) for word in words):
        raise ValueError(f"is neither a list of words nor words with blanks between: {str(raw)[:40]!r}")
    if not words:
        raise ValueError("has no words")
    if "" in words:
        raise ValueError(f"has an empty word (the {words.index('') + 1}. of {len(words)})")
    return [str(word) for word in words]


def _texts(field: str, raw: Any) -> list[str]:
    if isinstance(raw, str) and field == "answer_texts":
        return [raw] if raw else []
    if not isinstance(raw, list) or not all(isinstance(text, str) for text in raw):
        raise ValueError(f"is no list of texts: {str(raw)[:40]!r}")
    return raw


def _places(raw: Any) -> list[int]:
    places = raw if isinstance(raw, list) else [raw] if raw != "" else []
    try:
        return [int(place) for place in places]
    except (TypeError, ValueError):
        raise ValueError(f"is no place counted in characters: {str(raw)[:40]!r}") from None


def _unequal(
    fields: Mapping[str, list[Any]], pair: tuple[str, str], names: tuple[str, str], lines: list[int]
) -> list[Flaw]:
    if not fields.keys() >= set(pair):
        return []
    return [
        Flaw(line, f"{len(one)} {names[0]} and {len(other)} {names[1]}")
        for one, other, line in zip(fields[pair[0]], fields[pair[1]], lines, strict=True)
        if len(one) != len(other)
    ]
