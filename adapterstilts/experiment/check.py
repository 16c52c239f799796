"""What is wrong with a study's recipe beyond the kinds of its values: names, settings, circles, empty grids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from adapterstilts.config.recipe import Wrong
from adapterstilts.config.resolve import describe, read_settings, resolve
from adapterstilts.config.schema import MethodSettings, SearchSettings
from adapterstilts.data.own import find_task
from adapterstilts.errors import UserError, nearest
from adapterstilts.experiment.recipe import Study, Way
from adapterstilts.experiment.suits import SEARCH, allowed, reaches, spoken, suiting, ways_to_fuse
from adapterstilts.methods import method_of, methods
from adapterstilts.tasks import Role, require

Place = tuple[str | int, ...]

_FROM_THE_GRID = {"seed": "seeds", "init_seed": "seeds", "gram_examples": "ways that merge by regmean"}
_WHERE = "resources."
_ROUNDING = "resources.micro_batch_tokens"  # the one of them that may show in a result's last digits


def problems_of(study: Study) -> list[Wrong]:
    """Return everything that is wrong, each with its place in the file."""
    found = [*_grid(study), *_methods(study)]
    for name, way in study.ways.items():
        found += _way(study, name, way)
    found += _circles(study)
    return found or [*_cells(study)]


def _grid(study: Study) -> Iterator[Wrong]:
    grid: dict[str, list[Any]] = {"seeds": [*study.seeds], "targets": [*study.asked], "base": [*study.bases]}
    for place, values in grid.items():
        twice = sorted({str(one) for one in values if values.count(one) > 1})
        if twice:
            yield Wrong((place,), f": {', '.join(twice)} stands twice")
    for target in study.targets:
        wrong = [*_task(("targets",), target, "target")]
        yield from wrong
        if not wrong and spoken(study, target) == []:
            yield Wrong(("scores", "languages"), f": none of them is a language of {target}")
    if study.baseline not in study.ways:
        yield Wrong(("baseline",), f": no way is called {study.baseline!r}, {nearest(study.baseline, study.ways)}")
    elif not study.ways[study.baseline].shown:
        yield Wrong(("baseline",), f": the way {study.baseline!r} is not shown")
    if study.reference is not None and study.reference not in study.methods:
        yield Wrong(("reference",), f": no method is called so, {nearest(study.reference, study.methods)}")
    for scope in ("all", "intermediate", "target"):
        names = [study.catalog_name(one) for one in study.methods]
        yield from _settings(("settings", scope), getattr(study.settings, scope), None)
        for key, values in getattr(study.axes, scope).items():
            yield from _values(("axes", scope, key), key, values, names)


def _methods(study: Study) -> Iterator[Wrong]:
    for name, part in study.methods.items():
        catalog, place = study.catalog_name(name), ("methods", name)
        if catalog not in methods.names():
            where = (*place, "method") if part.method else place
            yield Wrong(where, f": unknown method {catalog!r}, {nearest(catalog, methods.names())}")
            continue
        yield from _settings((*place, "settings"), part.settings, catalog)
        for key, values in part.tried.items():
            yield from _values((*place, "tried", key), key, values, [catalog])


def _way(study: Study, name: str, way: Way) -> Iterator[Wrong]:
    place = ("ways", name)
    verbs = [verb for verb in ("learn", "mlm", "merge", "stack", "fuse", "match") if getattr(way, verb) is not None]
    if len(verbs) > 1:
        yield Wrong(place, f": one of {' and '.join(verbs)}, not {len(verbs)} of them")
        return
    for one in way.needs:
        if one not in study.ways:
            yield Wrong(place, f": there is no way {one!r}, {nearest(one, study.ways)}")
    for one in way.methods or ():
        if one not in study.methods:
            yield Wrong((*place, "methods"), f": the study has no method {one!r}, {nearest(one, study.methods)}")
    for task in way.learn or ():
        yield from _task((*place, "learn"), task, "intermediate")
    if (
        way.mlm
        and not any(_task((*place, "mlm"), way.mlm, "intermediate"))
        and find_task(way.mlm).format != "masked_lm"
    ):
        yield Wrong((*place, "mlm"), f": task {way.mlm} is no text for masked language modelling")
    yield from _out_of_place(place, way)
    yield from _composition(place, way)
    if way.verb in ("learn", "mlm"):
        yield from _settings((*place, "settings"), way.settings, None, _fitting(study, way))


def _out_of_place(place: Place, way: Way) -> Iterator[Wrong]:
    """Yield what is said of a way and means nothing to its verb."""
    trains, composes = way.verb in ("learn", "mlm"), way.verb in ("merge", "fuse")
    rules = {
        "from": (way.start is not None, trains, "learn or mlm"),
        "on_top": (way.on_top, way.start is not None, "a way that goes on `from` another"),
        "translated": (way.translated is not None, way.verb == "learn", "learn"),
        "how": (way.how is not None, composes, "merge or fuse"),
        "weights": (way.weights is not None, way.verb == "merge", "merge"),
        "rank": (way.rank is not None, way.verb == "merge", "merge"),
        "runs": (way.runs > 1, way.verb in ("", "learn", "mlm"), "the bare base, learn or mlm"),
        "settings": (bool(way.settings), trains or composes, "learn, mlm, merge or fuse"),
    }
    for key, (said, fits, of) in rules.items():
        if said and not fits:
            yield Wrong((*place, key), f": is for {of}")


def _composition(place: Place, way: Way) -> Iterator[Wrong]:
    """Yield what is wrong with a merge's or a fusion's name and settings."""
    if way.verb == "merge":
        from adapterstilts.compose.merges import merges  # numpy takes its time, and many a study merges nothing

        how = way.how or "mean"
        if how not in merges.names():
            yield Wrong((*place, "how"), f": unknown merge {how!r}, {nearest(how, merges.names())}")
            return
        if way.weights is not None and len(way.weights) != len(way.merge or ()):
            yield Wrong((*place, "weights"), f": {len(way.weights)} weights for {len(way.merge or ())} members")
        if way.rank and not merges.get(how).takes_rank:
            yield Wrong((*place, "rank"), f": the merge {how} takes no rank; svd does")
        schema = merges.get(how).schema
        yield from _told((*place, "settings"), way.settings, lambda one: read_settings(schema, one))
    if way.verb == "fuse" and way.how not in ways_to_fuse():
        yield Wrong((*place, "how"), f": unknown way to fuse {way.how!r}, {nearest(str(way.how), ways_to_fuse())}")
    elif way.verb == "fuse":
        searched = {key: value for key, value in way.settings.items() if key.startswith("search.")}
        others = {key: value for key, value in way.settings.items() if key not in searched}
        yield from _told((*place, "settings"), searched, lambda one: _search(way, one))
        yield from _settings((*place, "settings"), others, None if way.how == SEARCH else way.how)


def _search(way: Way, settings: Mapping[str, Any]) -> object:
    if way.how != SEARCH:
        raise UserError("is for a search")
    return read_settings(SearchSettings, {key.removeprefix("search."): one for key, one in settings.items()})


def _fitting(study: Study, way: Way) -> list[str]:
    """Return the catalog's methods that a way is gone by, and that are known."""
    names = [study.catalog_name(one) for one in way.methods or study.methods if one in study.methods]
    return [one for one in names if one in methods.names()]


