"""Mixed pairs and noise: seeded, exact, gentle to gold and letters, and never taken for ordinary scores."""

from __future__ import annotations

import json
import random
import shutil
import unicodedata
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapterstilts.cli import run as run_cli
from adapterstilts.data.mixed import PARTNER, mixed_pairs
from adapterstilts.data.noise import Noise, noised, noises, read_noise
from adapterstilts.data.noise import chars as chars_file
from adapterstilts.data.noise._clusters import clusters
from adapterstilts.data.noise._touching import Text, delete, how_many, repeat, substitute, swap, touch
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation import answers
from adapterstilts.evaluation.command import evaluate, evaluate_base
from adapterstilts.report.compare import compare
from adapterstilts.report.scores import score_tables
from adapterstilts.tasks import tasks
from adapterstilts.train.command import train_target

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


@pytest.fixture(scope="module")
def trained(base, mirror, tmp_path_factory):
    settings = {"resources.mirror": str(mirror), "precision": "fp32", "train.max_steps": 2, "train.learning_rate": 1e-2}

    def make(name, task="xnli", seed=0):
        out = tmp_path_factory.mktemp("runs") / name
        return train_target(task, out=out, base=str(base), settings={**settings, "seed": seed})

    return make


@pytest.fixture(scope="module")
def finished(trained):
    return trained("run")


@pytest.fixture
def run(finished, tmp_path):
    """The same run, not evaluated yet."""
    shutil.copytree(finished.path, tmp_path / "run")
    return replace(finished, path=tmp_path / "run")


@pytest.fixture
def under(mirror):
    return lambda **conditions: {"resources.mirror": str(mirror), **conditions}


# Noise


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
    regex = pytest.importorskip("regex")  # it comes with transformers, and knows UAX 29
    for text in SCRIPTS:
        whole = set(regex.findall(r"\X", text))
        for rate, seed in [(0.2, 0), (0.5, 1), (1.0, 2), (1.0, 3)]:
            kind = noises.get("chars")
            found = "".join(kind.touch(kind.split(text), rate, random.Random(seed)))
            assert set(regex.findall(r"\X", found)) <= whole, (text, found)
            assert rate < 1 or found != text


def test_letters_are_never_smaller_than_grapheme_clusters():
    regex = pytest.importorskip("regex")
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


def test_noise_that_would_change_the_gold_is_refused_with_its_reason(run, under):
    with pytest.raises(UserError, match="would move the words that its labels belong to(.|\n)*chars:0.3"):
        evaluate(run, "udpos", settings=under(noise="words:0.3"))
    with pytest.raises(UserError, match="task wikipedia has no text that noise could touch"):
        evaluate(run, "wikipedia", settings=under(noise="chars:0.3"))


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


# Mixed pairs


def test_second_texts_come_from_the_other_languages_in_equal_parts(rows_of):
    many = [rows_of("xnli", language) for language in ("en", "de", "es", "sw")]
    for rows, mixed in zip(many, mixed_pairs(many), strict=True):
        by_language = {other.language: list(other.table["text_b"]) for other in many}
        spoken = list(mixed.table[PARTNER])
        counts = Counter(spoken)
        assert set(counts) == set(by_language) - {rows.language}
        assert max(counts.values()) - min(counts.values()) <= 1
        assert list(mixed.table["text_b"]) == [by_language[language][row] for row, language in enumerate(spoken)]
        for name in ("text_a", "label"):
            assert list(mixed.table[name]) == list(rows.table[name])
        recorded = mixed.origin()["changed"]["text_b"]
        assert {language: one["rows"] for language, one in recorded.items()} == counts
        assert all(one["revision"].startswith("mirror:") for one in recorded.values())
        assert spoken != sorted(spoken)  # drawn, not dealt in a row
    again = mixed_pairs(many)
    assert [list(rows.table[PARTNER]) for rows in again] == [list(rows.table[PARTNER]) for rows in mixed_pairs(many)]
    assert [list(rows.table[PARTNER]) for rows in mixed_pairs(many[::-1])][::-1] == [
        list(rows.table[PARTNER]) for rows in again
    ]


def test_rows_that_are_not_parallel_are_refused(rows_of):
    one, other = rows_of("xnli", "en"), rows_of("xnli", "de")
    with pytest.raises(UserError, match="'en' and 'de' are not the same items\n  24 and 23 rows"):
        mixed_pairs([one, other.pick(23, None)])
    labels = list(other.table["label"])
    place = next(row for row, label in enumerate(labels) if label != labels[0])
    turned = other.table.select([place, *range(1, place), 0, *range(place + 1, 24)])
    with pytest.raises(UserError, match="2 rows have other gold, the first is row 0"):
        mixed_pairs([one, replace(other, table=turned)])


def test_mixed_pairs_need_pairs_and_two_languages(run, under):
    with pytest.raises(UserError, match="task udpos has no pairs of texts to mix"):
        evaluate(run, "udpos", settings=under(pairs="mixed"))
    with pytest.raises(UserError, match="here is only en"):
        evaluate(run, "xnli", languages=["en"], settings=under(pairs="mixed"))


# Scores


