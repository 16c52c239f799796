"""Sentences and their words in all languages: parts of speech, translations, names, supertags."""

from __future__ import annotations

import random
import re
from collections import Counter

import pyarrow.parquet as pq
import pytest

from adapterstilts.metrics.chunk_f1 import chunks
from adapterstilts.mini._catalog import MAKERS
from adapterstilts.mini._columns import hub_table
from adapterstilts.mini._makers import Source
from adapterstilts.mini._names import MEN, PLACES, SOURCES, WOMEN, spelled
from adapterstilts.mini._report import report
from adapterstilts.mini._supertags import SUPERTAGS, supertagged
from adapterstilts.mini.languages import languages
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.said import Definition, Property, Question, Statement, text, tokens
from adapterstilts.mini.world import Fact
from adapterstilts.tasks import tasks


@pytest.fixture(scope="module")
def translations(tmp_path_factory):
    """Return how to read the translations of a language."""
    mirror = write_rows(tmp_path_factory.mktemp("sentences") / "mirror", size=96, only=("tatoeba",))
    task = tasks.get("tatoeba")
    file = f"{task.split('test')}-00000-of-00001.parquet"
    return lambda language: pq.read_table(mirror / task.repo / task.config(language) / file).to_pydict()


def drawn(name, split="train", count=400):
    source = Source(random.Random(f"{name} {split}"), split)
    return [MAKERS[name](source, 0) for _ in range(count)]


@pytest.mark.parametrize("language", languages.names())
def test_tags_are_the_tasks_and_tokens_join_to_the_sentence(language):
    rows = drawn("udpos", "test", 300)
    there = hub_table(tasks.get("udpos"), language, rows).to_pydict()
    used = set()
    for row, forms, tags in zip(rows, there["tokens"], there["pos_tags"], strict=True):
        [(said,)] = row.texts
        names = [tasks.get("udpos").labels[tag] for tag in tags]
        assert names == [token.upos for token in tokens(said, language)]
        assert not any(re.search(r"\s", form) or not form for form in forms)
        assert [name == "PUNCT" for name in names] == [not re.search(r"\w", form) for form in forms]
        apart = re.sub(r" (?=[.,?।。，？])|(?<=¿) ", "", " ".join(forms))
        whole = (apart if language != "zh" else "".join(forms)).lstrip("¿")
        assert whole[1:] == text(said, language).lstrip("¿")[1:]
        used |= set(names)
    assert used >= {"NOUN", "VERB", "PUNCT", "NUM", "PROPN", "ADJ"}
    kinds = Counter(type(row.texts[0][0]) for row in rows)
    assert set(kinds) == {Statement, Question, Definition, Property}


WORDS = {  # what "library" and "potato" are called
    "de": ("bibliothek", "kartoffel"), "es": ("biblioteca", "patata|papa"), "hi": ("पुस्तकालय", "आलू"),
    "ru": ("библиотек", "картоф"), "sw": ("maktaba", "(ki|vi)azi"), "tr": ("kütüphane", "patates"),
    "zh": ("图书馆", "土豆"),
}  # fmt: skip


@pytest.mark.parametrize("language", WORDS)
def test_translations_stand_side_by_side_with_the_hubs_newline(translations, language):
    there = translations(language)
    assert there["target_sentence"] == translations("de")["target_sentence"]
    assert all(re.fullmatch(".*[.?]\n", told) for told in there["target_sentence"])
    assert all(re.fullmatch(".*[.?।。？]\n", told) for told in there["source_sentence"])
    assert len(set(there["source_sentence"])) == len(there["source_sentence"])
    more = hub_table(tasks.get("tatoeba"), language, drawn("tatoeba", "test", 600)).to_pydict()
    pairs = list(zip(more["target_sentence"], more["source_sentence"], strict=True))
    for english, word in zip(("library", "potato"), WORDS[language], strict=True):
        named = [bool(re.search(rf"\b{english}", target)) for target, _ in pairs]
        assert sum(named) > 5
        assert [bool(re.search(word, source.lower())) for _, source in pairs] == named


# names


def names_in(words):
    """Return the names among labelled words, by their kind."""
    labels = [label for _, label in words]
    found = sorted(chunks(labels), key=lambda chunk: chunk[1])
    return [(kind, " ".join(form for form, _ in words[begin : end + 1])) for kind, begin, end in found]


def test_a_report_is_a_told_fact_with_names_around_it():
    told = Statement(Fact("nurse", "buy", "apple", recipient="Anna", place="garden", time="monday"))
    english, swahili = report(told, "en"), report(told, "sw")
    inside = [form for form, _ in english]
    assert [token.form for token in tokens(told, "en") if token.form not in inside] == []
    assert ("PER", "Anna") in names_in(english)
    assert ("DATE", "Monday") in names_in(english)
    assert ("DATE", "Jumatatu") in names_in(swahili)
    assert [kind for kind, _ in names_in(english)] == [kind for kind, _ in names_in(swahili)]


