"""Recipes: settings in a YAML file, found by name in the checkout's `recipes/` or among those that were installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

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
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[-1])
    known = {file.relative_to(folder).with_suffix("").as_posix(): file for file in sorted(folder.rglob("*.yaml"))}
    if name not in known:
        raise UserError(f"there is no recipe {name!r}", fix=nearest(name, known))
    return known[name]


def read_recipe(name: str, schema: type[Schema]) -> Schema:
    """Return a recipe as `schema`; a UserError tells which of its entries is wrong, with its line and value."""
    import yaml

    file = find_recipe(name)
    try:
        return schema.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise UserError(f"{file} is not YAML", where=str(error), fix="mend the line it names") from None
    except ValidationError as error:
        raise refusal(
            file, [Wrong(one["loc"], f" = {one['input']!r}: {one['msg']}") for one in error.errors()]
        ) from None


def refusal(file: Path, problems: Iterable[Wrong]) -> UserError:
    """Return all that is wrong with a recipe's entries as one error, each with its line."""
    import yaml

    lines = dict(_lines(yaml.compose(file.read_text(encoding="utf-8")), ()))
    told = sorted((_line(lines, one.place), ".".join(map(str, one.place)) + one.text) for one in problems)
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