def test_other_conditions_have_folders_and_questions_of_their_own(run, under):
    [plain] = evaluate(run, "xnli", settings=under())
    before = (plain.path / "metrics.json").read_bytes()
    [mixed] = evaluate(run, "xnli", settings=under(pairs="mixed"))
    [noisy] = evaluate(run, "xnli", settings=under(noise="chars:0.5"))
    [both] = evaluate(run, "xnli", settings=under(pairs="mixed", noise="words:0.5"))
    names = ["xnli-test", "xnli-test-mixed", "xnli-test-chars-0.5", "xnli-test-mixed-words-0.5"]
    assert [found.path.name for found in (plain, mixed, noisy, both)] == names
    assert (plain.path / "metrics.json").read_bytes() == before
    assert "conditions" not in plain.metrics
    assert mixed.metrics["conditions"] == {"mixed": ["de", "en", "es", "sw"]}
    assert noisy.metrics["conditions"] == {"noise": {"kind": "chars", "rate": 0.5, "version": 1}}
    assert set(both.metrics["conditions"]) == {"mixed", "noise"}
    tables = [pq.read_table(found.path / "predictions/en.parquet") for found in (plain, mixed, noisy, both)]
    scores = [table["score"].to_pylist() for table in tables]
    assert len(set(map(tuple, scores))) == 4  # other texts were read, no cache of the plain ones
    assert [PARTNER in table.column_names for table in tables] == [False, True, False, True]
    assert set(tables[1][PARTNER].to_pylist()) == {"de", "es", "sw"}
    assert all(table["gold"].equals(tables[0]["gold"]) for table in tables)
    assert score_tables([both])[0].title == "xnli test, pairs of de en es sw mixed, noise words:0.5 (percent)"


def test_answers_to_pairs_of_other_languages_are_not_kept(run, under, monkeypatch):
    evaluate(run, "xnli", languages=["en", "de"], settings=under(pairs="mixed"))
    real, calls = answers.predict, []
    monkeypatch.setattr(answers, "predict", lambda *given: calls.append(1) or real(*given))
    evaluate(run, "xnli", languages=["de", "en"], settings=under(pairs="mixed"))
    assert calls == []
    [found] = evaluate(run, "xnli", languages=["en", "es"], settings=under(pairs="mixed"))
    assert len(calls) == 2
    assert set(found.metrics["languages"]) == {"en", "es"}


def test_compare_never_mixes_conditions(run, trained, under):
    other = trained("other", seed=1)
    for one in (run, other):
        evaluate(one, "xnli", settings=under())
        evaluate(one, "xnli", settings=under(noise="chars:1"))
    evaluate(run, "xnli", settings=under(pairs="mixed"))  # the other run has none: left out
    comparison = compare([run, other])
    assert set(comparison.scores["conditions"]) == {"", "noise chars:1"}
    for name, folder in (("", "xnli-test"), ("noise chars:1", "xnli-test-chars-1")):
        lines = comparison.scores[comparison.scores["conditions"] == name].set_index(["run", "language"])["score"]
        metrics = json.loads((other.path / "eval" / folder / "metrics.json").read_text())
        assert lines["other", "average"] == pytest.approx(metrics["average"]["accuracy"])
    titles = [table.title for table in comparison.tables()]
    assert sum(title.startswith("xnli test: accuracy") for title in titles) == 1
    assert sum(title.startswith("xnli test, noise chars:1: accuracy") for title in titles) == 1


def test_compare_refuses_runs_that_share_no_conditions(run, trained, under):
    other = trained("elsewhere")
    evaluate(run, "xnli", languages=["en", "de"], settings=under(pairs="mixed"))
    evaluate(other, "xnli", languages=["en", "es"], settings=under(pairs="mixed"))
    with pytest.raises(UserError, match="under different conditions(.|\n)*pairs of de en mixed(.|\n)*--pairs"):
        compare([run, other])


def test_a_base_is_searched_under_noise_too(base, tmp_path, under):
    where = under(noise="chars:0.5")
    [found] = evaluate_base(str(base), "tatoeba", out=tmp_path / "base", languages=["de"], settings=where)
    assert found.path.name.startswith("tatoeba-test-chars-0.5-layer")
    assert found.metrics["conditions"]["noise"]["kind"] == "chars"


def test_a_submission_never_holds_answers_under_other_conditions(run, under, tmp_path):
    with pytest.raises(UserError, match="a submission holds answers to the rows as they are"):
        evaluate(run, "xnli", settings=under(pairs="mixed", submission=str(tmp_path / "answers")))


def test_the_command_line_asks_for_conditions(run, mirror, capfd):
    words = ["evaluate", str(run.path), "--task", "xnli", "--mirror", str(mirror), "--languages", "en,de", "--json"]
    assert run_cli([*words, "--pairs", "mixed", "--noise", "words:0.2"]) == 0
    [found] = json.loads(capfd.readouterr().out)
    assert found["conditions"]["mixed"] == ["de", "en"]
    assert found["conditions"]["noise"]["rate"] == 0.2
    assert run_cli([*words, "--noise", "letters:0.2"]) == 2
    assert "unknown kind of noise 'letters'" in capfd.readouterr().err


def test_rows_without_ids_are_told_apart_by_their_numbers(rows_of):
    rows = rows_of("xnli")
    assert "id" not in rows.table.column_names
    assert rows.ids() == [str(number) for number in range(24)]
    table = rows.table.add_column("id", pa.array([f"q{number}" for number in range(24)]))
    assert replace(rows, table=table).ids()[:2] == ["q0", "q1"]
