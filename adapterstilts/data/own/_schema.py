"""What a YAML file may say of a task of one's own, each entry checked by itself."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from adapterstilts.data.files import kind_of
from adapterstilts.data.own._source import Place, Problem
from adapterstilts.errors import UserError, nearest
from adapterstilts.metrics import metrics
from adapterstilts.tasks import tasks
from adapterstilts.tasks._groups import GROUPS

METRICS = {
    "classification": "accuracy",
    "tagging": "chunk_f1",
    "span": "squad_v1",
    "multiple_choice": "accuracy",
    "preference": "accuracy",
    "retrieval": "accuracy",
    "masked_lm": "masked_tokens",
}  # the formats that one's own data can have, and the metric where none is said


def _free(name: str) -> str:
    """Check that a name is nobody else's: it names folders, files and parts of a model."""
    from torch.nn import ModuleDict

    if name in tasks.names() or name in GROUPS:
        raise ValueError(f"{name!r} is the name of a task of the catalog; choose another")
    if hasattr(ModuleDict(), name):  # where the heads of a model are kept, by their tasks' names
        raise ValueError(f"{name!r} is a word of torch's; choose another, such as {name}-task")
    return name


def _format(name: str) -> str:
    return _known(name, METRICS, "format")


def _metric(name: str) -> str:
    return _known(name, metrics.names(), "metric")


def _task(name: str) -> str:
    return _known(name, tasks.names(), "task")


def _known(name: str, names: Collection[str], kind: str) -> str:
    if name not in names:
        raise ValueError(f"{name!r} is no {kind}: {nearest(name, names)}")
    return name


def _file(name: str, info: ValidationInfo) -> str:
    """Check that a file is there, beside the YAML file or where its path says, and is of a kind that can be read."""
    path = (info.context or {})["folder"] / name
    if not path.is_file():
        others = [file.name for file in path.parent.glob("*") if file.is_file()] if path.parent.is_dir() else []
        raise ValueError(f"there is no file {name}: {nearest(path.name, others)}")
    try:
        kind_of(path)
    except UserError as error:
        raise ValueError(f"{error.what}; {error.fix}") from None
    return name


Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=60), AfterValidator(_free)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
File = Annotated[Text, AfterValidator(_file)]


class Strict(BaseModel):
    """Entries that know no unknown name; one without a value counts as not given."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Files(Strict):
    """The files of one language."""

    train: File | None = None
    dev: File | None = None
    test: File | None = None

    @model_validator(mode="after")
    def _some(self) -> Files:
        if not (self.train or self.dev or self.test):
            raise ValueError("names no file")
        return self


class Declaration(Strict):
    """A task of one's own, as its YAML file says it."""

    name: Name
    format: Annotated[str, AfterValidator(_format)]
    metric: Annotated[str, AfterValidator(_metric)] | None = None
    languages: dict[Language, Files] = Field(min_length=1)
    columns: dict[str, Text] = {}
    labels: tuple[Text, ...] = ()
    held_out: float | None = Field(None, gt=0, lt=1)
    train_language: Language | None = None
    no_answer: bool = False
    learns_from: tuple[Annotated[str, AfterValidator(_task)], ...] = ()
    category: Text = "own"
    licence: Text = "not stated"
    source: Text = "not stated"
    notes: str = ""


_WANTED = {
    "tuple_type": "write a list, [a, b]",
    "dict_type": "write names with values, {a: b}",
    "model_type": "write names with values, {train: FILE, test: FILE}",
    "string_type": "write one text",
    "too_short": "at least one is needed",
}


def shape_problems(values: dict[str, Any], folder: Path) -> list[Problem]:
    """Return everything that is wrong with single entries: unknown, missing, of another shape, not there."""
    try:
        Declaration.model_validate(values, context={"folder": folder})
    except ValidationError as error:
        return [_problem(one["loc"], one["type"], one["msg"], one["input"]) for one in error.errors()]
    return []


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values without the entries that are empty; a language without files stays, as one that names none."""
    kept = {key: value for key, value in values.items() if value != ""}
    if isinstance(kept.get("languages"), dict):
        kept["languages"] = {language: _named(files) for language, files in kept["languages"].items()}
    return kept


def _named(files: Any) -> Any:
    if isinstance(files, dict):
        return {split: name for split, name in files.items() if name != ""}
    return {} if files == "" else files


def _problem(place: Place, kind: str, message: str, value: Any) -> Problem:
    if kind == "missing":
        return Problem(place, "needed, and not given")
    if kind == "extra_forbidden":
        known = Files.model_fields if place[0] == "languages" else Declaration.model_fields
        return Problem(place, f"unknown; {nearest(str(place[-1]), known)}")
    if place[-1] == "[key]":
        return Problem(place[:-1], "no language code: write two or three small letters, such as sw or yor")
    if place == ("name",) and kind == "string_pattern_mismatch":
        return Problem(place, f"{value!r} is no name: use letters, digits, '_' and '-'")
    if kind == "value_error":
        return Problem(place, message.removeprefix("Value error, "))
    return Problem(place, f"{_short(value)}: {_WANTED.get(kind, message[0].lower() + message[1:])}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
