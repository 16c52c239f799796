"""Read a study's recipe: YAML, its templates filled in, typed, and everything that is wrong with it told at once."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from adapterstilts.config.recipe import Wrong, find_recipe, problem, read_yaml, refusal
from adapterstilts.errors import UserError
from adapterstilts.experiment.build import Layout, build
from adapterstilts.experiment.check import problems_of
from adapterstilts.experiment.recipe import Study
from adapterstilts.experiment.step import Graph

_BLANK = re.compile(r"\{(\w+)\}")

Origins = Mapping[str, str]  # the name of a way: the name that its template has in the file


@dataclass(frozen=True)
class Opened:
    """A study's recipe that was read and found sound: the name that it goes by, its file, its content."""

    name: str
    file: Path
    study: Study

    @cached_property
    def layout(self) -> Layout:
        """All steps of the study, and the places of the grid that they belong to."""
        return build(self.study)

    @property
    def graph(self) -> Graph:
        """All steps of the study."""
        return self.layout.graph


def open_study(name: str) -> Opened:
    """Return a study's recipe, by name or file.

    Raises UserError for one that is not there, and for everything that is wrong with its entries, with their lines:
    unknown keys and names, values of another kind, ways that need each other in a circle, a grid without cells.
    """
    file = find_recipe(name)
    raw = read_yaml(file)
    if not isinstance(raw, dict) or "study" not in raw:
        raise refusal(file, [Wrong((), "no study: its question is missing (`study: ...`)")])
    filled, origins, problems = _filled(raw)
    try:
        study = Study.model_validate(filled)
    except ValidationError as error:
        raise refusal(file, [*problems, *(_at_home(problem(one, Study), origins) for one in error.errors())]) from None
    problems += [_at_home(one, origins) for one in problems_of(study)]
    if problems:
        raise refusal(file, problems)
    return Opened(file.stem if name.endswith(".yaml") else name, file, study)


def folder_for(opened: Opened, out: str | Path | None) -> Path:
    """Return a study's folder: `out`, or `runs/` and the recipe's name where that is None; never a file's place."""
    folder = Path(out) if out else Path("runs") / opened.name
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, and a study is a folder", fix="choose another --out")
    return folder


def is_study(file: Path) -> bool:
    """Whether a recipe is one of a study, and not of a training or a composition."""
    raw = read_yaml(file)
    return isinstance(raw, dict) and "study" in raw


def _filled(raw: Mapping[str, Any]) -> tuple[dict[str, Any], Origins, list[Wrong]]:
    """Return the recipe with every template among its ways replaced by the ways that it stands for."""
    ways = raw.get("ways")
    if not isinstance(ways, Mapping):
        return dict(raw), {}, []
    found: dict[str, Any] = {}
    origins: dict[str, str] = {}
    problems: list[Wrong] = []
    for name, way in ways.items():
        for full, one in _each(str(name), way, problems):
            if full in found:
                problems.append(Wrong(("ways", name), f": two ways are called {full!r}"))
            found[full], origins[full] = one, str(name)
    return {**raw, "ways": found}, origins, problems


def _each(name: str, way: Any, problems: list[Wrong]) -> Iterator[tuple[str, Any]]:
    """Yield what one entry stands for: itself, or with `each` one way for every combination of its values."""
    if not isinstance(way, Mapping) or "each" not in way:
        yield name, way or {}
        return
    axes = way["each"]
    rest = {key: value for key, value in way.items() if key != "each"}
    place = ("ways", name, "each")
    if not isinstance(axes, Mapping) or not all(isinstance(values, list) for values in axes.values()):
        problems.append(Wrong(place, ": names with lists of values are wanted, such as {task: [snli, mnli]}"))
        return
    for axis in (axis for axis, values in axes.items() if not values):
        problems.append(Wrong((*place, axis), ": no values, so this stands for no way at all"))
    unused = [axis for axis in axes if axis not in _blanks([name, rest])]
    unknown = sorted(_blanks([name, rest]) - set(axes))
    problems += [Wrong((*place, axis), f": nothing says {{{axis}}}") for axis in unused]
    problems += [Wrong(("ways", name), f": {{{blank}}} is not among the names of `each`") for blank in unknown]
    if unknown:
        return
    for values in itertools.product(*axes.values()):
        given = dict(zip(map(str, axes), values, strict=True))
        yield _fill(name, given), _fill(rest, given)


def _blanks(value: Any) -> set[str]:
    if isinstance(value, str):
        return set(_BLANK.findall(value))
    if isinstance(value, Mapping):
        return _blanks([*value, *value.values()])
    return set().union(*map(_blanks, value)) if isinstance(value, list) else set()


def _fill(value: Any, given: Mapping[str, Any]) -> Any:
    """Put values into the blanks; text that is nothing but a blank becomes the value itself, number or list."""
    if isinstance(value, str):
        whole = _BLANK.fullmatch(value)
        return given[whole[1]] if whole else _BLANK.sub(lambda found: _word(given[found[1]]), value)
    if isinstance(value, Mapping):
        return {_fill(key, given): _fill(one, given) for key, one in value.items()}
    return [_fill(one, given) for one in value] if isinstance(value, list) else value


def _word(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def _at_home(one: Wrong, origins: Origins) -> Wrong:
    """Return a problem of a way that a template stands for at the template's place in the file."""
    if len(one.place) > 1 and one.place[0] == "ways" and one.place[1] in origins:
        name = str(one.place[1])
        home = origins[name]
        told = f" (of {name})" if home != name else ""
        return Wrong(("ways", home, *one.place[2:]), one.text + told)
    return one
