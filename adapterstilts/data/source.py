"""Rows of a task: from the Hub, or from a mirror in the Hub's own layout, by the same call.

What comes is held against the task's declaration. Wrong columns or label names are an error; fewer rows
than declared are said (a mirror may be a part) and recorded, with the revision they came from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np

from adapterstilts.console import log, log_once
from adapterstilts.data.files import read_files
from adapterstilts.data.gold import with_sound_gold
from adapterstilts.data.joined import joined
from adapterstilts.data.labels import read_labels, with_own_labels
from adapterstilts.data.reshaping import reshapes
from adapterstilts.data.rows import MARK, Rows
from adapterstilts.data.streamed import Excerpt, as_taken, kept_revision, take
from adapterstilts.data.translated import split_name, with_translations
from adapterstilts.errors import UserError, nearest
from adapterstilts.formats import formats
from adapterstilts.store.places import cache_root, imported_root, remembered
from adapterstilts.tasks import Split, Task, tasks


class NoSuchRows(UserError):
    """The repository is there; this language or split is not in it."""


def load_rows(
    task: Task,
    language: str,
    split: Split,
    mirror: str | None,
    revision: str | None = None,
    hold_out: bool = True,
    limit_text: int | None = None,
) -> Rows:
    """Load one split and check it against the task's declaration.

    `revision`: the Hub commit to read; None means the newest. A mirror is read as it is. `hold_out`: whether
    train rows that serve as dev are left out of train (where the task has no dev rows of its own). `limit_text`: so
    many rows are taken where the task is streamed from the Hub; None means all, which are downloaded.
    Raises UserError: no such language or split, missing mirror or repository, no network, a missing
    column, label names other than the task's, a gold column of -1 or of a single value.
    """
    if task.parts:
        return _joined(task, language, split, mirror, revision)
    rows = _read(task, language, split, mirror, revision, limit_text)
    if task.held_out and split in ("train", "dev"):
        rows = rows.hold_out(task.held_out) if hold_out else rows.unmarked()
    return with_sound_gold(rows)


def load_marked(task: Task, split: Split, mirror: str | None) -> Rows:
    """Load a split in the training language as `load_rows` does; train rows that serve as dev are among it, marked."""
    rows = _read(task, task.train_language, split, mirror, None)
    return with_sound_gold(rows.marked(task.held_out) if task.held_out and split == "train" else rows)


def _read(
    task: Task, language: str, split: Split, mirror: str | None, revision: str | None, limit_text: int | None = None
) -> Rows:
    """Return the rows as they are declared, none held out yet, from wherever they are."""
    streamed = False
    if task.files and language not in task.translated:
        table, revision = _from_files(task, language, split)
    elif mirror or task.licensed:
        table, revision = _from_folder(task, language, split, mirror)
    else:
        streamed = task.streamed
        table, revision = _from_hub(task, language, split, revision, limit_text if streamed else None)
    rows = _declared(task, language, split, table, revision)
    _tell_difference(rows, "mirror" if mirror else "Hub")
    return as_taken(rows, limit_text) if streamed else rows


def _joined(task: Task, language: str, split: Split, mirror: str | None, revision: str | None) -> Rows:
    """Return the rows of all parts, one after the other; `revision` holds theirs, with + between."""
    revisions = revision.split("+") if revision else [None] * len(task.parts)
    parts = [
        load_rows(with_translations(tasks.get(name), mirror), language, split, mirror, at)
        for name, at in zip(task.parts, revisions, strict=True)
    ]
    return joined(task, language, split, parts)


def _from_folder(task: Task, language: str, split: Split, mirror: str | None) -> tuple[Any, str]:
    """Read rows from a mirror; licensed data that it lacks from where `tasks import` has put the user's own copy."""
    in_mirror = mirror and (Path(mirror) / task.repo).is_dir()
    repository = _imported(task) if task.licensed and not in_mirror else _in_mirror(task, mirror or "")
    config, hub_split = task.config(language), split_name(task, language, split)
    revision = _mirror_revision(repository, config, with_card=language not in task.translated)
    # The library's own cache takes two folders with the same repository name for one and the same, and
    # serves the rows of the first for the second; so each content has a cache of its own.
    own_cache = str(cache_root() / "mirrors" / revision.removeprefix("mirror:"))
    return _load(task, str(repository), config, hub_split, {"cache_dir": own_cache}), revision


def _from_files(task: Task, language: str, split: Split) -> tuple[Any, str]:
    """Read rows from a person's own file, which not every language has of every split."""
    task.config(language)
    own = task.split(split)
    if own not in task.files[language]:
        raise NoSuchRows(
            f"task {task.name} has no {split} file in language {language!r}",
            fix=f"it has: {', '.join(task.files[language])}",
        )
    return read_files(task, language, cast(Split, own))


def _imported(task: Task) -> Path:
    repository = imported_root() / task.repo
    if not repository.is_dir():
        raise UserError(
            f"task {task.name} reads a copy of your own, and it is not here",
            where=task.licensed,
            fix=f"run: adapterstilts tasks import {task.name} --from DIR",
        )
    return repository


