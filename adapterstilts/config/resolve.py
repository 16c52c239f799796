"""From flags and `--set key=value` to one typed configuration, with every problem told at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from adapterstilts.config.schema import MethodSettings, RunConfig
from adapterstilts.errors import UserError, nearest

Method = TypeVar("Method", bound=MethodSettings)
Schema = TypeVar("Schema", bound=BaseModel)

_GIVEN_BY_FLAGS = {"phase", "tasks", "method.name", "base", "start", "on_top", "data.text"}


def parse_assignments(assignments: Iterable[str]) -> dict[str, str]:
    """Read `section.key=value` words; the value may itself hold an equals sign."""
    settings = {}
    for word in assignments:
        key, sign, value = word.partition("=")
        if not sign or not key.strip():
            raise UserError(f"cannot read --set {word!r}", fix="write --set section.key=value")
        settings[key.strip()] = value.strip()
    return settings


def resolve(given: Mapping[str, Any], settings: Mapping[str, Any], method_schema: type[Method]) -> RunConfig[Method]:
    """Lay dotted `settings` over the `given` fields and return the typed configuration.

    A UserError lists every unknown key (with its nearest name) and every bad value at once.
    """
    raw: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    for path, value in settings.items():
        _put(raw, path, value)
    return _validate(schema_for(method_schema), raw)


def schema_for(method_schema: type[Method]) -> type[RunConfig[Method]]:
    """Return the settings of a training by a method that has these of its own."""
    return RunConfig[method_schema]  # type: ignore[valid-type]  # pydantic makes a class for any class, at run time


def read_settings(schema: type[Schema], settings: Mapping[str, Any]) -> Schema:
    """Return dotted `settings` as a typed whole; None means the default. Raises UserError as `resolve` does."""
    raw: dict[str, Any] = {}
    for path, value in settings.items():
        if value is not None:
            _put(raw, path, value)
    return _validate(schema, raw)


def _validate(schema: type[Schema], raw: Mapping[str, Any]) -> Schema:
    try:
        return schema.model_validate(raw)
    except ValidationError as error:
        known = [entry.key for entry in _entries(schema)]
        problems = [_problem(detail, known) for detail in error.errors()]
        raise UserError("\n  ".join(problems), fix="see: adapterstilts settings") from None


class Entry(NamedTuple):
    """One setting as a person sees it."""

    key: str
    default: str
    description: str


def describe(method_schema: type[MethodSettings]) -> list[Entry]:
    """Return every setting that `--set` takes, in the order of the schema."""
    return [entry for entry in _entries(schema_for(method_schema)) if entry.key not in _GIVEN_BY_FLAGS]


def _entries(schema: type[BaseModel], prefix: str = "") -> Iterator[Entry]:
    for name, field in schema.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _entries(kind, f"{prefix}{name}.")
        else:
            default = "none" if field.default is None else _plain(field.default)
            yield Entry(prefix + name, default, field.description or "")


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return one line `key: old -> new` for every value that two nested settings do not share."""
    lines = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            lines += differences(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key}: {before!r} -> {after!r}")
    return lines


def _put(raw: dict[str, Any], path: str, value: Any) -> None:
    *sections, key = path.split(".")
    for section in sections:
        inner = raw.get(section)
        raw[section] = inner = dict(inner) if isinstance(inner, Mapping) else {}
        raw = inner
    raw[key] = value


def _problem(detail: ErrorDetails, known: list[str]) -> str:
    path = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"unknown setting {path!r}: {nearest(path, known)}"
    if detail["type"] == "missing":
        return f"{path}: needed, and not given"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{path} = {detail['input']!r}: {message[0].lower()}{message[1:]}"
