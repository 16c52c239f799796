"""Recipes: settings in a YAML file, found by name in the checkout's `recipes/` or among those that were installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from adapterstilts.errors import UserError, nearest

Schema = TypeVar("Schema", bound=BaseModel)

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE.parent / "recipes", _PACKAGE / "_recipes")  # a checkout's, else the wheel's


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
    """Return a recipe as `schema`; a UserError tells which of its entries is wrong, with its value."""
    import yaml

    file = find_recipe(name)
    try:
        return schema.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise UserError(f"{file} is not YAML", where=str(error), fix="mend the line it names") from None
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc']))} = {one['input']!r}: {one['msg']}" for one in error.errors()]
        raise UserError(f"{file} is not a recipe of this kind", where="\n  ".join(wrong), fix="mend these") from None


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings under dotted names, as `--set` takes them."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