def _from_hub(task: Task, language: str, split: Split, revision: str | None, limit: int | None) -> tuple[Any, str]:
    config, hub_split = task.config(language), task.split(split)
    revision = revision or _newest_commit(task)
    if limit is not None:
        return _streamed(task, Excerpt(task.repo, config, hub_split, limit), revision)
    if task.branch:  # no card lists its configurations, and without one the loader silently joins them all
        files = f"hf://datasets/{task.repo}@{revision or task.branch.replace('/', '%2F')}/{config}"
        wanted = {"data_files": {one: f"{files}/{one}/*.parquet" for one in hub_split.split("+")}}
        table = _load(task, "parquet", None, hub_split, wanted)
    else:
        table = _load(task, task.repo, config, hub_split, {"revision": revision} if revision else {})
    return table, revision or _commit_of(table)


def _streamed(task: Task, excerpt: Excerpt, revision: str | None) -> tuple[Any, str]:
    """Return an excerpt at a commit; without one, as where the Hub does not answer, what was taken last."""
    revision = revision or kept_revision(excerpt)
    if revision is None:
        raise _unreachable(task, ConnectionError("the Hub does not answer, and nothing was taken from it before"))

    def find() -> Sequence[str]:
        log(f"data: {task.name} {excerpt.config}: taking {excerpt.count:,} rows from the Hub, and keeping them")
        return _files_on_hub(excerpt, revision)

    with _explained(task, excerpt.repo, excerpt.config, excerpt.split):
        return take(excerpt, revision, find), revision


def _files_on_hub(excerpt: Excerpt, revision: str) -> Sequence[str]:
    """Return where the files of a split lie at a commit, as the repository's card orders them."""
    import datasets

    found = datasets.load_dataset_builder(excerpt.repo, excerpt.config, revision=revision).config.data_files or {}
    if excerpt.split not in found:
        raise ValueError(f"Unknown split {excerpt.split!r}: {', '.join(found)}")
    return [str(file) for file in found[excerpt.split]]


def _declared(task: Task, language: str, split: Split, table: Any, revision: str) -> Rows:
    """Return the table's rows of `language`, once its columns and label names are the declared ones."""
    format = formats.get(task.format)
    if task.reshape and language not in task.translated:
        table = reshapes.get(task.reshape)(task, language, table)
        if not len(table):
            raise NoSuchRows(f"task {task.name}: no rows of language {language!r} here", fix="choose another language")
    table = _fields(task, _of_language(task, language, table))
    feature = table.features[format.label_field] if format.gold_kind == "labels" else None
    task = with_own_labels(task, feature)
    labels = read_labels(task, feature, getattr(format, "positional", False))
    source: Split = "train" if split == "dev" and task.held_out else split
    return Rows(task, language, split, table, labels, revision, task.rows.get(language, {}).get(source))


def _of_language(task: Task, language: str, table: Any) -> Any:
    """Keep the rows of a language where only the ids tell the languages apart."""
    if not task.id_prefix:
        return table
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = table.with_format("arrow")[:][task.columns["id"]]
    ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    chosen = np.flatnonzero(pc.starts_with(ids, task.id_prefix[language]).to_numpy(zero_copy_only=False))
    if not len(chosen):
        raise NoSuchRows(f"task {task.name}: no rows of language {language!r} here", fix="choose another language")
    return table.select(chosen)


def has_rows(task: Task, language: str, split: Split, mirror: str | None) -> bool:
    """Return whether a mirror, a user's own copy or own files have rows of a split; nothing is said of them."""
    try:
        if task.parts:
            parts = [with_translations(tasks.get(part), mirror) for part in task.parts]
            return all(has_rows(part, language, split, mirror) for part in parts)
        read = _from_files(task, language, split) if task.files else _from_folder(task, language, split, mirror)
        return len(_declared(task, language, split, *read)) > 0
    except UserError:
        return False


def load_languages(
    task: Task,
    languages: Sequence[str] | None,
    split: Split,
    mirror: str | None,
    limit_text: int | None = None,
    revisions: Mapping[str, str | None] | None = None,
) -> list[Rows]:
    """Load a split in several languages; None means all that have it here.

    The languages left out are said. A language asked for by name must be there (else NoSuchRows). `limit_text` is that
    of `load_rows`, `revisions` the Hub commits to read, by language.
    """
    found, missing = [], []
    for language in languages or task.languages:
        try:
            commit = (revisions or {}).get(language)
            found.append(load_rows(task, language, split, mirror, commit, limit_text=limit_text))
        except NoSuchRows:
            if languages:
                raise
            missing.append(language)
    if not found:
        raise NoSuchRows(
            f"task {task.name}: no language has {split} rows here",
            fix="choose another --split or another --mirror",
        )
    if missing:
        log_once(f"data: {task.name} {split}: {len(found)} languages; not here: {' '.join(missing)}")
    return found


