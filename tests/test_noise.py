"""Noise: seeded, exact to the letter, gentle to gold and to the marks of letters."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from dataclasses import replace

import pytest
import regex  # it comes with transformers, and knows UAX 29

from adapterstilts.data.noise import Noise, noised, noises, read_noise
from adapterstilts.data.noise import chars as chars_file
from adapterstilts.data.noise._clusters import clusters
from adapterstilts.data.noise._touching import Text, delete, how_many, repeat, substitute, swap, touch
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.tasks import tasks

CHARS, WORDS = Noise("chars", 0.3), Noise("words", 0.3)
SCRIPTS = [
    "The quick brown fox jumps over 13 lazy dogs.",
    "क्या आप हिन्दी में विद्यार्थी हैं? क्ष त्र ज्ञान",
    "สวัสดีครับ น้ำตก ภาษาไทยดีมาก",
    "தமிழ் மொழி ம்ம் க்கு",
    "می‌خواهم کتاب‌ها را بخوانم",
    "한국어 문장입니다",
    unicodedata.normalize("NFD", "한국어 문장입니다"),
    unicodedata.normalize("NFD", "Café déjà vu naïve ẹ̀kọ́ Yorùbá"),
    "中文句子没有空格",
    "ខ្មែរ ភាសា ក្រុង",
    "తెలుగు స్త్రీ",
    "fine 👩‍👩‍👧 and 🇩🇪🇫🇷 so",
    "\u0301odd beginnings \u0301here",
]


@pytest.fixture(scope="module")
def rows_of(mirror):
    def load(task, language="en", split="test"):
        return load_rows(tasks.get(task), language, split, str(mirror))

    return load


@pytest.mark.parametrize("kind", noises.names())
def test_noise_is_the_same_at_every_call_and_another_for_another_row_or_language(kind, rows_of):
    rows, noise = rows_of("xnli"), Noise(kind, 0.5)
    once, again = noised(rows, noise).table["text_a"], noised(rows, noise).table["text_a"]
    assert list(once) == list(again) != list(rows.table["text_a"])
    other = noised(replace(rows, language="de"), noise).table["text_a"]
    assert list(other) != list(once)
    same_text = rows.table["text_a"][0]
    table = rows.table.remove_columns("text_a").add_column("text_a", [same_text] * len(rows))
    assert len(set(noised(replace(rows, table=table), noise).table["text_a"])) > len(rows) / 2


@pytest.mark.parametrize("kind", noises.names())
def test_at_rate_zero_nothing_changes(kind):
    for text in [*SCRIPTS, "two  blanks\nand a line ", ""]:
        pieces = noises.get(kind).split(text)
        assert noises.get(kind).touch(pieces, 0.0, random.Random(1)) == pieces
    assert noises.get("chars").glue.join(noises.get("chars").split("two  blanks\n ")) == "two  blanks\n "


def test_rows_at_rate_zero_are_the_rows(rows_of):
    rows = rows_of("xnli")
    table = rows.table.remove_columns("text_b").add_column("text_b", ["  two  blanks\n"] * len(rows))
    for kind in noises.names():
        found = noised(replace(rows, table=table), Noise(kind, 0.0)).table
        assert list(found["text_a"]) == list(rows.table["text_a"])
        assert set(found["text_b"]) == {"  two  blanks\n"}


@pytest.mark.parametrize("budget", [0, 1, 2, 3, 7, 50, 99, 100])
@pytest.mark.parametrize("seed", range(5))
def test_exactly_as_many_units_are_touched_as_asked_for(budget, seed):
    units = [chr(0x4E00 + number) for number in range(100)]  # all different
    text = Text(units, [number // 10 for number in range(100)], set(range(100)), budget, random.Random(seed))
    slots = touch(text, (swap, delete, repeat, substitute))
    assert sum(slot != [unit] for slot, unit in zip(slots, units, strict=True)) == budget


def test_every_way_is_gone_as_often_as_the_next():
    gone = Counter()

    def counted(way):
        def go(text, place):
            spent = way(text, place)
            gone[way.__name__] += spent > 0
            return spent

        return go

    units = [chr(0x4E00 + number) for number in range(200)]
    text = Text(units, [0] * 200, set(range(200)), 50, random.Random(3))  # 10 x (2 + 1 + 1 + 1)
    touch(text, [counted(way) for way in (swap, delete, repeat, substitute)])
    assert gone == {"swap": 10, "delete": 10, "repeat": 10, "substitute": 10}


def test_a_share_that_is_no_whole_number_is_met_over_many_texts():
    rng = random.Random(0)
    counts = [how_many(0.1, 7, rng) for _ in range(3000)]
    assert set(counts) == {0, 1}
    assert sum(counts) / 3000 == pytest.approx(0.7, abs=0.03)
    assert {how_many(0.3, 10, rng) for _ in range(100)} == {3}


def test_the_share_is_of_letters_for_characters_and_of_words_for_words(monkeypatch):
    asked = []
    monkeypatch.setattr(chars_file, "how_many", lambda rate, number, rng: asked.append((rate, number)) or 0)
    noises.get("chars").touch(["Nr.", " ", "13-a", " ", "हिन्दी"], 0.25, random.Random(0))
    assert asked == [(0.25, 2 + 1 + 2)]
    words = [f"w{number}" for number in range(10)]
    for seed in range(30):
        found = noises.get("words").touch(words, 0.2, random.Random(seed))
        times = Counter(found)
        once = list(dict.fromkeys(found))
        moved = sum(one != other for one, other in zip(once, [word for word in words if word in times], strict=True))
        assert moved + sum(times[word] != 1 for word in words) == 2, found


def test_no_letter_is_torn_from_its_marks():
    for text in SCRIPTS:
        whole = set(regex.findall(r"\X", text))
        for rate, seed in [(0.2, 0), (0.5, 1), (1.0, 2), (1.0, 3)]:
            kind = noises.get("chars")
            found = "".join(kind.touch(kind.split(text), rate, random.Random(seed)))
            assert set(regex.findall(r"\X", found)) <= whole, (text, found)
            assert rate < 1 or found != text


def test_letters_are_never_smaller_than_grapheme_clusters():
    for text in SCRIPTS:
        pieces = clusters(text)
        assert "".join(pieces) == text
        cuts = {sum(map(len, pieces[:end])) for end in range(len(pieces) + 1)}
        ends, at = {0}, 0
        for cluster in regex.findall(r"\X", text):
            at += len(cluster)
            ends.add(at)
        flags = {place for place, character in enumerate(text) if "\U0001f1e6" <= character <= "\U0001f1ff"}
        assert cuts - ends <= flags


def test_consonants_stay_together_where_a_virama_joins_them():
    assert clusters("क्षि") == ["क्षि"]
    assert clusters("க்கு") == ["க்", "கு"]  # Tamil's ends a letter
    assert clusters("ක්ක") == ["ක්", "ක"]  # so does Sinhala's


def test_what_is_no_letter_stays_where_it_is():
    kind = noises.get("chars")
    text = "12,345 (x) 6:7 -- 99% 👩‍👩‍👧 🇩🇪🇫🇷"
    for seed in range(20):
        found = "".join(kind.touch(kind.split(text), 1.0, random.Random(seed)))
        assert found.replace("xx", "x") == text


def test_no_word_vanishes_from_character_noise_and_no_text_from_word_noise():
    for seed in range(50):
        found = noises.get("chars").touch(["a", "bc", "d"], 1.0, random.Random(seed))
        assert all(found)
        assert noises.get("words").touch(["one", "two"], 1.0, random.Random(seed))
        assert noises.get("words").touch(["one"], 1.0, random.Random(seed)) == ["one", "one"]


@pytest.mark.parametrize(
    ("task", "touched"),
    [
        ("xnli", {"text_a", "text_b"}),
        ("xquad", {"question"}),
        ("udpos", {"tokens"}),
        ("commonsense_qa", {"context"}),
        ("tatoeba", {"query"}),
    ],
)
def test_only_what_is_read_and_no_gold_is_touched(task, touched, rows_of):
    language = "de" if task == "tatoeba" else "en"
    rows = rows_of(task, language, "test" if "test" in tasks.get(task).splits else "dev")
    found = noised(rows, replace(CHARS, rate=0.6))
    differ = {name for name in rows.table.column_names if list(found.table[name]) != list(rows.table[name])}
    assert differ == touched
    assert set(found.table.column_names) == set(rows.table.column_names)
    assert found.table.features == rows.table.features
    assert list(map(len, found.table[min(touched)])) != list(map(len, rows.table[min(touched)])) or task == "udpos"


def test_tagged_words_stay_as_many_and_none_is_empty(rows_of):
    rows = rows_of("udpos", "de")
    found = noised(rows, Noise("chars", 1.0)).table["tokens"]
    assert [len(words) for words in found] == [len(words) for words in rows.table["tokens"]]
    assert all(all(words) for words in found)


def test_a_question_that_the_task_words_itself_is_no_text_of_the_data(mirror, rows_of):
    rows = rows_of("xcopa", "sw")
    found = noised(rows, Noise("words", 1.0))
    assert list(found.table["question"]) == list(rows.table["question"])
    assert list(found.table["context"]) != list(rows.table["context"])
    assert next(found.each())["question"].endswith("?")


def test_word_noise_is_refused_where_no_blanks_stand_between_words(rows_of):
    rows = replace(rows_of("xnli"), language="zh")
    with pytest.raises(UserError, match="no blanks stand between the words of 'zh'"):
        noised(rows, WORDS)
    assert len(noised(rows, CHARS)) == len(rows)


@pytest.mark.parametrize("text", ["chars", "chars:", "chars:1.5", "chars:-0.1", "chars:nan", "chars:a", "chars:1:2"])
def test_a_rate_must_be_a_share(text):
    with pytest.raises(UserError, match="no rate from 0 to 1"):
        read_noise(text)


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'chars'"):
        read_noise("char:0.1")
    assert [read_noise(text).rate for text in ("chars:0", "chars:.5", "words:1", "words:1e-3")] == [0, 0.5, 1, 0.001]
