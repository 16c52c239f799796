"""Parity of mini and real: the same command leaves the same shape of things, whichever mirror it reads."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from adapterstilts.cli import adapterstilts as group
from adapterstilts.data.source import NoSuchRows, load_rows
from adapterstilts.formats import formats
from adapterstilts.mini.random_base import Shape, random_base
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.texts import texts_of
from adapterstilts.mini.tokenizer import write_tokenizer
from adapterstilts.tasks import Split, Task, tasks

SPEAKING = ("en", "de", "es", "sw", "tr")  # at least two of each multilingual task, in letters that the base reads
UNSPOKEN = ("panx_xr", "tatoeba_xr")  # of the embedded world, which speaks none of their languages
THERE = (  # in the real mirror
    *("commonsense_qa", "cosmos_qa", "hellaswag", "mnli", "pawsx", "snli", "squad_v1", "squad_v2"),
    *("tatoeba", "tydiqa", "udpos", "xcopa", "xquad"),
)
MANY = {"tatoeba": 10, "tydiqa": 9, "udpos": 6, "xcopa": 11, "xquad": 12}  # languages of it there
SOME = 48  # rows of each real file: `evaluate` reads a split from end to end


class Command(NamedTuple):
    """What is done with one task: everything that its command lines say but the mirror and the folder."""

    task: Task
    split: Split
    languages: list[str]
    base: Path


class Left(NamedTuple):
    """What the commands have left: the head's record, keys and kinds of values in records, columns and their types."""

    head: dict[str, Any]
    run: Any
    metrics: Any
    columns: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("embedded") / "rows", size=48, speaking=SPEAKING)


@pytest.fixture(scope="module")
def tiny(embedded, tmp_path_factory):
    """A base whose tokenizer, learned from the embedded rows, spells nearly all of the real ones."""
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = write_tokenizer(texts_of(embedded), folder / "tokenizer", vocabulary=600)
    return random_base(tokenizer, folder / "base", shape=Shape(layers=2, hidden=64, positions=66))


@pytest.fixture(scope="module")
def thinned(real_data, tmp_path_factory):
    """The real mirror with some rows of each file, at even distances."""
    hub, folder = real_data / "hub", tmp_path_factory.mktemp("real")
    for file in hub.glob("*/*/*/*.parquet"):
        target, table = folder / file.relative_to(hub), pq.read_table(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.take(list(range(0, len(table), math.ceil(len(table) / SOME)))), target)
    for card in hub.glob("*/*/README.md"):
        (folder / card.relative_to(hub)).write_bytes(card.read_bytes())
    return folder


@pytest.fixture(scope="module", params=["embedded", pytest.param("real", marks=pytest.mark.real)])
def mirrors(request, embedded):
    """The embedded mirror; or it and the real one."""
    return [embedded] if request.param == "embedded" else [embedded, request.getfixturevalue("thinned")]


def has(mirror: Path, task: Task, language: str, split: Split) -> bool:
    """Tell whether the rows are there; rows that are, and cannot be read, are an error."""
    if not (mirror / task.repo).is_dir() or language not in task.configs:
        return False
    try:
        return len(load_rows(task, language, split, str(mirror))) > 0
    except NoSuchRows:
        return False


def learned(task: Task) -> Task:
    return task if "train" in task.splits else tasks.get(task.learns_from[0])


