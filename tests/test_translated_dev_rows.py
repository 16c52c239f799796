"""Rows held out as dev, in translation: a translated row is one if its source is, whatever was left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

from adapterstilts import translate
from adapterstilts.data.own import find_task
from adapterstilts.data.source import load_rows
from adapterstilts.data.translated import with_translations
from adapterstilts.errors import UserError
from adapterstilts.mini.translator import MiniTranslator
from adapterstilts.tasks import tasks


def rows_of(name: str, language: str, mirror: Path, split="train"):
    return load_rows(with_translations(tasks.get(name), str(mirror)), language, split, str(mirror))


@pytest.fixture
def lossy(mirror, tmp_path):
    """A mirror whose TyDiQA has rows that are lost: some whose answer is not in the text, some that mini cannot say."""
    shutil.copytree(mirror, tmp_path / "lossy")
    [file] = (tmp_path / "lossy").glob("google-research-datasets/tydiqa/secondary_task/train-*.parquet")
    table = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    rows = [dict(row) for row in table]
    for number, row in enumerate(rows):
        if number % 7 == 1:
            row["answers"] = {"text": ["nowhere to be found"], "answer_start": [0]}
        if number % 5 == 2:
            row["question"] = "Hello."
    file.unlink()
    datasets.Dataset.from_list(rows, features=table.features).to_parquet(str(file))
    return tmp_path / "lossy"


def held_out_of(name: str, language: str, mirror: Path) -> dict[str, set[str]]:
    return {split: set(rows_of(name, language, mirror, split).ids()) for split in ("train", "dev")}


@pytest.mark.parametrize("limit", [None, 60])
def test_a_translated_row_is_held_out_if_its_source_is(limit, tmp_path, lossy):
    settings = {"resources.mirror": str(lossy)}
    report = translate("tydiqa", to=["de", "tr"], model="mini", out=tmp_path / "out", limit=limit, settings=settings)
    source = held_out_of("tydiqa", "en", lossy)
    assert not source["train"] & source["dev"]
    for language in ("en", "de", "tr"):
        found = held_out_of("tydiqa", language, tmp_path / "out")
        assert found["train"]
        assert found["dev"]
        assert found["train"] <= source["train"]
        assert found["dev"] <= source["dev"]
    for counts in report["languages"].values():
        assert counts["train"]["written"] < 0.9 * counts["train"]["rows"]


def test_rows_that_were_translated_again_are_held_out_as_the_first_were(tmp_path, lossy):
    translate("tydiqa", to=["de"], model="mini", out=tmp_path / "a", settings={"resources.mirror": str(lossy)})
    first = {"resources.mirror": str(tmp_path / "a")}
    translate("tydiqa", to=["tr"], model="mini", out=tmp_path / "b", limit=50, settings=first)
    source, found = held_out_of("tydiqa", "en", lossy), held_out_of("tydiqa", "tr", tmp_path / "b")
    assert found["train"] <= source["train"]
    assert found["dev"] <= source["dev"]


def test_all_train_rows_are_read_where_none_is_to_be_held_out(tmp_path, lossy):
    translate("tydiqa", to=["de"], model="mini", out=tmp_path, settings={"resources.mirror": str(lossy)})
    task = with_translations(tasks.get("tydiqa"), str(tmp_path))
    whole = load_rows(task, "de", "train", str(tmp_path), hold_out=False)
    found = held_out_of("tydiqa", "de", tmp_path)
    assert set(whole.ids()) == found["train"] | found["dev"]
    assert set(whole.table.column_names) == set(task.columns)


def test_translated_rows_that_do_not_say_which_are_dev_are_refused(tmp_path, lossy):
    translate("tydiqa", to=["de"], model="mini", out=tmp_path, settings={"resources.mirror": str(lossy)})
    [file] = tmp_path.glob("google-research-datasets/tydiqa/secondary_task.de/train-*.parquet")
    pq.write_table(pq.read_table(file).drop_columns("serves_as_dev"), file)
    for split in ("train", "dev"):
        with pytest.raises(UserError, match="do not say which are translations of dev rows"):
            rows_of("tydiqa", "de", tmp_path, split)


def test_too_few_rows_to_have_a_dev_row_among_them_are_told(tmp_path, lossy):
    settings = {"resources.mirror": str(lossy)}
    source = load_rows(tasks.get("tydiqa"), "en", "train", str(lossy), hold_out=False).ids()
    first = [name in held_out_of("tydiqa", "en", lossy)["dev"] for name in source].index(True)
    translate("tydiqa", to=["de"], model="mini", out=tmp_path, limit=first, settings=settings)
    with pytest.raises(UserError, match=rf"of its {first} rows in language 'en' 0 serve as dev"):
        rows_of("tydiqa", "en", tmp_path)


def test_rows_of_an_own_task_without_ids_are_held_out_with_their_sources(tmp_path):
    who, what = ("doctor", "teacher", "farmer"), ("apple", "pot", "shirt")
    texts = [f"The {one} buys a red {other}." for one in who for other in what]
    texts = [text for known in texts for text in (known, known.replace("red", "purple-ish"))]  # mini knows every other
    lines = [{"text": text, "label": str(number % 2)} for number, text in enumerate(texts)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    columns = "columns: {text_a: text, label: label}\nlanguages: {en: {train: train.jsonl}}\nheld_out: 0.4\n"
    (tmp_path / "own.yaml").write_text(f"name: own\nformat: classification\n{columns}")
    translate(str(tmp_path / "own.yaml"), to=["de"], model="mini", out=tmp_path / "out")
    task = with_translations(find_task(str(tmp_path / "own.yaml")), str(tmp_path / "out"))
    for split in ("train", "dev"):
        english, german = (load_rows(task, one, split, str(tmp_path / "out")).table["text_a"] for one in ("en", "de"))
        assert 0 < len(german) < len(english)
        assert set(german) <= set(MiniTranslator().translate(list(english), "en", "de"))