@pytest.mark.parametrize("language", languages.names())
def test_names_are_labelled_whole_and_the_same_ones_in_all_languages(language):
    listed = {(name.kind, " ".join(spelled(name, language))) for name in (*WOMEN, *MEN, *PLACES, *SOURCES)}
    used = set()
    for row in drawn("panx", "test", 200):
        [(told,)] = row.texts
        words, english = report(told, language), report(told, "en")
        named = [found for found in names_in(words) if found in listed]
        assert named
        assert Counter(kind for kind, _ in names_in(words)) == Counter(kind for kind, _ in names_in(english))
        used |= set(named)
    assert used == listed


def test_some_names_are_met_in_dev_and_test_rows_only():
    def of(split):
        return {found for row in drawn("panx", split, 600) for found in names_in(report(row.texts[0][0], "en"))}

    listed = {(name.kind, " ".join(spelled(name, "en"))) for name in (*WOMEN, *MEN, *PLACES, *SOURCES)}
    assert len(listed & of("train")) == 4 + 4 + 8 + 5
    assert listed <= of("dev")


def test_a_names_kind_is_not_told_by_where_it_stands():
    first, last = Counter(), Counter()
    for row in drawn("panx", "train", 400):
        labels = [label for _, label in report(row.texts[0][0], "en")]
        first[labels[0]] += 1
        last[labels[-2]] += 1
    assert min(first["B-PER"], first["B-LOC"], first["O"]) > 40
    places, sources = last["B-LOC"] + last["I-LOC"], last["B-ORG"] + last["I-ORG"]
    assert min(places, sources, 400 - places - sources) > 40


def test_who_is_called_like_a_woman_is_one_in_all_languages():
    women = {" ".join(spelled(name, "en")) for name in WOMEN}
    for row in drawn("panx", "test", 400):
        [(told,)] = row.texts
        words = [form for form, _ in report(told, "en")]
        after = " ".join(words[words.index(told.fact.agent) + 1 :][:2])
        everyone = women | {" ".join(spelled(name, "en")) for name in MEN}
        if after in everyone:
            assert (after in women) == (told.fact.agent in ("mother", "grandmother", "nurse", "teacher"))


def test_wikiann_is_cut_into_characters_in_chinese_alone():
    rows = drawn("panx", "test", 60)
    chinese, german = (hub_table(tasks.get("panx"), code, rows).to_pydict()["tokens"] for code in ("zh", "de"))
    assert all(len(token) == 1 for words in chinese for token in words)
    assert any(len(token) > 1 for words in german for token in words)
    labels = tasks.get("panx").labels
    for row, tags in zip(rows, hub_table(tasks.get("panx"), "zh", rows).to_pydict()["ner_tags"], strict=True):
        kinds = [kind for kind, _ in names_in(report(row.texts[0][0], "zh")) if kind != "DATE"]
        assert [label[2:] for label in (labels[tag] for tag in tags) if label[0] == "B"] == kinds


# supertags


def test_supertags_follow_from_a_words_part_in_the_sentence():
    fact = Fact("doctor", "throw", "furniture", place="garden", negated=True)
    assert [tag for _, tag in supertagged(Statement(fact, "fronted"))] == [
        "(S/S)/NP", "NP/N", "N", ",", "NP/N", "N", "(S[dcl]\\NP)/(S[b]\\NP)", "(S\\NP)\\(S\\NP)",
        "((S[b]\\NP)/NP)/PR", "PR", "NP/N", "N", "(NP\\NP)/NP", "N", ".",
    ]  # fmt: skip
    asked = supertagged(Question(Fact("doctor", "buy", "apple", time="noon"), "place"))
    assert [tag for _, tag in asked] == [
        "S[wq]/S[q]", "(S[q]/(S[b]\\NP))/NP", "NP/N", "N",
        "(S[b]\\NP)/NP", "NP/N", "N", "((S\\NP)\\(S\\NP))/NP", "N", "."
    ]  # fmt: skip


VERBS = ("(S[dcl]\\NP)/NP", "((S[dcl]", "(S[dcl]\\NP)/(S[adj]", "(S[b]", "((S[b]")


def test_every_supertag_is_used_and_every_sentence_has_one_verb():
    used = Counter()
    for row in drawn("ccg", "train", 600):
        [(said,)] = row.texts
        tags = [tag for _, tag in supertagged(said)]
        assert sum(tag.startswith(VERBS) for tag in tags) == 1
        used.update(tags)
    assert set(used) == set(SUPERTAGS)
