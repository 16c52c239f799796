"""The embedded mirror: rows about a small world, in nine languages, as the Hub stores them.

Facts are drawn at random (`_makers.py`), said by each language's own grammar (`languages/`) and stored under the
Hub's configurations, columns and label names (`_columns.py`). A demonstration of the machinery: no evidence about
real tasks or languages.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from adapterstilts.config.identity import derive_seed
from adapterstilts.errors import UserError, nearest
from adapterstilts.mini._catalog import MAKERS, kinds
from adapterstilts.mini._columns import hub_table
from adapterstilts.mini._makers import Row, Source, Split
from adapterstilts.mini.languages import languages
from adapterstilts.mini.said import joined
from adapterstilts.store.atomic import new_folder
from adapterstilts.tasks import Task, tasks

if TYPE_CHECKING:
    import pyarrow as pa

_WITHHELD = {"mnli": ("test_matched", "test_mismatched"), "qqp": ("test",)}  # the Hub's splits without labels
_TEST_ONLY = {("udpos", "yo"), ("udpos_ud", "yo"), ("afriqa", "sw"), ("afriqa", "yo")}  # as on the Hub


def write_rows(
    out: Path,
    *,
    seed: int = 0,
    size: int = 400,
    speaking: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    few: int | None = None,
) -> Path:
    """Write a mirror in the Hub's layout with `size` English training rows a task; return `out`.

    Other splits hold `few`, and so do training rows in other languages (None: a quarter of `size`); articles are as
    many in every language. `speaking`: the languages, as far as a task has them; None means all of the world's.
    `only`: the tasks; None means all. Languages share their facts, as translations do. Equal seeds give equal bytes.
    Raises UserError for a folder that exists, or a language that the world does not speak.
    """
    import pyarrow as pa

    if out.exists():
        raise UserError(f"{out} is there already", fix="choose another folder")
    for code in speaking or ():
        if code not in languages.names():
            raise UserError(f"the world does not speak {code!r}", fix=nearest(code, languages.names()))
    seen: set[frozenset[str]] = set()
    with new_folder(out) as folder:
        for task in map(tasks.get, only or MAKERS):
            spoken = [code for code in speaking or languages.names() if code in task.configs]
            if not spoken:
                continue
            task = replace(task, configs={code: task.configs[code] for code in spoken})
            for split, tables in _splits(task, (seed, size, few or max(6, size // 4)), seen):
                for config, parts in tables.items():
                    _write(folder / task.repo / config / f"{split}-00000-of-00001.parquet", pa.concat_tables(parts))
        for repository in folder.glob("*/*"):
            (repository / "README.md").write_text(_card(repository), encoding="utf-8")
    return out


def _splits(
    task: Task, drawn: tuple[int, int, int], seen: set[frozenset[str]]
) -> Iterator[tuple[str, dict[str, list[pa.Table]]]]:
    """Yield the Hub's splits and their tables by configuration, one a language; `drawn` are seed, size and few."""
    seed, size, few = drawn
    for hub_split, split, share in _hub_splits(task):
        source = Source(random.Random(derive_seed(seed, task.name, hub_split)), split)
        rows = _fresh_rows(source, task, (size if split == "train" else few) // share, seen)
        rows = [Row(row.texts, -1) for row in rows] if hub_split in _WITHHELD.get(task.name, ()) else rows
        tables: dict[str, list[pa.Table]] = {}
        for language in task.configs:
            if split == "test" or (task.name, language) not in _TEST_ONLY:
                some = rows if language == "en" or task.format == "masked_lm" else rows[:few]
                tables.setdefault(task.configs[language], []).append(hub_table(task, language, some))
        yield hub_split, tables


def _hub_splits(task: Task) -> Iterator[tuple[str, Split, int]]:
    """Yield the Hub's name of each split, ours, and of how many parts it is one (ANLI's rounds)."""
    for split, named in task.splits.items():
        names = named.split("+")
        yield from ((name, split, len(names)) for name in names)
    yield from ((name, "test", 1) for name in _WITHHELD.get(task.name, ()))


def _fresh_rows(source: Source, task: Task, size: int, seen: set[frozenset[str]]) -> list[Row]:
    """Draw rows of all labels in equal parts whose English texts differ and, in any order, occur nowhere else."""
    labels = [number % kinds(task) for number in range(size)]
    source.rng.shuffle(labels)
    rows: list[Row] = []
    while len(rows) < size:
        row = MAKERS[task.name](source, labels[len(rows)])
        texts = frozenset(joined(said, "en") for said in row.texts)
        if texts not in seen and len(texts) == len(row.texts):
            seen.add(texts)
            unlabelled = task.unlabelled == "drop" and len(rows) % 50 == 49  # 2 %, as in the real data
            rows.append(Row(row.texts, -1) if unlabelled else row)
    return rows


def _write(file: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file)


def _card(repository: Path) -> str:
    lines = ["---", "configs:"]
    for config in sorted(path.name for path in repository.iterdir()):
        lines += [f"- config_name: {config}", "  data_files:"]
        for split in sorted(path.name.split("-")[0] for path in (repository / config).iterdir()):
            lines += [f"  - split: {split}", f"    path: {config}/{split}-*"]
    notice = "Written by adapterstilts in the shape of the real rows, without their content: no evidence about them."
    return "\n".join([*lines, "---", "", f"# {repository.name}: rows of the embedded world", "", notice, ""])