def _in_mirror(task: Task, mirror: str) -> Path:
    root = Path(mirror)
    if not root.is_dir():
        raise UserError(
            f"the mirror {mirror} is not a folder",
            fix="give --mirror DIR or --mirror mini, or set ADAPTERSTILTS_MIRROR",
        )
    repository = root / task.repo
    if not repository.is_dir():
        there = [path.relative_to(root).as_posix() for path in root.glob("*/*") if path.is_dir()]
        raise UserError(
            f"the mirror {mirror} has no {task.repo}, which task {task.name} reads",
            fix=nearest(task.repo, there),
        )
    return repository


def _files(repository: Path, config: str, hub_split: str | None = None) -> list[Path]:
    """Return a configuration's data files: `<config>/<split>-*`, or `data/<split>-*` of a single one."""
    pattern = f"{hub_split}-*" if hub_split else "*"
    return sorted((repository / config).glob(pattern)) or sorted((repository / "data").glob(pattern))


def _mirror_revision(repository: Path, config: str, *, with_card: bool = True) -> str:
    """Return a digest of a configuration's files; without the card, which grows with every translated language."""
    files = [*_files(repository, config), *(repository.glob("README.md") if with_card else ())]

    def compute() -> str:
        total = hashlib.sha256()
        for file in files:
            total.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
        return total.hexdigest()[:16]

    return f"mirror:{remembered(files, compute)}"


def _newest_commit(task: Task) -> str | None:
    """Return the repository's newest commit; None where the Hub does not answer (rows may be cached)."""
    import huggingface_hub

    try:
        known = huggingface_hub.HfApi().dataset_info(task.repo, revision=task.branch or None, timeout=20)
        return str(known.sha)
    except Exception as error:  # noqa: BLE001 - httpx, requests and hub errors share no base class
        log_once(f"data: the Hub does not answer for {task.repo} ({type(error).__name__}); looking into its cache")
        return None


def _commit_of(table: Any) -> str:
    """Return the commit that cached rows came from, which their download records name."""
    for source in table.info.download_checksums or {}:
        found = re.search(r"@([0-9a-f]{40})/", source)
        if found:
            return found.group(1)
    return "unknown"


def _load(task: Task, path: str, config: str | None, hub_split: str, extra: Mapping[str, Any]) -> Any:
    import datasets

    datasets.disable_progress_bars()
    with _explained(task, path, config, hub_split):
        return datasets.load_dataset(path, config, split=hub_split, **extra)


@contextmanager
def _explained(task: Task, path: str, config: str | None, hub_split: str) -> Iterator[None]:
    """Tell what the data set library or the network raises as a UserError."""
    import datasets

    try:
        yield
    except ValueError as error:
        absent = "not found. Available" in str(error) or "Unknown split" in str(error)
        raise (NoSuchRows if absent else UserError)(
            f"task {task.name}: cannot read configuration {config!r}, split {hub_split!r} of {path}",
            where=str(error).strip().splitlines()[0][:300],
            fix="choose another language or split" if absent else "fetch the data again",
        ) from None
    except datasets.exceptions.DatasetGenerationError as error:
        raise UserError(
            f"task {task.name}: the files of configuration {config!r} of {path} cannot be read together",
            where=str(error.__cause__ or error).strip().splitlines()[0][:300],
            fix="its splits have different columns, or a file is damaged; fetch the data again",
        ) from None
    except (ConnectionError, OSError) as error:
        raise _unreachable(task, error) from None


def _unreachable(task: Task, error: Exception) -> UserError:
    return UserError(
        f"cannot read {task.repo} from the Hub for task {task.name} ({type(error).__name__})",
        where=str(error).strip().splitlines()[0][:200] if str(error).strip() else "",
        fix="check the network, or read a local copy: --mirror DIR (or ADAPTERSTILTS_MIRROR)",
    )


def _fields(task: Task, table: Any) -> Any:
    """Keep the task's columns, under the names that its format gives them, and the mark of train rows that are dev."""
    if any("." in column for column in task.columns.values()):
        table = table.flatten()
    missing = sorted(column for column in task.columns.values() if column not in table.column_names)
    if missing:
        raise UserError(
            f"task {task.name}: {task.repo} has no column {', '.join(map(repr, missing))}",
            where=f"columns there: {', '.join(table.column_names)}",
            fix=f"the data set has changed or is another one; compare it with: adapterstilts tasks show {task.name}",
        )
    marks = [MARK] if task.held_out and MARK in table.column_names else []
    table = table.select_columns([*task.columns.values(), *marks])
    return table.rename_columns({column: name for name, column in task.columns.items()})


def _tell_difference(rows: Rows, place: str) -> None:
    if rows.declared is not None and len(rows) != rows.declared:
        label = f"{rows.task.name} {rows.language} {rows.split}"
        log_once(f"data: {label}: {len(rows):,} rows in this {place}, {rows.declared:,} declared")
