"""CCGbank's supertags, from the AUTO files of LDC2005T13 or from tables of words and tags as jiant has them.

A leaf of a derivation is `<L CAT POS1 POS2 WORD PREDARG>`; its category is the word's supertag. Sections as in jiant
(scripts/ccg): 00-18 train, 19-21 dev, 22-24 test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from adapterstilts.data.files._lines import numbered_lines
from adapterstilts.errors import UserError
from adapterstilts.store.atomic import write_text
from adapterstilts.tasks import Split, tasks

Sentence = tuple[list[str], list[str]]

_SECTIONS: Mapping[Split, range] = {"train": range(19), "dev": range(19, 22), "test": range(22, 25)}
_NAMES: Mapping[Split, tuple[str, ...]] = {"train": ("train",), "dev": ("dev", "val", "validation"), "test": ("test",)}
_LEAF = re.compile(r"<L (\S+) \S+ \S+ (\S+) \S+>")


def _import(source: Path, target: Path) -> None:
    """Write the sentences of all splits as tokens and tags, the tags as a ClassLabel in order of first appearance."""
    auto = next((folder for folder in (source / "data" / "AUTO", source / "AUTO", source) if _sections(folder)), None)
    splits = _from_auto(auto) if auto else _from_tables(source)
    labels = list(dict.fromkeys(tag for sentences in splits.values() for _, tags in sentences for tag in tags))
    task = tasks.get("ccg")
    for split, sentences in splits.items():
        _write(target / task.configs["en"], task.splits[split], sentences, labels)
    config = task.configs["en"]
    head = f"---\nconfigs:\n- config_name: {config}\n  data_files:\n"
    files = "".join(f"  - split: {task.splits[split]}\n    path: {config}/{task.splits[split]}-*\n" for split in splits)
    write_text(target / "README.md", f"{head}{files}---\nImported from LDC2005T13, which may not be passed on.\n")


def _write(folder: Path, split: str, sentences: list[Sentence], labels: list[str]) -> None:
    import datasets

    columns = tasks.get("ccg").columns
    features = datasets.Features(
        {
            columns["tokens"]: datasets.Sequence(datasets.Value("string")),
            columns["tags"]: datasets.Sequence(datasets.ClassLabel(names=labels)),
        }
    )
    words, tags = zip(*sentences, strict=True)
    number = {label: place for place, label in enumerate(labels)}
    ids = [[number[tag] for tag in row] for row in tags]
    folder.mkdir(parents=True, exist_ok=True)
    table = datasets.Dataset.from_dict({columns["tokens"]: list(words), columns["tags"]: ids}, features=features)
    table.to_parquet(str(folder / f"{split}-00000-of-00001.parquet"))


def _sections(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9][0-9]")) if folder.is_dir() else []


def _from_auto(folder: Path) -> dict[Split, list[Sentence]]:
    """Return all sentences of a folder AUTO; a UserError names the sections that are missing."""
    needed = [f"{number:02}" for sections in _SECTIONS.values() for number in sections]
    missing = [name for name in needed if not list((folder / name).glob("*.auto"))]
    if missing:
        raise UserError(
            f"{folder} lacks sections of CCGbank: {', '.join(missing)}",
            where="needed: 00 to 24, each a folder of .auto files",
            fix="copy data/AUTO whole from LDC2005T13",
        )
    return {
        split: [
            one
            for number in sections
            for file in sorted((folder / f"{number:02}").glob("*.auto"))
            for one in _sentences(file)
        ]
        for split, sections in _SECTIONS.items()
    }


def _sentences(file: Path) -> Iterator[Sentence]:
    """Yield the words and categories of every derivation; lines between begin with ID=."""
    for number, line in numbered_lines(file):
        if not line.strip() or line.startswith("ID="):
            continue
        leaves = _LEAF.findall(line)
        if not leaves or len(leaves) != line.count("<L "):
            raise UserError(
                f"{file}, line {number}: no derivation of CCGbank",
                where=line[:120],
                fix="a leaf is <L CATEGORY POS POS WORD ARGUMENTS>; copy the file again",
            )
        yield [word for _, word in leaves], [category for category, _ in leaves]


def _from_tables(source: Path) -> dict[Split, list[Sentence]]:
    """Return the sentences of tables, one a split: words, a tab, as many tags."""
    files = {
        split: next((file for name in names for file in _named(source, name)), None) for split, names in _NAMES.items()
    }
    missing = [split for split, file in files.items() if file is None]
    if missing:
        raise UserError(
            f"{source} holds no CCGbank: neither data/AUTO/00 to 24 nor tables train, dev and test "
            f"(missing: {', '.join(missing)})",
            where=tasks.get("ccg").licensed,
            fix="give --from the folder that holds data/AUTO of LDC2005T13, or train.tsv, dev.tsv and test.tsv",
        )
    return {split: _table(file) for split, file in files.items() if file}


def _named(source: Path, split: str) -> list[Path]:
    return [
        file for file in (source / f"{split}.tsv", source / f"ccg.{split}", source / f"{split}.txt") if file.is_file()
    ]


def _table(file: Path) -> list[Sentence]:
    sentences = []
    for number, line in numbered_lines(file):
        if not line.strip():
            continue
        words, _, tags = line.partition("\t")
        pair = words.split(" "), tags.split(" ")
        if (words, tags) == ("text", "tags"):
            continue
        if len(pair[0]) != len(pair[1]) or "" in pair[0] + pair[1]:
            raise UserError(
                f"{file}, line {number}: {len(pair[0])} words and {len(pair[1])} tags",
                where=line[:120],
                fix="write the words with blanks between, a tab, and one tag a word",
            )
        sentences.append(pair)
    if not sentences:
        raise UserError(f"{file} holds no sentences", fix="copy it again")
    return sentences


IMPORT = _import
