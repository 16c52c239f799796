"""The list of recipes, and a copy of one to change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from adapterstilts.config.recipe import all_recipes, find_recipe, read_yaml
from adapterstilts.errors import UserError
from adapterstilts.report.tables import Table
from adapterstilts.store.atomic import new_file


class Listed(NamedTuple):
    """One recipe: its name, the command that takes it, what it says it is about, and the comment that it opens with."""

    name: str
    command: str
    about: str
    opening: str


def recipes() -> list[Listed]:
    """Return all recipes that come with the program, by name."""
    return [_listed(name, file) for name, file in all_recipes().items()]


def recipe_table() -> Table:
    """Return the recipes as a table: of studies first, as these are what one runs."""
    found = sorted(recipes(), key=lambda one: (one.command != "run", one.name))
    rows = [[one.name, one.command, f"{one.about}\n{_first(one)}".strip()] for one in found]
    notes = ["copy one to change it: adapterstilts recipes cp NAME FILE.yaml"]
    return Table("recipes", ["name", "for", "what it is about, what it costs"], rows, notes, words=True)


def copy_recipe(name: str, out: str | Path) -> Path:
    """Copy a recipe's file, comments and all; a file that is there is never replaced."""
    source, target = find_recipe(name), Path(out)
    if target.suffix != ".yaml":
        raise UserError(f"{target} does not end in .yaml, as recipes do", fix=f"name it {target}.yaml")
    if target.exists():
        raise UserError(f"{target} is there already", fix="choose another name")
    with new_file(target) as temporary:
        temporary.write_bytes(source.read_bytes())
    return target


def _listed(name: str, file: Path) -> Listed:
    raw = read_yaml(file)
    about = str(raw.get("study") or raw.get("about") or "").strip()
    opening = "\n".join(_comment(file.read_text(encoding="utf-8")))
    return Listed(name, _command(raw), about, opening)


def _command(raw: dict[str, Any]) -> str:
    """Return the command that a recipe is for, by what it holds."""
    marks = {"study": "run", "members": "merge", "everywhere": "train --recipe", "tokenizer": "pretrain"}
    return next((command for key, command in marks.items() if key in raw), "train --recipe")


def _comment(text: str) -> Iterator[str]:
    """Yield the lines of the comment that a file opens with."""
    for line in text.splitlines():
        if not line.startswith("#"):
            return
        yield line.lstrip("# ")


def _first(one: Listed) -> str:
    """Return of a study what its opening says beside the command; it is about costs."""
    lines = one.opening.splitlines()
    return " ".join(lines[1:]) if one.command == "run" else ""
