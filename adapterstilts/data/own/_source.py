"""The text of a YAML file with the line of everything in it.

All values are read as they are written, as texts or lists or names with values: a language `no` is Norwegian and not
false, and a label 01 keeps its zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from adapterstilts.data.files._lines import text_of
from adapterstilts.errors import UserError, nearest

Place = tuple[str | int, ...]


class Problem(NamedTuple):
    """Something wrong in a YAML file: where it stands there, and what it is."""

    place: Place
    text: str


@dataclass(frozen=True)
class Source:
    """A YAML file: its values, and the nodes that know their lines."""

    path: Path
    values: dict[str, Any]
    root: Any

    def line(self, place: Place) -> int:
        """Return the line of an entry, from 1; of one that is not there, the line of what it should stand in."""
        node, line = self.root, 1
        for part in place:
            found = _entry(node, part)
            if found is None:
                break
            node, line = found
        return line

    def error(self, problems: list[Problem]) -> UserError:
        """Return all problems as one error, in the order of the file's lines."""
        lines = sorted((self.line(one.place), ".".join(map(str, one.place)), one.text) for one in problems)
        many = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        return UserError(
            f"{self.path}: {many}",
            where="\n  ".join(f"line {line}: {place}{': ' if place else ''}{text}" for line, place, text in lines),
            fix="mend the file; a commented example: adapterstilts tasks init example.yaml",
        )


def read_source(path: Path) -> tuple[Source, list[Problem]]:
    """Return a YAML file with its lines, and the names in it that stand twice.

    Raises UserError where it is not there, is not UTF-8, is not YAML or holds something other than names and values.
    """
    import yaml

    if not path.is_file():
        there = [file.name for file in path.parent.glob("*.y*ml")]
        raise UserError(
            f"there is no file {path}",
            where=nearest(path.name, there),
            fix="begin one: adapterstilts tasks init my.yaml",
        )
    loader = yaml.BaseLoader(text_of(path))
    try:
        root = loader.get_single_node()
        values = loader.construct_document(root) if root else {}
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML", where=str(error), fix="mend the line it names") from None
    finally:
        loader.dispose()
    if not isinstance(values, dict):
        raise UserError(f"{path} holds no names with values", fix="begin one: adapterstilts tasks init my.yaml")
    return Source(path, values, root), list(_twice(root, ()))


def without(values: Any, places: list[Place]) -> Any:
    """Return nested values without the entries at `places`."""
    if () in places:
        return None
    inner = {part: [place[1:] for place in places if place[0] == part] for part in {place[0] for place in places}}
    if isinstance(values, dict):
        return {
            key: without(value, inner.get(key, [])) for key, value in values.items() if () not in inner.get(key, [])
        }
    if isinstance(values, list):
        kept = [(index, value) for index, value in enumerate(values) if () not in inner.get(index, [])]
        return [without(value, inner.get(index, [])) for index, value in kept]
    return values


def _entry(node: Any, part: str | int) -> tuple[Any, int] | None:
    """Return the node of an entry and its line."""
    if node is None or isinstance(node.value, str):
        return None
    if isinstance(part, int):
        return (node.value[part], node.value[part].start_mark.line + 1) if part < len(node.value) else None
    pairs = (pair for pair in node.value if isinstance(pair, tuple))
    return next(((value, key.start_mark.line + 1) for key, value in pairs if key.value == part), None)


def _twice(node: Any, place: Place) -> Iterator[Problem]:
    if node is None or isinstance(node.value, str):
        return
    keys: dict[str, int] = {}
    for pair in node.value:
        if isinstance(pair, tuple) and isinstance(pair[0].value, str):
            key, line = pair[0].value, pair[0].start_mark.line + 1
            if key in keys:
                yield Problem((*place, key), f"stands here and again in line {line}")
            keys.setdefault(key, line)
            if isinstance(pair[1].value, list) and pair[1] is not node:
                yield from _twice(pair[1], (*place, key))
