"""Recipes: settings in a YAML file, found by name in the checkout's `recipes/` or among those that were installed."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from adapterstilts.errors import UserError, nearest

Schema = TypeVar("Schema", bound=BaseModel)

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE.parent / "recipes", _PACKAGE / "_recipes")  # a checkout's, else the wheel's


class Wrong(NamedTuple):
    """What is wrong with one entry of a recipe: its place in the file, part by part, and why."""

    place: tuple[str | int, ...]
    text: str


def find_recipe(name: str) -> Path:
    """Return the file of a recipe: a name such as `mini/base`, or a path that ends in .yaml.

    Raises UserError with the nearest name for one that is not there.
    """
    if name.endswith(".yaml"):
        if Path(name).is_file():
            return Path(name)
        raise UserError(f"there is no recipe {name}", fix="give a file that exists, or a name such as mini/base")
    known = all_recipes()
    if name not in known:
        raise UserError(f"there is no recipe {name!r}", fix=nearest(name, known))
    return known[name]


def all_recipes() -> dict[str, Path]:
    """Return the files of the recipes that come with the program, by name, sorted."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[-1])
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in sorted(folder.rglob("*.yaml"))}


def read_recipe(name: str, schema: type[Schema]) -> Schema:
    """Return a recipe as `schema`; a UserError tells which of its entries is wrong, with its line and value."""
    file = find_recipe(name)
    try:
        return schema.model_validate(read_yaml(file))
    except ValidationError as error:
        raise refusal(file, [problem(one, schema) for one in error.errors()]) from None


def read_yaml(file: Path) -> Any:
    """Return the content of a YAML file; a UserError for what is none, and for a name that stands twice in one place.

    (YAML's reader would keep the last of the two and say nothing.)
    """
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
        twice = [*_twice(yaml.compose(text, Loader=_loader()), ())]
        content = yaml.load(text, Loader=_loader())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not YAML", where=str(error), fix="mend the line it names") from None
    if twice:
        raise UserError(f"{file} has names that stand twice", where="\n  ".join(twice), fix="rename one of each")
    return content


def _loader() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _twice(node: Any, place: tuple[str, ...]) -> Iterator[str]:
    """Yield where a name stands a second time among its neighbours."""
    first: dict[str, int] = {}
    for key, value in node.value if node is not None and node.id == "mapping" else ():
        line = key.start_mark.line + 1
        if key.value in first and key.value != "<<":
            yield f"line {line}: {'.'.join((*place, key.value))} (first on line {first[key.value]})"
        first.setdefault(key.value, line)
        yield from _twice(value, (*place, key.value))


def problem(detail: ErrorDetails, schema: type[BaseModel]) -> Wrong:
    """Return what a schema says against one entry; of a key that it does not know, the nearest that it does."""
    place = tuple(detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = _keys_at(schema, place[:-1])
        value = f" = {detail['input']!r}" if isinstance(detail["input"], str | int | float) else ""
        return Wrong(place, f"{value}: unknown key, {nearest(str(place[-1]), known)}")
    if detail["type"] == "missing":
        return Wrong(place, ": needed, and not given")
    if detail["type"] == "too_short":
        return Wrong(place, ": is empty, and one is needed at least")
    message = detail["msg"].removeprefix("Value error, ")
    return Wrong(place, f" = {detail['input']!r}: {message[0].lower()}{message[1:]}")


def _keys_at(schema: Any, place: tuple[str | int, ...]) -> list[str]:
    """Return the keys that a schema takes at a place; names that a person may choose lead on to what they hold."""
    for part in place:
        schema = _fields(schema).get(str(part), schema)
    return list(_fields(schema))


def _fields(schema: Any) -> dict[str, Any]:
    """Return the fields of a model or named tuple, or of the one that a list or mapping holds, with their types."""
    for one in (schema, *typing.get_args(schema)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return {field.alias or name: field.annotation for name, field in one.model_fields.items()}
        if hasattr(one, "_fields"):
            return typing.get_type_hints(one)
    return {}


def refusal(file: Path, problems: Iterable[Wrong]) -> UserError:
    """Return all that is wrong with a recipe's entries as one error, each with its line."""
    import yaml

    lines = dict(_lines(yaml.compose(file.read_text(encoding="utf-8")), ()))
    told = sorted({(_line(lines, one.place), ".".join(map(str, one.place)) + one.text) for one in problems})
    where = "\n  ".join(f"line {line}: {text}" for line, text in told)
    return UserError(f"{file} is not a recipe of this kind", where=where, fix="mend these")


def _lines(node: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Yield the line of every entry below a node of YAML, counted from 1."""
    for key, value in node.value if node is not None and node.id == "mapping" else ():
        yield (*place, key.value), key.start_mark.line + 1
        yield from _lines(value, (*place, key.value))


def _line(lines: dict[tuple[str | int, ...], int], place: tuple[str | int, ...]) -> int:
    """Return the line of an entry; of one that is not there, the line of what it should stand in."""
    return next((lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in lines), 1)


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings under dotted names, as `--set` takes them."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
