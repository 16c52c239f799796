"""The generated rows and their vocabulary: the Hub's layout, labels that can be learned, nothing leaked, same bytes."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from transformers import AutoTokenizer

from adapterstilts.data.labels import gold_column
from adapterstilts.data.source import NoSuchRows, load_languages, load_rows
from adapterstilts.errors import UserError
from adapterstilts.formats import formats
from adapterstilts.mini.random_base import Shape, random_base
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.tokenizer import write_tokenizer
from adapterstilts.tasks import tasks

SIZE = 400
PAIR_TASKS = ("snli", "mnli", "qqp", "xnli", "pawsx")
CHOICE_TASKS = ("hellaswag", "cosmos_qa", "commonsense_qa", "xcopa")
SPAN_TASKS = ("squad_v1", "squad_v2", "xquad", "tydiqa")
ENGLISH = ("snli", "mnli", "qqp", "hellaswag", "cosmos_qa", "commonsense_qa", "squad_v1", "squad_v2")
LANGUAGES = {name: ["en"] for name in ENGLISH}  # those not named here: all three
LANGUAGES |= {"tatoeba": ["de", "es"], "xcopa": ["id", "sw"], "tydiqa": ["en", "id", "sw"]}
SPLITS = [
    (name, language, split)
    for name in (*PAIR_TASKS, "udpos", *CHOICE_TASKS, *SPAN_TASKS, "tatoeba")
    for language, split in product(LANGUAGES.get(name, ["en", "de", "es"]), tasks.get(name).splits)
    if (name, language) != ("udpos", "es") or split == "test"
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("rows") / "mirror", size=SIZE)


@pytest.fixture(scope="module")
def texts(written):
    """All texts of all rows, development and test too."""
    found = []
    for file in sorted(written.rglob("*.parquet")):
        for column in pq.read_table(file).flatten().columns:
            if column.type == pa.list_(pa.string()):
                found += [" ".join(tokens) for tokens in column.to_pylist()]
            elif column.type == pa.string():
                found += column.to_pylist()
    return found


@pytest.fixture(scope="module")
def folder(texts, tmp_path_factory):
    return write_tokenizer(texts, tmp_path_factory.mktemp("tokenizer") / "files")


@pytest.fixture(scope="module")
def tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder)


def columns(mirror, name, language, split):
    """Read a file as it lies there: the Hub's columns, without the loader."""
    task = tasks.get(name)
    file = f"{task.splits.get(split, split)}-00000-of-00001.parquet"
    return pq.read_table(mirror / task.repo / task.configs[language] / file).to_pydict()


def uncached(repository, config, split, cache):
    """Read as anybody would; `cache` must be new, since datasets tells folders apart by their names alone."""
    return load_dataset(str(repository), config, split=split, cache_dir=str(cache))


def pairs(mirror, name, language, split):
    task = tasks.get(name)
    there = columns(mirror, name, language, split)
    return list(zip(there[task.columns["text_a"]], there[task.columns["text_b"]], strict=True))


# rows


