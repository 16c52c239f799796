"""Wikipedia from the Hub: only what is asked for is read, and kept; which rows, which of them are held out."""

from __future__ import annotations

import dataclasses
import json
import types

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapterstilts.cli import call
from adapterstilts.data.source import NoSuchRows, load_languages, load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.store.places import cache_root
from adapterstilts.tasks import tasks
from adapterstilts.train.command import continue_mlm

WIKIPEDIA = tasks.get("wikipedia")
ARTICLES = {"sw": (200, 200, 200), "yo": (30, 90, 90), "de": (60,)}  # by file


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """Wikipedia in the Hub's layout, of several files a language; and a cache of the test's own."""
    monkeypatch.setattr("huggingface_hub.HfFileSystem", lambda: types.SimpleNamespace(open=open))
    monkeypatch.setenv("ADAPTERSTILTS_CACHE", str(tmp_path / "cache"))
    for language, sizes in ARTICLES.items():
        folder = tmp_path / f"hub/wikimedia/wikipedia/20231101.{language}"
        folder.mkdir(parents=True)
        for number, size in enumerate(sizes):
            ids = [f"{number}{place:03}" for place in range(size)]
            texts = [f"Article {one} tells a short story of {language}, and of nothing else." for one in ids]
            columns = {"id": ids, "url": ids, "title": ids, "text": texts}
            file = folder / f"train-{number:05}-of-{len(sizes):05}.parquet"
            pq.write_table(pa.table(columns), file, row_group_size=8)
    return tmp_path / "hub"


class Hub:
    """Stands in for the Hub: names the files of its folder, notes what it was asked and how many rows were read."""

    def __init__(self, monkeypatch, folder, sha="a" * 40) -> None:
        self.folder, self.sha, self.asked, self.read, self.failing = folder, sha, [], [], {}
        self._load_real, self._read_real = datasets.load_dataset, pq.ParquetFile.read_row_group
        monkeypatch.setattr(datasets, "load_dataset", self._load)
        monkeypatch.setattr(datasets, "load_dataset_builder", self._builder)
        monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda *_, **__: self._info())
        monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda *words, **more: self._read(*words, **more))

    def _info(self):
        if self.sha is None:
            raise OSError("no network")
        return types.SimpleNamespace(sha=self.sha)

    def _files(self, path, config, revision, streamed):
        self.asked.append((config, revision, streamed))
        if self.sha is None:
            raise ConnectionError("no network")
        files = sorted(map(str, (self.folder / path / config).glob("*.parquet")))
        if not files:
            raise ValueError(f"BuilderConfig {config!r} not found. Available: [...]")
        return files

    def _builder(self, path, config, revision):
        files = {"train": self._files(path, config, revision, streamed=True)}
        return types.SimpleNamespace(config=types.SimpleNamespace(data_files=files))

    def _load(self, path, config, split, revision=None):
        files = [one for one in self._files(path, config, revision, streamed=False) if f"/{split}-" in one]
        return self._load_real("parquet", data_files={split: files}, split=split, cache_dir=str(self.folder / "cached"))

    def _read(self, *words, **more):
        table = self._read_real(*words, **more)
        self.read.append(len(table))
        if len(self.read) in self.failing:
            raise self.failing[len(self.read)]
        return table


@pytest.fixture
def hub(pages, monkeypatch):
    return Hub(monkeypatch, pages)


def ids(language, limit, split=None, **more):
    """The ids of the rows that were taken, or of those of a split."""
    if split:
        return load_rows(WIKIPEDIA, language, split, None, limit_text=limit, **more).ids()
    return load_rows(WIKIPEDIA, language, "train", None, hold_out=False, limit_text=limit, **more).ids()


def kept():
    folder = cache_root() / "streamed"
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def first(**counts):
    """Ids of the first so many articles of each file."""
    return [f"{name[1:]}{place:03}" for name, count in counts.items() for place in range(count)]


# which rows


