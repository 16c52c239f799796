"""What the files of one's own task hold, against what its YAML file says: columns, labels, lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from adapterstilts.data.files import Content, read_content
from adapterstilts.data.files._fields import FOUND, Flaw, typed
from adapterstilts.data.own._source import Place, Problem
from adapterstilts.errors import UserError, nearest
from adapterstilts.formats import Format, formats

_MOST = 5  # flaws told of one file
_CONLL = {"tokens": "0", "tags": "-1"}
_CONLLU = {"tokens": "form", "tags": "upos", "id": "sent_id"}
_BY_KIND: Mapping[str, Mapping[str, str]] = {".conll": _CONLL, ".conllu": _CONLLU}


@dataclass(frozen=True)
class Contents:
    """The columns and labels that follow from the files, and what is wrong with them."""

    columns: dict[str, str]
    labels: tuple[str, ...]
    problems: list[Problem]


class _File(NamedTuple):
    """One file that could be read: where the YAML file names it, and its rows."""

    place: Place
    name: str
    content: Content
    fields: dict[str, list[Any]]
    flaws: list[Flaw]


def read_contents(said: Mapping[str, Any], folder: Path) -> Contents:
    """Read all files that `said`, the sound entries of a YAML file, names; every problem has its place there.

    Columns that are not named are those with the fields' own names (CoNLL: the first and the last, CoNLL-U: form and
    upos); labels that are not declared are those of the train rows.
    """
    named: list[tuple[Place, str]] = [
        (("languages", language, split), name)
        for language, files in said.get("languages", {}).items()
        for split, name in files.items()
    ]
    if "format" not in said:
        return Contents({}, (), [])
    format = formats.get(said["format"])
    problems: list[Problem] = []
    read = {place: _read(place, folder / name, said.get("columns", {}), problems) for place, name in named}
    contents = {place: content for place, content in read.items() if content}
    columns = _columns(format, said.get("columns", {}), [Path(name) for _, name in named], list(contents.values()))
    problems += _missing(format, columns, dict(named), contents)
    files = [_File(place, dict(named)[place], content, *typed(columns, content)) for place, content in contents.items()]
    labels = _labels(format, said.get("labels"), files)
    for file in files:
        flaws = sorted([*file.flaws, *_undeclared(format, labels, file)])
        problems += [Problem(file.place, f"{file.name}, {text}") for text in _told(file.content.unit, flaws)]
    if format.gold_kind == "labels" and not labels and files and not problems:
        problems.append(Problem((), "no train file says which labels there are; declare them: labels: [...]"))
    return Contents(columns, labels, problems)


def _read(place: Place, path: Path, columns: Mapping[str, str], problems: list[Problem]) -> Content | None:
    try:
        return read_content(path, columns or _BY_KIND.get(path.suffix.lower(), {}))
    except UserError as error:
        problems.append(Problem(place, f"{error.what}; {error.fix}"))
        return None


def _columns(format: Format, said: Mapping[str, str], names: list[Path], contents: list[Content]) -> dict[str, str]:
    """Return the column of every field: as it is said, else the usual one of the kind of file, else its own name.

    An optional field that is not said counts only where every file has it.
    """
    usual = _BY_KIND.get(names[0].suffix.lower(), {}) if names else {}
    columns = dict(said)
    for field in dict.fromkeys((*format.fields, "id")):
        optional = field in {*format.optional, "id"}
        column = usual.get(field, field)
        there = [column in content.columns for content in contents]
        if field in columns or (optional and not (there and all(there))):
            continue
        columns[field] = FOUND if field == "answer_starts" and not any(there) else column
    return columns


def _missing(
    format: Format, columns: Mapping[str, str], names: Mapping[Place, str], contents: Mapping[Place, Content]
) -> Iterator[Problem]:
    """Yield the columns that are not in a file, each with the nearest that is."""
    for place, content in contents.items():
        for field, column in columns.items():
            if column not in content.columns and column != FOUND:
                there = nearest(column, content.columns)
                hint = f"{there} (columns: {field}: ...)" if column == field else there
                yield Problem(place, f"{names[place]} has no column {column!r} for {field}: {hint}")


def _labels(format: Format, said: Iterable[str] | None, files: list[_File]) -> tuple[str, ...]:
    """Return the labels in the order of the head's outputs: as they are said, else by name.

    Of multiple choice they are the choices' numbers, from 0.
    """
    if format.gold_kind != "labels":
        return ()
    if said:
        return tuple(said)
    train = [file for file in files if file.place[-1] == "train" and not file.flaws]
    if getattr(format, "positional", False):
        return tuple(map(str, range(max((_choices(file.fields) for file in train or files), default=0))))
    values = (_flat(file.fields.get(format.label_field, [])) for file in train)
    return tuple(sorted({label for some in values for _, label in some}))


def _choices(fields: Mapping[str, list[Any]]) -> int:
    if "choices" in fields:
        return max(len(choices or ()) for choices in fields["choices"])
    return sum(field.startswith("choice_") for field in fields)


def _undeclared(format: Format, labels: tuple[str, ...], file: _File) -> Iterator[Flaw]:
    """Yield the first row of every label that is not declared, and rows with too many or few choices."""
    if not labels or file.flaws:
        return
    seen: set[str] = set(labels)
    for row, label in _flat(file.fields.get(format.label_field, [])):
        if label not in seen:
            seen.add(label)
            yield Flaw(file.content.lines[row], f"label {label!r} is not declared: {nearest(label, labels)}")
    for choices, line in zip(file.fields.get("choices", []), file.content.lines, strict=False):
        if len(choices) != len(labels):
            yield Flaw(line, f"{len(choices)} choices, and {len(labels)} labels")


def _flat(values: list[Any]) -> Iterator[tuple[int, str]]:
    """Yield all labels with the number of their row."""
    for row, value in enumerate(values):
        for label in [value] if isinstance(value, str) else value:
            yield row, label


def _told(unit: str, flaws: list[Flaw]) -> list[str]:
    """Return the first flaws as sentences, and how many more there are."""
    more = [f"and {len(flaws) - _MOST} more rows"] if len(flaws) > _MOST else []
    return [f"{unit} {flaw.line}: {flaw.text}" for flaw in flaws[:_MOST]] + more
