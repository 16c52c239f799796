"""The generated rows and their vocabulary: the Hub's layout, labels that can be learned, nothing twice, same bytes."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from transformers import AutoTokenizer

from adapterstilts.data.labels import gold_column
from adapterstilts.data.source import NoSuchRows, load_languages, load_rows
from adapterstilts.errors import UserError
from adapterstilts.formats import formats
from adapterstilts.mini._catalog import MAKERS
from adapterstilts.mini.languages import languages
from adapterstilts.mini.random_base import Shape, random_base
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.tokenizer import write_tokenizer
from adapterstilts.tasks import tasks

SIZE = 160
PAIR_TASKS = ("snli", "mnli", "qqp", "xnli", "pawsx", "anli", "afrixnli", "paws", "qnli", "boolq")
CHOICE_TASKS = ("hellaswag", "cosmos_qa", "commonsense_qa", "xcopa", "social_iqa")
WITHOUT_NAMES = (*CHOICE_TASKS, "winogrande", "afrixnli", "udpos_ud", "ccg")  # of labels, in the rows' columns
TEST_ONLY = (("udpos", "yo"), ("udpos_ud", "yo"), ("afriqa", "sw"), ("afriqa", "yo"))
TREEBANKS = ["de", "en", "es", "hi", "ru", "tr", "yo", "zh"]
SPOKEN = {
    "udpos": TREEBANKS, "udpos_ud": TREEBANKS, "udpos_xr": TREEBANKS,
    "wikipedia": ["de", "en", "es", "hi", "ru", "sw", "tr", "yo", "zh"],
    "panx": ["de", "en", "es", "hi", "ru", "sw", "tr", "yo", "zh"],
    "xnli": ["de", "en", "es", "hi", "ru", "sw", "tr", "zh"],
    "xquad": ["de", "en", "es", "hi", "ru", "tr", "zh"],
    "squad_translated": ["de", "es", "hi", "ru", "tr", "zh"],
    "tatoeba": ["de", "es", "hi", "ru", "sw", "tr", "zh"],
    "oasst1": ["de", "en", "es", "ru", "tr", "zh"],
    "helpsteer3": ["de", "en", "es", "ru", "zh"],
    "mlqa": ["de", "en", "es", "hi", "zh"],
    "pawsx": ["de", "en", "es", "zh"],
    "tydiqa": ["en", "ru", "sw"],
    "xcopa": ["sw", "tr", "zh"],
    "bucc": ["de", "ru", "zh"], "bucc_mteb": ["de", "ru", "zh"],
    "afrixnli": ["en", "sw", "yo"], "afrisenti": ["en", "sw", "yo"],
    **{name: ["sw", "yo"] for name in ("afriqa", "masakhaner", "masakhaner2", "masakhapos")},
    **{name: [] for name in ("panx_xr", "tatoeba_xr")},  # the world speaks none of their languages
    **{name: ["de", "en", "es", "hi", "ru", "tr", "zh"] for name in ("xquad_r", "lareqa")},
}  # fmt: skip
SPOKEN |= {name: ["en"] for name in tasks.names() if name not in SPOKEN}
WRITTEN = [name for name in tasks.names() if SPOKEN[name] and not tasks.get(name).parts]


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
                found += column.drop_null().to_pylist()
    return found


@pytest.fixture(scope="module")
def folder(texts, tmp_path_factory):
    return write_tokenizer(texts, tmp_path_factory.mktemp("tokenizer") / "files", vocabulary=2000)


@pytest.fixture(scope="module")
def tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder)


def columns(mirror, name, language, split):
    """Read a file as it lies there: the Hub's columns, without the loader; of one language where a file has more."""
    task = tasks.get(name)
    folder = mirror / task.repo / task.configs[language]
    files = [f"{one}-00000-of-00001.parquet" for one in task.splits.get(split, split).split("+")]
    there = pa.concat_tables(pq.read_table(folder / file) for file in files).flatten().to_pydict()
    kept = [str(row).startswith(task.id_prefix.get(language, "")) for row in there.get("id", there[min(there)])]
    return {
        column: [value for value, keep in zip(values, kept, strict=True) if keep] for column, values in there.items()
    }


def uncached(repository, config, split, cache):
    """Read as anybody would; `cache` must be new, since datasets tells folders apart by their names alone."""
    return load_dataset(str(repository), config, split=split, cache_dir=str(cache))


def pairs(mirror, name, language, split):
    task = tasks.get(name)
    there = columns(mirror, name, language, split)
    return list(zip(there[task.columns["text_a"]], there[task.columns["text_b"]], strict=True))