def test_only_as_many_rows_are_read_as_are_asked_for_in_equal_shares_of_the_files(hub):
    assert ids("sw", 32) == first(f0=11, f1=11, f2=10)
    assert hub.read == [8, 8] * 3, "of 75 groups of rows"
    assert hub.asked == [("20231101.sw", "a" * 40, True)]


@pytest.mark.parametrize(
    ("language", "limit", "wanted"),
    [
        ("yo", 120, first(f0=30, f1=45, f2=45)),
        ("yo", 210, first(f0=30, f1=90, f2=90)),
        ("yo", 2, first(f0=1, f1=1)),
        ("yo", 10**6, first(f0=30, f1=90, f2=90)),
        ("de", 40, first(f0=40)),
    ],
)
def test_what_a_file_lacks_is_taken_from_those_after_it(hub, language, limit, wanted):
    assert ids(language, limit) == wanted


def test_the_files_are_those_that_the_library_finds_by_the_card(pages, monkeypatch):
    """The one test in which nothing stands in for it but a local repository."""
    card = ["---", "configs:"]
    for language in ARTICLES:
        card += [f"- config_name: 20231101.{language}", "  data_files:"]
        card += ["  - split: train", f"    path: 20231101.{language}/train-*"]
    (pages / "wikimedia/wikipedia/README.md").write_text("\n".join([*card, "---"]))
    real = datasets.load_dataset_builder
    monkeypatch.setattr(
        datasets, "load_dataset_builder", lambda path, config, revision: real(str(pages / path), config)
    )
    assert ids("sw", 32, revision="a" * 40) == first(f0=11, f1=11, f2=10)
    assert ids("yo", 120, revision="a" * 40) == first(f0=30, f1=45, f2=45)
    with pytest.raises(NoSuchRows, match=r"20231101\.fr"):
        ids("fr", 32, revision="a" * 40)
    other = dataclasses.replace(WIKIPEDIA, splits={"train": "all"})
    with pytest.raises(NoSuchRows, match="'all'"):
        load_rows(other, "sw", "train", None, "a" * 40, limit_text=32)


def test_texts_come_with_their_ids(hub):
    rows = load_rows(WIKIPEDIA, "sw", "train", None, hold_out=False, limit_text=64)
    assert rows.ids() == first(f0=22, f1=21, f2=21)
    assert rows.table["text"][63] == "Article 2020 tells a short story of sw, and of nothing else."


def test_rows_say_which_they_are_and_of_which_commit(hub):
    rows = load_rows(WIKIPEDIA, "sw", "train", None, limit_text=300)
    assert (rows.revision, rows.table.column_names) == ("a" * 40, ["id", "text"])
    assert rows.selection.startswith("first 300 in equal shares of its files, train without ")
    other = load_rows(WIKIPEDIA, "sw", "train", None, limit_text=301)
    assert rows.origin() != other.origin()


def test_without_a_limit_all_rows_are_downloaded(hub):
    assert ids("sw", None) == first(f0=200, f1=200, f2=200)
    assert hub.asked == [("20231101.sw", "a" * 40, False)]
    assert kept() == []


def test_a_language_that_is_not_there_is_told_from_one_that_cannot_be_reached(hub, capsys):
    with pytest.raises(NoSuchRows, match=r"20231101\.fr"):
        ids("fr", 32)
    found = load_languages(WIKIPEDIA, None, "dev", None, 60)
    assert [rows.language for rows in found] == ["de", "sw", "yo"]
    assert "not here: en af" in capsys.readouterr().err
    assert len(kept()) == 3


# what is held out


def test_an_article_is_held_out_or_not_however_many_are_taken(hub):
    whole = {split: set(ids("sw", None, split)) for split in ("train", "dev")}
    assert 4 <= len(whole["dev"]) <= 24, "two percent of 600"
    for limit in (150, 300, 600):
        train, dev = (ids("sw", limit, split) for split in ("train", "dev"))
        assert sorted([*train, *dev]) == sorted(ids("sw", limit))
        assert set(train) <= whole["train"]
        assert set(dev) <= whole["dev"]
        assert dev


