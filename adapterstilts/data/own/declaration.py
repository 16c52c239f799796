"""From a YAML file to a task: everything that is wrong with it, or with its files, is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from adapterstilts.config.identity import fingerprint
from adapterstilts.data.own._contents import Contents, read_contents
from adapterstilts.data.own._schema import METRICS, Declaration, given, shape_problems
from adapterstilts.data.own._source import Problem, read_source, without
from adapterstilts.errors import nearest
from adapterstilts.formats import formats
from adapterstilts.tasks import Role, Split, Task, tasks

HELD_OUT = 0.1  # of the train rows, where there are no dev rows
_SPLITS: tuple[Split, ...] = ("train", "dev", "test")
_ROLES: Mapping[str, tuple[Role, ...]] = {"masked_lm": ("intermediate",), "retrieval": ("target",)}


def read_own(path: Path) -> Task:
    """Return the task that a YAML file declares.

    Its identity (`repo`) is a digest of what decides how rows are read: format, columns, labels. Neither the place of
    a file nor its name is part of it; a file's content is the revision of its rows. Labels that are not declared are
    those of the train rows, sorted by name. Raises UserError with all problems, each with its line.
    """
    source, twice = read_source(path)
    values = given(source.values)
    problems = shape_problems(values, path.parent)
    problems += _together(without(values, [one.place for one in problems]))
    contents = read_contents(without(values, [one.place for one in problems]), path.parent)
    problems += [*twice, *contents.problems]
    if problems:
        raise source.error(problems)
    return _task(Declaration.model_validate(values, context={"folder": path.parent}), contents, path.parent)


def _task(said: Declaration, contents: Contents, folder: Path) -> Task:
    files = {
        language: {split: str(folder / name) for split in _SPLITS if (name := getattr(some, split))}
        for language, some in said.languages.items()
    }
    splits = [split for split in _SPLITS if any(split in some for some in files.values())]
    identity = fingerprint([said.format, contents.columns, contents.labels, said.no_answer])
    return Task(
        name=said.name,
        format=said.format,
        metric=said.metric or ("squad_v2" if said.no_answer else METRICS[said.format]),
        repo=f"own/{said.name}-{identity}",
        configs={language: language for language in files},
        splits={split: split for split in splits},
        columns=contents.columns,
        labels=contents.labels,
        roles=_ROLES.get(said.format, ("intermediate", "target")),
        category=said.category,
        licence=said.licence,
        source=said.source,
        notes=said.notes,
        held_out=0.0 if "dev" in splits or "train" not in splits else said.held_out or HELD_OUT,
        no_answer=said.no_answer,
        learns_from=said.learns_from,
        train_language=said.train_language or _train_language(files),
        files=files,
    )


def _together(said: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with entries beside each other; `said` are those that are right by themselves."""
    languages = said.get("languages", {})
    trained = [language for language, files in languages.items() if "train" in files]
    asked = said.get("train_language")
    if asked and asked not in trained:
        yield Problem(("train_language",), f"{asked!r} has no train file: {nearest(asked, trained)}")
    if not asked and len(trained) > 1 and "en" not in trained and said.get("format") != "masked_lm":
        yield Problem(
            ("languages",),
            f"several languages have a train file; say which is trained on: train_language: {trained[0]}",
        )
    if "held_out" in said and any("dev" in files for files in languages.values()):
        yield Problem(("held_out",), "there are dev files, so nothing is held out: leave out the one or the others")
    yield from _of_format(said)


def _of_format(said: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what does not suit the format: fields, labels, a metric, a task to learn from."""
    if "format" not in said:
        return
    name = said["format"]
    format = formats.get(name)
    unknown = [field for field in said.get("columns", {}) if field not in {*format.fields, "id"}]
    for field in unknown:
        yield Problem(("columns", field), f"format {name} has no such field: {nearest(field, {*format.fields, 'id'})}")
    if said.get("labels") and format.gold_kind != "labels":
        yield Problem(("labels",), f"format {name} has no labels")
    twice = sorted({label for label in said.get("labels", ()) if said["labels"].count(label) > 1})
    if twice:
        yield Problem(("labels",), f"{twice[0]!r} stands twice")
    if said.get("no_answer") and format.gold_kind != "answers":
        yield Problem(("no_answer",), f"format {name} has no answers")
    alike = [task for task in map(tasks.get, tasks.names()) if task.format == name]
    if "metric" in said and said["metric"] not in {task.metric for task in alike}:
        yield Problem(
            ("metric",),
            f"{said['metric']!r} does not score format {name}: {nearest(said['metric'], {t.metric for t in alike})}",
        )
    names = [task.name for task in alike]
    for place, other in enumerate(said.get("learns_from", ())):
        if other not in names:
            yield Problem(("learns_from", place), f"{other} is not of format {name}: {nearest(other, names)}")


def _train_language(files: Mapping[str, Mapping[Split, str]]) -> str:
    trained = [language for language, some in files.items() if "train" in some]
    return "en" if "en" in trained or not trained else trained[0]