@pytest.mark.parametrize(("name", "language", "split"), SPLITS)
def test_every_split_is_read_with_the_labels_of_its_task(written, name, language, split):
    task = tasks.get(name)
    format = formats.get(task.format)
    rows = load_rows(task, language, split, str(written), hold_out=False)
    assert len(rows) + rows.dropped == (SIZE if split == "train" else SIZE // 4)
    assert rows.repaired == 0
    assert name == "snli" or rows.dropped == 0
    if format.gold_kind != "labels":
        assert task.labels == ()
        return
    label = rows.table.features[format.label_field]
    if name not in CHOICE_TASKS:
        assert tuple(getattr(label, "feature", label).names) == task.labels
    gold, _ = gold_column(rows.table, format.label_field, rows.labels)
    assert set(gold) == (set(range(len(task.labels))) if name != "udpos" else set(gold) - {-1})


def test_rows_are_written_for_every_task():
    assert {name for name, _, _ in SPLITS} == set(tasks.names())


def test_spanish_tags_have_a_test_split_only(written):
    with pytest.raises(NoSuchRows):
        load_rows(tasks.get("udpos"), "es", "dev", str(written))
    found = load_languages(tasks.get("udpos"), None, "dev", str(written))
    assert [rows.language for rows in found] == ["en", "de"]


@pytest.mark.parametrize(("config", "split"), [("mnli", "test_matched"), ("mnli", "test_mismatched"), ("qqp", "test")])
def test_the_labels_of_glues_test_splits_are_withheld(written, config, split, tmp_path):
    table = uncached(written / "nyu-mll/glue", config, split, tmp_path)
    assert set(table["label"]) == {-1}
    assert len(table) == SIZE // 4
    assert table.features["label"].names == list(tasks.get(config).labels)


def test_some_snli_rows_have_no_gold_label(written):
    for split, count in (("train", SIZE), ("dev", SIZE // 4), ("test", SIZE // 4)):
        assert load_rows(tasks.get("snli"), "en", split, str(written)).dropped == count // 50


@pytest.mark.parametrize(
    ("name", "language", "split"), [case for case in SPLITS if case[0] in (*PAIR_TASKS, *CHOICE_TASKS)]
)
def test_classes_are_balanced(written, name, language, split):
    labels = columns(written, name, language, split)[tasks.get(name).columns["label"]]
    counts = Counter(label for label in labels if label != -1)
    assert len(counts) == len(tasks.get(name).labels)
    assert max(counts.values()) <= 1.1 * min(counts.values())


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_no_pair_is_in_two_splits_or_twice_in_one(written, language):
    names = [name for name in PAIR_TASKS if language in LANGUAGES.get(name, ["en", "de", "es"])]
    seen = Counter()
    for name, split in product(names, ("train", "dev", "test")):
        if split in tasks.get(name).splits:
            seen.update(frozenset(pair) for pair in pairs(written, name, language, split))
    assert len(seen) > SIZE
    assert max(seen.values()) == 1


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_tagged_sentence_is_in_two_splits_or_twice_in_one(written, language):
    seen = Counter(
        tuple(tokens)
        for split in ("train", "dev", "test")
        for tokens in columns(written, "udpos", language, split)["tokens"]
    )
    assert len(seen) == SIZE + 2 * (SIZE // 4)


def words(text):
    return set(re.findall(r"\w+", text.lower()))


def differences(rows, vocabulary):
    """Encode pairs as the words that one side has and the other has not (rows, 2 x words + 1)."""
    encoded = np.zeros((len(rows), 2 * len(vocabulary) + 1))
    encoded[:, -1] = 1
    for line, (first, second) in zip(encoded, rows, strict=True):
        for offset, only in ((0, words(first) - words(second)), (len(vocabulary), words(second) - words(first))):
            line[[offset + vocabulary[word] for word in only if word in vocabulary]] = 1
    return encoded


@pytest.mark.parametrize(("name", "language"), [("snli", "en"), ("xnli", "de"), ("qqp", "en"), ("pawsx", "es")])
def test_labels_can_be_learned_from_the_texts_compared(written, name, language):
    train, test = (pairs(written, name, language, split) for split in ("train", "dev"))
    gold, expected = (np.array(columns(written, name, language, split)["label"]) for split in ("train", "dev"))
    vocabulary = {
        word: place for place, word in enumerate(sorted({word for pair in train for word in words(" ".join(pair))}))
    }
    x, y = differences(train, vocabulary)[gold >= 0], np.eye(gold.max() + 1)[gold[gold >= 0]]
    weights = np.zeros((x.shape[1], y.shape[1]))
    for _ in range(300):  # softmax regression
        scores = np.exp(x @ weights)
        weights -= 0.5 * (x.T @ (scores / scores.sum(1, keepdims=True) - y) / len(x) + 1e-3 * weights)
    right = (differences(test, vocabulary) @ weights).argmax(1) == expected
    assert right[expected >= 0].mean() > 0.7


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_a_word_has_one_tag(written, language):
    there = columns(written, "udpos", language, "test")
    tags = {}
    for tokens, numbers in zip(there["tokens"], there["pos_tags"], strict=True):
        for token, number in zip(tokens, numbers, strict=True):
            tags.setdefault(token.lower(), set()).add(number)
    assert [token for token, numbers in tags.items() if len(numbers) > 1] == []
    used = {tasks.get("udpos").labels[number] for numbers in tags.values() for number in numbers}
    assert used >= {"ADJ", "ADP", "ADV", "AUX", "DET", "NOUN", "PRON", "PROPN", "PUNCT", "VERB"}


@pytest.mark.parametrize(
    ("language", "right", "wrong"),
    [
        ("de", ["Der Mann", "Die Frau", "Ein Buch", "einen Hut", "eine Uhr", "in dem Garten", "von der Frau"],
         ["Die Mann", "Der Frau", "Eine Buch", "eine Hut", "ein Uhr", "in der Garten", "von die Frau"]),
        ("es", ["El hombre", "La mujer", "Un libro es", "una caja", "en el jardín"],
         ["La hombre", "El mujer", "Una libro", "un caja", "en la jardín"]),
    ],
)  # fmt: skip
def test_nouns_have_their_gender_and_case(written, language, right, wrong):
    told = " ".join(text for pair in pairs(written, "xnli", language, "train") for text in pair)
    assert all(phrase in told for phrase in right)
    assert not any(phrase in told for phrase in wrong)


AGREEMENT = {  # what may stand together: article, and the adjective's ending or the noun's gender
    "de": {("der", "e"), ("die", "e"), ("das", "e"), ("ein", "er"), ("ein", "es"), ("eine", "e"), ("einen", "en"),
           ("dem", "en"), ("der", "en")},
    "es": {("el", "o"), ("un", "o"), ("la", "a"), ("una", "a"), ("el", "e"), ("un", "e"), ("la", "e"), ("una", "e")},
    "en": {("a", False), ("an", True), ("the", False), ("the", True)},
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_articles_agree_with_what_follows(written, language):
    names = tasks.get("udpos").labels
    there = columns(written, "udpos", language, "test")
    found, genders = set(), {}
    for tokens, numbers in zip(there["tokens"], there["pos_tags"], strict=True):
        told = [(token.lower(), names[number]) for token, number in zip(tokens, numbers, strict=True)]
        for (article, tag), (second, second_tag), (third, third_tag) in zip(told, told[1:], told[2:], strict=False):
            adjective = second if second_tag == "ADJ" else third if third_tag == "ADJ" else ""
            if tag != "DET":
                continue
            if language == "en":
                found.add((article, second[0] in "aeiou"))
            elif adjective:
                found.add((article, re.search("e[nrs]?$" if language == "de" else ".$", adjective).group()))
            if language == "es":
                genders.setdefault(second, set()).add(article in {"la", "una"})
    assert found <= AGREEMENT[language]
    assert len(found) > 3
    assert all(len(gender) == 1 for gender in genders.values())


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_equal_seeds_give_equal_bytes_in_another_process(written, texts, folder, tmp_path):
    (tmp_path / "texts").write_text("\n".join(reversed(texts)), encoding="utf-8")
    program = (
        "from pathlib import Path; from adapterstilts.mini import rows, tokenizer;"
        f"rows.write_rows(Path('again'), size={SIZE});"
        "tokenizer.write_tokenizer(Path('texts').read_text('utf-8').split('\\n'), Path('files'))"
    )
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    assert digests(tmp_path / "again") == digests(written)
    assert digests(tmp_path / "files") == digests(folder)


def test_another_seed_gives_other_rows(written, tmp_path):
    other = write_rows(tmp_path / "other", seed=1, size=SIZE)
    assert digests(other).keys() == digests(written).keys()
    assert not set(pairs(other, "snli", "en", "train")) & set(pairs(written, "snli", "en", "train"))


def test_a_folder_that_exists_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("precious")
    for write in (write_rows, lambda out: write_tokenizer(["a"], out)):
        with pytest.raises(UserError, match="is there already"):
            write(tmp_path)
    assert (tmp_path / "mine").read_text() == "precious"


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "language", "split"),
    [("snli", "en", "train"), ("mnli", "en", "train"), ("mnli", "en", "test_matched"), ("pawsx", "de", "test"),
     ("udpos", "en", "train"), ("udpos", "de", "test")],
)  # fmt: skip
def test_columns_and_types_are_the_hubs(written, real_data, name, language, split, tmp_path):
    task = tasks.get(name)
    config, hub_split = task.configs[language], task.splits.get(split, split)
    generated = uncached(written / task.repo, config, hub_split, tmp_path / "generated").features
    assert dict(generated) == dict(
        uncached(real_data / "hub" / task.repo, config, hub_split, tmp_path / "real").features
    )


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "language", "split"),
    [("hellaswag", "en", "train"), ("cosmos_qa", "en", "dev"), ("commonsense_qa", "en", "train"),
     ("xcopa", "id", "test"), ("squad_v1", "en", "train"), ("squad_v2", "en", "dev"), ("xquad", "de", "test"),
     ("tydiqa", "en", "train"), ("tatoeba", "de", "test")],
)  # fmt: skip
def test_columns_that_are_read_have_the_hubs_types(written, real_data, name, language, split, tmp_path):
    task = tasks.get(name)
    config, hub_split = task.configs[language], task.splits[split]
    real = uncached(real_data / "hub" / task.repo, config, hub_split, tmp_path / "real").features
    generated = uncached(written / task.repo, config, hub_split, tmp_path / "generated").features
    assert dict(generated) == {name: real[name] for name in generated}
    assert {column.split(".")[0] for column in task.columns.values()} == set(generated)


# the vocabulary


def test_special_tokens_have_the_ids_of_xlm_r(tokenizer):
    assert tokenizer.is_fast
    assert tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<mask>"]) == [
        0,
        1,
        2,
        3,
        len(tokenizer) - 1,
    ]
    assert (tokenizer.cls_token, tokenizer.sep_token, tokenizer.pad_token) == ("<s>", "</s>", "<pad>")
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<s>", "</s>")
    assert (tokenizer.unk_token, tokenizer.mask_token) == ("<unk>", "<mask>")
    assert tokenizer.model_input_names == ["input_ids", "attention_mask"]


