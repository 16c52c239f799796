"""BUCC 2018's own files, of all pairs of languages there: `de-en.sample.de`, `.en` and `.gold`, `de-en.training.*`.

As XTREME has it, the sample becomes the dev rows and the training files the test rows (BUCC kept its test gold back).
A line of a pool is an id, a tab and a sentence; a line of the gold is the ids of two sentences with a tab between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from adapterstilts.data.files._lines import numbered_lines
from adapterstilts.errors import UserError
from adapterstilts.store.atomic import write_text
from adapterstilts.tasks import Split, Task, tasks

_PARTS: Mapping[Split, str] = {"dev": "sample", "test": "training"}


class _Files(NamedTuple):
    """One part of one pair of languages: the pools and the gold."""

    source: Path
    target: Path
    gold: Path


def import_bucc(source: Path, out: Path) -> None:
    """Write the pools under `source`, at any depth, into the folder `out` in the Hub's layout, one row a sentence.

    Columns: id, text, side (`source`: not English; `target`), partners (ids of the sentences that translate a source
    sentence). Raises UserError: nothing there, a file of three missing, a line that is no pair, an id that is there
    twice or nowhere.
    """
    task = tasks.get("bucc")
    found = {(config, split): files for config in task.configs.values() for split in task.splits
             if (files := _find(source, config, split))}  # fmt: skip
    if not found:
        raise UserError(
            f"{source} holds no files of BUCC 2018",
            where=f"looked for, however deep: de-en.sample.de, de-en.sample.en, de-en.sample.gold, ... {task.licensed}",
            fix="unpack the archives first (tar xjf bucc2018-de-en.training-gold.tar.bz2), then give their folder",
        )
    for (config, split), files in found.items():
        _write(task, files, out / config, task.splits[split])
    write_text(out / "README.md", _card(task, list(found)))


def _find(source: Path, config: str, split: Split) -> _Files | None:
    """Return the three files of one part; None where there is none of them."""
    stem = f"{config}.{_PARTS[split]}"
    names = [f"{stem}.{ending}" for ending in (*config.split("-"), "gold")]
    files = [next(iter(sorted(source.rglob(name))), None) for name in names]
    there = [file for file in files if file]
    if there and len(there) < len(names):
        missing = [name for name, file in zip(names, files, strict=True) if not file]
        raise UserError(
            f"{source} holds {there[0].name} without {' and '.join(missing)}",
            fix="copy all three files of this part, or none",
        )
    return _Files(*there) if there else None


def _write(task: Task, files: _Files, folder: Path, split: str) -> None:
    import datasets

    pools = [_read_pool(files.source), _read_pool(files.target)]
    partners: dict[str, list[str]] = {name: [] for name in pools[0]}
    for number, one, other in _pairs(files.gold):
        for name, pool, file in ((one, pools[0], files.source), (other, pools[1], files.target)):
            if name not in pool:
                raise UserError(
                    f"{files.gold}, line {number}: {name!r} is no sentence of {file.name}", fix="copy the files again"
                )
        if other not in partners[one]:
            partners[one].append(other)
    if not any(partners.values()):
        raise UserError(f"{files.gold} holds no pairs", fix="copy the file again")
    columns = task.columns
    table = datasets.Dataset.from_dict(
        {
            columns["id"]: [name for pool in pools for name in pool],
            columns["text"]: [text for pool in pools for text in pool.values()],
            columns["side"]: ["source"] * len(pools[0]) + ["target"] * len(pools[1]),
            columns["partners"]: [*partners.values(), *([] for _ in pools[1])],
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(str(folder / f"{split}-00000-of-00001.parquet"))


def _read_pool(file: Path) -> dict[str, str]:
    """Return the sentences of a pool by their ids."""
    pool: dict[str, str] = {}
    for number, name, text in _pairs(file):
        if name in pool:
            raise UserError(f"{file}, line {number}: the id {name!r} is there twice", fix="copy the file again")
        pool[name] = text
    if not pool:
        raise UserError(f"{file} holds no sentences", fix="copy the file again")
    return pool


def _pairs(file: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the number of every line and what stands before and after its first tab."""
    for number, line in numbered_lines(file):
        if not line.strip():
            continue
        first, tab, second = line.partition("\t")
        if not (first.strip() and tab and second.strip()):
            raise UserError(
                f"{file}, line {number}: no two fields with a tab between", where=line[:120], fix="copy the file again"
            )
        yield number, first.strip(), second.strip()


def _card(task: Task, found: list[tuple[str, Split]]) -> str:
    lines = ["---", "configs:"]
    for config in dict.fromkeys(config for config, _ in found):
        lines += [f"- config_name: {config}", "  data_files:"]
        for split in (task.splits[split] for other, split in found if other == config):
            lines += [f"  - split: {split}", f"    path: {config}/{split}-*"]
    return "\n".join(
        [*lines, "---", "Imported from the files of BUCC 2018; sample is validation, training is test.", ""]
    )


IMPORT = import_bucc