def splits_of(name, language):
    return [split for split in tasks.get(name).splits if (name, language) not in TEST_ONLY or split == "test"]


# rows


@pytest.mark.parametrize("name", WRITTEN)
def test_every_split_is_read_in_every_language_with_the_labels_of_its_task(written, name):
    task = tasks.get(name)
    format = formats.get(task.format)
    assert SPOKEN[name] == [code for code in languages.names() if code in task.configs]
    for language in SPOKEN[name]:
        for split in splits_of(name, language):
            rows = load_rows(task, language, split, str(written), hold_out=False)
            many = split == "train" and (language == "en" or name == "wikipedia")
            assert len(rows) + rows.dropped == rows_of(name, SIZE if many else SIZE // 4)
            assert rows.repaired == 0
            assert rows.dropped == (len(rows) // 49 if name == "snli" else 0)
            if format.gold_kind != "labels":
                assert task.labels == ()
                continue
            label = rows.table.features[format.label_field]
            if name not in WITHOUT_NAMES:
                assert tuple(getattr(label, "feature", label).names) == task.labels
            gold, _ = gold_column(rows.table, format.label_field, rows.labels)
            assert set(gold) <= set(range(len(rows.task.labels)))
            assert len(set(gold)) >= (5 if task.format == "tagging" else len(task.labels))


def rows_of(name, drawn):
    """Return how many rows come of so many drawn ones: equal rounds of ANLI, and of pools each text is a row."""
    texts = {"bucc": 3, "bucc_mteb": 3, "xquad_r": 2, "lareqa": 4}
    return drawn // 3 * 3 if name == "anli" else texts.get(name, 1) * drawn


def test_rows_are_written_for_every_task_and_language():
    assert {*MAKERS, "anli_plus"} == set(tasks.names())
    assert SPOKEN["wikipedia"] == list(languages.names())
    for name in ("panx_xr", "tatoeba_xr"):
        assert set(tasks.get(name).configs) & set(languages.names()) == set()


def test_a_task_of_parts_reads_what_they_have(written):
    task = tasks.get("anli_plus")
    for split in task.splits:
        parts = [load_rows(tasks.get(name), "en", split, str(written)) for name in task.parts]
        assert len(load_rows(task, "en", split, str(written))) == sum(map(len, parts))
        assert all(map(len, parts))


def test_yoruba_tags_have_a_test_split_only(written):
    for split in ("train", "dev"):
        with pytest.raises(NoSuchRows):
            load_rows(tasks.get("udpos"), "yo", split, str(written))
    found = load_languages(tasks.get("udpos"), None, "dev", str(written))
    assert sorted(rows.language for rows in found) == ["de", "en", "es", "hi", "ru", "tr", "zh"]


@pytest.mark.parametrize(("config", "split"), [("mnli", "test_matched"), ("mnli", "test_mismatched"), ("qqp", "test")])
def test_the_labels_of_glues_test_splits_are_withheld(written, config, split, tmp_path):
    table = uncached(written / "nyu-mll/glue", config, split, tmp_path)
    assert set(table["label"]) == {-1}
    assert len(table) == SIZE // 4
    assert table.features["label"].names == list(tasks.get(config).labels)


def test_two_in_a_hundred_snli_rows_have_no_gold_label(tmp_path):
    mirror = write_rows(tmp_path / "mirror", size=400, speaking=["en"])
    for split, count in (("train", 400), ("dev", 100), ("test", 100)):
        assert load_rows(tasks.get("snli"), "en", split, str(mirror)).dropped == count // 50
    assert {path.name for path in (mirror / "google/xtreme").iterdir()} == {
        "README.md",
        "udpos.English",
        "PAN-X.en",
        "MLQA.en.en",
    }


@pytest.mark.parametrize("name", [*PAIR_TASKS, *CHOICE_TASKS])
def test_classes_are_balanced(written, name):
    for language in SPOKEN[name]:
        for split in tasks.get(name).splits:
            labels = columns(written, name, language, split)[tasks.get(name).columns["label"]]
            counts = Counter(label for label in labels if label != -1)
            assert len(counts) == len(tasks.get(name).labels)
            drawn = split == "train" and language != "en"  # the first quarter of rows that are balanced as a whole
            uneven = 12 if drawn else 4 if name in ("snli", "anli") else 1
            assert max(counts.values()) - min(counts.values()) <= uneven


@pytest.mark.parametrize("name", WRITTEN)
def test_no_rows_texts_are_in_two_splits_or_twice_in_one(written, name):
    for language in SPOKEN[name]:
        splits = splits_of(name, language)
        rows = [row for split in splits for row in texts_of_rows(written, name, language, split)]
        assert len(rows) >= SIZE // 4
        assert [row for row, count in Counter(rows).items() if count > 1] == []


def texts_of_rows(mirror, name, language, split):
    """Return the texts of each row, in whatever order: its id, gold and answers left out."""
    fields = ("text_a", "text_b", "tokens", "query", "document", "context", "question", "choices", "text",
              "prompt", "chosen", "rejected")  # fmt: skip
    task = tasks.get(name)
    kept = {field: task.columns[field] for field in task.columns if field in fields or field.startswith("choice_")}
    if task.reshape:
        table = load_rows(task, language, split, str(mirror)).table
        rows = zip(*(table[field] for field in kept), strict=True)
    else:
        there = columns(mirror, name, language, split)
        rows = zip(*(there[column] for column in kept.values()), strict=True)
    return [frozenset(text if isinstance(text, str) else tuple(text) for text in row) for row in rows]


def test_no_english_pair_is_in_two_tasks(written):
    seen = Counter()
    for name in PAIR_TASKS:
        for split in tasks.get(name).splits:
            seen.update(texts_of_rows(written, name, "en", split))
    assert len(seen) > 5 * SIZE
    assert max(seen.values()) == 1


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
        "tokenizer.write_tokenizer(Path('texts').read_text('utf-8').split('\\n'), Path('files'), vocabulary=2000)"
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


def test_a_language_that_the_world_does_not_speak_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not speak 'fr'"):
        write_rows(tmp_path / "mirror", speaking=["en", "fr"])
    assert not (tmp_path / "mirror").exists()


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
     ("xcopa", "sw", "test"), ("squad_v1", "en", "train"), ("squad_v2", "en", "dev"), ("xquad", "de", "test"),
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
    alone, pair = tokenizer("The doctor"), tokenizer("The doctor", "a cake")
    assert set(pair) == {"input_ids", "attention_mask"}
    first, second = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("The doctor", "a cake"))
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
    assert tokenizer("the <mask> cake").tokens() == ["<s>", "▁the", " <mask>", "▁cake", "</s>"]


def test_text_is_normalised(tokenizer):
    assert tokenizer("ｔｈｅ\tdoctor\u00a0 ")["input_ids"] == tokenizer("the doctor")["input_ids"]


@pytest.mark.parametrize("step", [1, -1], ids=["as it is", "backwards"])
def test_no_character_is_unknown(tokenizer, texts, step):
    marked = re.compile(
        "[^\u0300-\u036f\u093c][\u0300-\u036f\u093c]*"
    )  # a letter and its marks, which backwards stay its own
    turned = ["".join(marked.findall(text)[::step]) for text in texts]
    assert not any(tokenizer.unk_token_id in ids for ids in tokenizer(turned)["input_ids"])


def test_a_rare_character_is_known_in_another_word(tmp_path):
    texts = ["the doctor sells a cake"] * 500 + ["ξ ☃ 中文"]
    small = AutoTokenizer.from_pretrained(write_tokenizer(texts, tmp_path / "files", vocabulary=40))
    assert small.unk_token_id not in small("ξ ☃ 中文 文中 d☃ξ")["input_ids"]
    assert len(small) <= 40


def test_common_words_are_one_token_each(tokenizer):
    assert tokenizer("The doctor sells a cake in the garden.").tokens()[1:-1] == [
        "▁The", "▁doctor", "▁sells", "▁a", "▁cake", "▁in", "▁the", "▁garden", "."
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "said"), [(["the doctor sells a cake"], "cannot spell"), ([], "no text"), ([" "], "no text")]
)
def test_a_vocabulary_that_cannot_be_is_refused(texts, said, tmp_path):
    with pytest.raises(UserError, match=said):
        write_tokenizer(texts, tmp_path / "files", vocabulary=10)
    assert not (tmp_path / "files").exists()


def test_a_base_reads_with_it_unchanged(tokenizer, folder, tmp_path):
    base = random_base(folder, tmp_path / "base", shape=Shape(layers=1, hidden=64, positions=66))
    again = AutoTokenizer.from_pretrained(base)
    assert dict(again("Ein ﬁnger", "the <mask>")) == dict(tokenizer("Ein ﬁnger", "the <mask>"))