def test_of_few_articles_one_is_held_out_and_of_one_none_can_be(hub):
    for limit in range(2, 12):
        assert (len(ids("de", limit, "train")), len(ids("de", limit, "dev"))) == (limit - 1, 1)
    with pytest.raises(UserError, match="of its 1 rows in language 'de' 1 serve as dev"):
        ids("de", 1, "train")


# what is kept


def test_what_was_taken_is_read_again_without_the_hub(hub):
    before = ids("sw", 32, "train"), ids("sw", 32, "dev")
    assert len(hub.asked) == 1
    hub.sha = None
    assert (ids("sw", 32, "train"), ids("sw", 32, "dev")) == before
    assert ids("sw", 32, "train", revision="a" * 40) == before[0]
    assert load_rows(WIKIPEDIA, "sw", "dev", None, limit_text=32).revision == "a" * 40
    assert len(hub.asked) == 1


def test_another_commit_or_number_is_taken_anew_and_the_first_stays(hub, pages):
    old = ids("sw", 32)
    [file, *_] = sorted((pages / "wikimedia/wikipedia/20231101.sw").glob("*.parquet"))
    pq.write_table(pq.read_table(file).slice(5), file, row_group_size=8)
    hub.sha = "b" * 40
    new = ids("sw", 32)
    assert new[0] == "0005" != old[0]
    assert ids("sw", 32, revision="a" * 40) == old
    assert ids("sw", 33)[:11] == new[:11]
    assert [revision for _, revision, _ in hub.asked] == ["a" * 40, "b" * 40, "b" * 40]
    hub.sha = None
    assert ids("sw", 32) == new, "what was taken last"


def test_without_network_and_without_kept_rows_it_is_said_how_to_read_a_local_copy(hub):
    ids("sw", 32)
    hub.sha = None
    for language, limit, revision in (("sw", 33, None), ("yo", 32, None), ("sw", 32, "b" * 40)):
        with pytest.raises(UserError, match=r"cannot read wikimedia/wikipedia from the Hub(.|\n)*--mirror DIR"):
            ids(language, limit, revision=revision)
    assert len(kept()) == 1


class HttpError(Exception):
    """No OSError, as those of httpx are none."""


BROKEN = [KeyboardInterrupt(), ConnectionError("the line is dead"), HttpError("the line is dead")]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: type(broken).__name__)
def test_an_interrupted_stream_leaves_nothing(hub, broken):
    hub.failing = {4: broken}
    with pytest.raises((KeyboardInterrupt, UserError)) as error:
        ids("sw", 32)
    assert isinstance(broken, KeyboardInterrupt) or "the line is dead" in str(error.value)
    assert kept() == []
    hub.failing = {}
    assert ids("sw", 32) == first(f0=11, f1=11, f2=10)
    assert kept() == [f"{'a' * 40}.arrow"]


def test_what_a_killed_process_has_left_is_no_row_and_is_removed(hub):
    ids("sw", 32)
    [file] = (cache_root() / "streamed").rglob("*.arrow")
    file.rename(file.with_name(f".tmp-12345678-{file.name}"))
    hub.sha = None
    with pytest.raises(UserError, match="nothing was taken from it before"):
        ids("sw", 32)
    hub.sha = "a" * 40
    assert ids("sw", 32) == first(f0=11, f1=11, f2=10)
    assert kept() == [f"{'a' * 40}.arrow"]


def test_a_commit_that_is_no_file_name_is_refused(hub):
    with pytest.raises(UserError, match="cannot be a file name"):
        ids("sw", 32, revision="../../elsewhere")


# runs


@pytest.fixture
def words(base, tmp_path):
    """Words of a short training on two languages from the Hub."""
    return ["continue-mlm", "--base", str(base), "--languages", "sw,yo", "--max-steps", "2", "--precision", "fp32",
            "--set", "data.max_length=32", "--set", "train.batch_size=4", "--out", str(tmp_path / "run")]  # fmt: skip