def test_texts_and_pairs_have_the_layout_of_xlm_r(tokenizer):
    alone, pair = tokenizer("The man"), tokenizer("The man", "a box")
    assert set(pair) == {"input_ids", "attention_mask"}
    first, second = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("The man", "a box"))
    assert alone["input_ids"] == [0, *first, 2]
    assert pair["input_ids"] == [0, *first, 2, 2, *second, 2]


def test_words_split_beforehand_keep_their_places(tokenizer):
    encoded = tokenizer(["Die", "Krankenschwesterin", "."], is_split_into_words=True)
    places = encoded.word_ids()
    assert (places[0], places[-1]) == (None, None)
    assert sorted(set(places[1:-1])) == [0, 1, 2]
    assert places.count(1) > 1
    assert encoded["input_ids"] == tokenizer("Die Krankenschwesterin .")["input_ids"]


def test_a_mask_takes_the_blank_before_it(tokenizer):
    assert tokenizer("the <mask> box").tokens() == ["<s>", "▁the", " <mask>", "▁box", "</s>"]


def test_text_is_normalised(tokenizer):
    assert tokenizer("ｔｈｅ\tman\u00a0 ")["input_ids"] == tokenizer("the man")["input_ids"]


@pytest.mark.parametrize("step", [1, -1], ids=["as it is", "backwards"])
def test_no_character_is_unknown(tokenizer, texts, step):
    assert not any(tokenizer.unk_token_id in ids for ids in tokenizer([text[::step] for text in texts])["input_ids"])