def call(*words: str | Path) -> None:
    result = CliRunner().invoke(group, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0, result.output


def train(given: Command, mirror: Path, out: Path) -> None:
    names = ",".join(given.languages)
    if given.task.format == "masked_lm":
        way = ["continue-mlm", "--languages", names]
    else:
        way = ["train-intermediate" if "intermediate" in given.task.roles else "train-target"]
    few = ["--max-steps", "2", "--limit-train", "16", "--set", "train.batch_size=4", "--set", "train.eval_examples=8"]
    short = ["--set", "data.max_length=64", "--set", "data.doc_stride=32", "--precision", "fp32"]
    call(*way, "--task", given.task.name, "--base", given.base, *few, *short, "--mirror", mirror, "--out", out)


def evaluate(given: Command, mirror: Path, out: Path) -> None:
    run = [out] if (out / "run.json").is_file() else ["--base", given.base, "--out", out]
    which = ["--task", given.task.name, "--split", given.split, "--languages", ",".join(given.languages)]
    call("evaluate", *run, *which, "--mirror", mirror)


def left_by(given: Command, mirror: Path, fallback: Path, out: Path) -> Left:
    """Train and score; on the rows of `fallback` where the mirror has none to train on, and not where no head is."""
    if hasattr(formats.get(given.task.format), "head"):
        there = has(mirror, learned(given.task), "en", "train")
        train(given, mirror if there else fallback, out)
    evaluate(given, mirror, out)
    [metrics] = out.glob("eval/*/metrics.json")
    return Left(
        head={file.stem: read(file) for file in out.glob("heads/*.json")},
        run=shape(read(out / "run.json")),
        metrics=shape(
            {name: value for name, value in read(metrics).items() if name != "alarms"}
        ),  # these tell of scores
        columns={file.stem: columns(file) for file in metrics.parent.glob("predictions/*.parquet")},
    )


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def shape(content: Any) -> Any:
    """Return keys as they are, and of every value only its kind; numbers must be finite."""
    if isinstance(content, dict):
        return {key: shape(value) for key, value in content.items()}
    if isinstance(content, list):
        return [shape(value) for value in content]
    assert not isinstance(content, float) or math.isfinite(content)
    return type(content).__name__


def columns(file: Path) -> dict[str, str]:
    table = pq.read_table(file)
    assert len(table) > 0
    assert all(map(math.isfinite, table["score"].to_pylist()))
    return {field.name: str(field.type) for field in table.schema}


@pytest.mark.parametrize("name", [name for name in tasks.names() if name not in UNSPOKEN])
def test_the_same_command_leaves_the_same_from_either_mirror(name, mirrors, tiny, tmp_path):
    task = tasks.get(name)
    split: Split = "test" if "test" in task.splits else "dev"
    there = (one for one in SPEAKING if all(has(mirror, task, one, split) for mirror in mirrors))
    languages = list(itertools.islice(there, 2))
    if not languages:
        assert any(has(mirrors[0], task, one, split) for one in SPEAKING)
        assert name not in THERE, f"the real mirror has rows of {name}: a repository or configuration is misnamed"
        pytest.skip(f"the real mirror has no {split} rows of {name} in {', '.join(SPEAKING)}")
    given = Command(task, split, languages, tiny)
    left = [left_by(given, mirror, mirrors[0], tmp_path / str(place)) for place, mirror in enumerate(mirrors)]
    for head in left[0].head.values():
        assert head["format"] == task.format
        assert head["labels"] == list(learned(task).labels) or learned(task).open_labels
    assert set(left[0].metrics["languages"]) == set(left[0].columns) == set(languages)
    for kinds in left[0].columns.values():
        beside = ["threshold"] if task.format == "mining" else []
        assert list(kinds) == ["id", "gold", "prediction", "score", *beside]
        assert "string" in kinds["gold"]  # one, or a list
    for part in Left._fields:
        assert getattr(left[0], part) == getattr(left[-1], part), part


@pytest.mark.real
@pytest.mark.parametrize("name", [*THERE, "mlqa"])
def test_real_rows_are_scored_in_every_language_that_is_there(name, embedded, thinned, tiny, tmp_path):
    task = tasks.get(name)
    split: Split = "test" if "test" in task.splits and name != "mlqa" else "dev"  # of MLQA, dev rows are there
    languages = [one for one in task.languages if has(thinned, task, one, split)]
    left_by(Command(task, split, languages, tiny), thinned, embedded, tmp_path / "run")
    [metrics] = (tmp_path / "run").glob("eval/*/metrics.json")
    assert set(read(metrics)["languages"]) == set(languages)
    assert len(languages) >= MANY.get(name, 1)


@pytest.mark.real
def test_every_configuration_of_the_real_mirror_is_a_tasks_or_known_to_be_none(real_data, tmp_path):
    declared = {(task.repo, config) for task in map(tasks.get, tasks.names()) for config in task.configs.values()}
    folders = {path: path.name if path.name != "data" else "default" for path in (real_data / "hub").glob("*/*/*/")}
    there = {(path.parent.relative_to(real_data / "hub").as_posix(), config) for path, config in folders.items()}
    others = {(repo, config) for repo, config in there - declared if not config.startswith("translation-")}
    assert others == {("allenai/cosmos_qa", "default")}  # a script on the Hub; English versions of XCOPA besides
    for folder, config in folders.items():
        for file in folder.glob("*.parquet"):
            split = file.name.split("-")[0]
            rows = datasets.load_dataset(str(folder.parent), config, split=split, cache_dir=str(tmp_path))
            assert len(rows) == pq.read_metadata(file).num_rows > 0