def test_a_run_takes_what_it_is_told_to_and_goes_on_with_the_same_rows(hub, words, tmp_path, capsys):
    assert call([*words, "--limit-text", "60"]) == 0
    config, record = (json.loads((tmp_path / "run" / name).read_text()) for name in ("config.json", "run.json"))
    assert record["data"]["wikipedia.sw-train"]["selection"].startswith("first 60 in equal shares")
    assert "limit_text" not in json.dumps([config, record])
    assert len(hub.asked) == 2
    hub.sha = "b" * 40  # the Hub has moved on; the run has not
    assert call([*words, "--set", "data.limit_text=60"]) == 0
    assert "already done" in capsys.readouterr().err
    hub.sha = None
    assert call([*words, "--limit-text", "60"]) == 0
    assert len(hub.asked) == 2
    hub.sha = "a" * 40
    assert call([*words, "--limit-text", "61"]) == 2
    assert "'first 60 in equal shares" in capsys.readouterr().err


def test_twenty_thousand_articles_are_usual_in_training_and_evaluation(hub, words, tmp_path):
    assert call(words) == 0
    origin = json.loads((tmp_path / "run/run.json").read_text())["data"]["wikipedia.sw-dev"]
    assert origin["selection"].startswith("first 20000 in equal shares")
    [usual] = evaluate(str(tmp_path / "run"), "wikipedia", split="dev", languages=["sw"])
    assert usual.metrics["data"]["sw"]["selection"].startswith("first 20000 in equal shares")
    assert all(streamed for _, _, streamed in hub.asked)


@pytest.mark.parametrize(("limit", "start"), [("60", "first 60 in"), ("none", "6 marked rows")])
def test_an_evaluation_takes_what_it_is_told_to(hub, words, tmp_path, limit, start, capsys):
    assert call([*words, "--limit-text", "60"]) == 0
    asked = ["evaluate", str(tmp_path / "run"), "--task", "wikipedia", "--split", "dev", "--languages", "sw", "--json"]
    assert call([*asked, "--limit-text", limit]) == 0
    [metrics] = json.loads(capsys.readouterr().out.split("\n", 1)[1])
    assert metrics["data"]["sw"]["selection"].startswith(start)


def test_masked_lm_beside_a_task_takes_what_it_is_told_to(hub, pages, mirror, base, tmp_path):
    (pages / "stanfordnlp").symlink_to(mirror / "stanfordnlp")
    words = ["train-intermediate", "--task", "snli", "--with-mlm", "0.5", "--mlm-languages", "sw", "--max-steps", "2"]
    places = ["--base", str(base), "--precision", "fp32", "--out", str(tmp_path / "run")]
    assert call([*words, *places, "--limit-text", "60", "--limit-train", "16", "--set", "data.max_length=32"]) == 0
    data = json.loads((tmp_path / "run/run.json").read_text())["data"]
    assert data["wikipedia.sw-train"]["selection"].startswith("first 60 in equal shares")
    assert data["wikipedia.sw-train"]["rows"] + data["wikipedia.sw-dev"]["rows"] == 60
    assert data["snli-train"]["rows"] == 16
    assert {config: streamed for config, _, streamed in hub.asked} == {"plain_text": False, "20231101.sw": True}


def test_a_mirrors_rows_and_runs_are_what_they_were_whatever_the_limit(mirror, base, tmp_path, capsys):
    settings = {"resources.mirror": str(mirror), "precision": "fp32", "train.max_steps": 1, "data.max_length": 32,
                "data.languages": "sw"}  # fmt: skip
    made = [
        continue_mlm(out=tmp_path / "run", base=str(base), settings={**settings, "data.limit_text": limit})
        for limit in (3, None)
    ]
    assert made[0].record == made[1].record
    assert "already done" in capsys.readouterr().err
    assert made[0].record.data["wikipedia.sw-dev"]["selection"] == "2 % of train"
    assert kept() == []
