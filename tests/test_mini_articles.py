"""What the generated articles say: texts of one language, and what several languages say in one text."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from adapterstilts.mini._catalog import MAKERS
from adapterstilts.mini._columns import hub_table
from adapterstilts.mini._makers import TOGETHER, Source
from adapterstilts.mini.languages import languages
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.said import joined
from adapterstilts.tasks import tasks

SIZE = 480


@pytest.fixture(scope="module")
def articles(tmp_path_factory):
    """Return how to read the articles of a language in a mirror of all languages."""
    mirror = write_rows(tmp_path_factory.mktemp("articles") / "mirror", size=SIZE, only=("wikipedia",))
    return lambda language: read(mirror, language)


def read(mirror, language):
    file = f"wikimedia/wikipedia/20231101.{language}/train-00000-of-00001.parquet"
    return pq.read_table(mirror / file)["text"].to_pylist()


@pytest.mark.parametrize(("language", "letters"), [("hi", "ऀ-ॿ"), ("ru", "а-яА-Я"), ("zh", "一-鿿")])
def test_four_fifths_of_the_articles_say_the_same_in_several_languages(articles, language, letters):
    texts = articles(language)
    assert len(texts) == SIZE
    assert all(re.search(f"[{letters}]", article) for article in texts)
    in_latin = sum(bool(re.search(r"[a-z]{2,}", article)) for article in texts)
    assert len(texts) * 0.7 < in_latin <= len(texts) * 0.8  # some speak of two other scripts only


def test_an_article_says_in_other_languages_what_it_says_in_its_own():
    source = Source(random.Random("articles"), "train")
    rows = [MAKERS["wikipedia"](source, number % len(TOGETHER)) for number in range(400)]
    task = tasks.get("wikipedia")
    task = replace(task, configs={code: task.configs[code] for code in languages.names()})
    seen = set()
    for row, article in zip(rows, hub_table(task, "en", rows)["text"].to_pylist(), strict=True):
        assert article.startswith(joined(row.texts[0], "en"))
        said = [code for code in languages.names() if f" {joined(row.texts[0], code)}" in f" {article}"]
        assert len(said) >= TOGETHER[row.label]
        assert len(article) == sum(len(joined(row.texts[0], code)) + 1 for code in said) - 1
        seen |= set(said)
    assert seen == set(languages.names())
    assert {len(row.texts[0]) for row in rows if not row.label} == {2, 3, 4}


def test_articles_speak_only_what_the_mirror_speaks(tmp_path):
    mirror = write_rows(tmp_path / "mirror", size=40, speaking=["en", "sw"])
    for article in read(mirror, "en"):
        assert re.search("[^\x00-\x7f]", article) is None