def _settings(
    place: Place, settings: Mapping[str, Any], method: str | None, several: Iterable[str] = ()
) -> Iterator[Wrong]:
    """Yield the settings that there are not, and values that they cannot have; `several`: one method must have each."""
    for key, value in settings.items():
        names = list(several) if key.startswith("method.") and method is None else [method]
        told = [wrong for name in names or [None] if (wrong := _setting(key, value, name))]
        if told and len(told) == len(names or [None]):
            yield Wrong((*place, key), told[0])


def _values(place: Place, key: str, values: list[Any], names: Iterable[str]) -> Iterator[Wrong]:
    """Yield what is wrong with the values of an axis."""
    if len({repr(value) for value in values}) < len(values):
        yield Wrong(place, ": a value stands twice")
    for value in values:
        yield from (
            Wrong(place, wrong.text)
            for wrong in _settings((), {key: value}, None, [one for one in names if one in methods.names()])
        )


def _setting(key: str, value: Any, method: str | None) -> str | None:
    """Return what is wrong with one setting of a training by a method (None: any); None where nothing is."""
    if key in _FROM_THE_GRID:
        return f": is not set here, but by {_FROM_THE_GRID[key]}"
    if key.startswith(_WHERE) and key != _ROUNDING:
        return ": where the work is done is no part of a study; give it to `adapterstilts run`"
    schema = method_of(method).schema if method else MethodSettings
    if method is None and key.startswith("method."):
        return ": is a method's own; say it under methods"
    known = [entry.key for entry in describe(schema)]
    if key not in known:
        return f": unknown setting, {nearest(key, known)}"
    if key == "recipe":
        return None  # a recipe of trainings is read when it is used
    given = {"phase": "intermediate", "tasks": ("task",), "method": {"name": method or "none"}}
    try:
        resolve(given, {key: value}, schema)
    except UserError as error:
        return f" {error.what.removeprefix(f'{key} ')}" if error.what.startswith(f"{key} ") else f": {error.what}"
    return None


def _told(place: Place, settings: Mapping[str, Any], read: Callable[[Mapping[str, Any]], object]) -> Iterator[Wrong]:
    """Yield what a reader of settings says against each."""
    for key, value in settings.items():
        try:
            read({key: value})
        except UserError as error:
            yield Wrong((*place, key), f": {error.what}")


def _task(place: Place, name: str, role: Role) -> Iterator[Wrong]:
    try:
        require(find_task(name), role)
    except UserError as error:
        yield Wrong(place, ": " + "; ".join(part for part in (error.what, error.where, error.fix) if part))


def _circles(study: Study) -> Iterator[Wrong]:
    """Yield every way that needs itself, by way of the ways that it builds on."""
    done: set[str] = set()

    def walk(name: str, above: tuple[str, ...]) -> Iterator[Wrong]:
        if name in above:
            ring = [*above[above.index(name) :], name]
            yield Wrong(("ways", name), f": needs itself: {' -> '.join(ring)}")
            return
        if name in done or name not in study.ways:
            return
        for one in study.ways[name].needs:
            yield from walk(one, (*above, name))
        done.add(name)

    for name in study.ways:
        yield from walk(name, ())


def _cells(study: Study) -> Iterator[Wrong]:
    """Yield ways that no method or no target suits, and a grid that has no cell at all."""
    able = suiting(study)
    for name, way in study.ways.items():
        if not able[name]:
            suits = ", ".join(allowed(way) or ()) or "what it builds on"
            yield Wrong(("ways", name), f": none of the study's methods suits it ({suits})")
        elif way.shown and not any(reaches(study, name, target) for target in study.targets):
            yield Wrong(("ways", name), ": leads to none of the targets")
    if not any(way.shown for way in study.ways.values()):
        yield Wrong(("ways",), ": no way is shown, so the study has no cells")