def test_a_rare_character_is_known_in_another_word(tmp_path):
    texts = ["the man sells the box"] * 500 + ["ξ ☃ 中文"]
    small = AutoTokenizer.from_pretrained(write_tokenizer(texts, tmp_path / "files", vocabulary=40))
    assert small.unk_token_id not in small("ξ ☃ 中文 文中 m☃ξ")["input_ids"]
    assert len(small) <= 40


def test_common_words_are_one_token_each(tokenizer):
    assert tokenizer("The man sells the box in the garden.").tokens()[1:-1] == [
        "▁The", "▁man", "▁sells", "▁the", "▁box", "▁in", "▁the", "▁garden", "."
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "said"), [(["the man sells the box"], "cannot spell"), ([], "no text"), ([" "], "no text")]
)
def test_a_vocabulary_that_cannot_be_is_refused(texts, said, tmp_path):
    with pytest.raises(UserError, match=said):
        write_tokenizer(texts, tmp_path / "files", vocabulary=10)
    assert not (tmp_path / "files").exists()


def test_a_base_reads_with_it_unchanged(tokenizer, folder, tmp_path):
    base = random_base(folder, tmp_path / "base", shape=Shape(layers=1, hidden=64, positions=66))
    again = AutoTokenizer.from_pretrained(base)
    assert dict(again("Ein ﬁnger", "the <mask>")) == dict(tokenizer("Ein ﬁnger", "the <mask>"))
