"""Rows: what is read, what is refused, and that labels go by name."""

from __future__ import annotations

import dataclasses
import shutil
import types

import datasets
import numpy as np
import pytest
from transformers import AutoTokenizer

from adapterstilts.data.cache import encode_rows, tokenizer_digest
from adapterstilts.data.source import load_languages, load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.predict import gold_values
from adapterstilts.formats import Encoding, learnable
from adapterstilts.tasks import tasks

SNLI = tasks.get("snli")
PARQUET = "stanfordnlp/snli/plain_text/{split}-00000-of-00001.parquet"


@pytest.fixture
def changed(mirror, tmp_path):
    """A copy of the mirror, and a way to rewrite splits of its SNLI."""
    shutil.copytree(mirror, tmp_path / "mirror")

    def rewrite(change, splits=("train", "validation", "test")):
        for split in splits:
            file = tmp_path / "mirror" / PARQUET.format(split=split)
            table = change(datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / f"cache-{split}")))
            file.unlink()
            table.to_parquet(str(file))
        return str(tmp_path / "mirror")

    return rewrite


def with_labels(names, relabel=lambda label: label):
    def change(table):
        features = table.features.copy()
        features["label"] = datasets.ClassLabel(names=names)
        values = [relabel(label) for label in table["label"]]
        return table.remove_columns("label").add_column("label", values).cast(features)

    return change


def test_rows_come_with_their_origin(mirror):
    rows = load_rows(tasks.get("udpos"), "en", "train", str(mirror))
    origin = rows.origin()
    assert origin["rows"] == len(rows) > 0
    assert origin["rows_declared"] == 21253
    assert origin["revision"].startswith("mirror:")
    assert (origin["repo"], origin["config"]) == ("google/xtreme", "udpos.English")


def test_a_changed_mirror_has_another_revision(mirror, changed):
    before = load_rows(SNLI, "en", "train", str(mirror)).revision
    after = load_rows(SNLI, "en", "train", changed(lambda table: table.select(range(20)))).revision
    assert before != after


def test_two_mirrors_of_the_same_repositories_are_not_taken_for_one(mirror, changed):
    """datasets' own cache is keyed by repository name and configuration: it would serve the first's rows."""
    whole = load_rows(SNLI, "en", "train", str(mirror))
    part = load_rows(SNLI, "en", "train", changed(lambda table: table.select(range(20))))
    assert len(part) + part.dropped == 20 < len(whole)


def test_a_permuted_label_order_is_repaired_by_name(mirror, changed, base):
    order = ["contradiction", "entailment", "neutral"]
    new_id = {0: 1, 1: 2, 2: 0, -1: -1}
    permuted = load_rows(SNLI, "en", "train", changed(with_labels(order, new_id.__getitem__)))
    plain = load_rows(SNLI, "en", "train", str(mirror))
    assert permuted.table["label"][:20] != plain.table["label"][:20]
    tokenizer = AutoTokenizer.from_pretrained(base)
    one, other = encode_rows(permuted, Encoding(tokenizer, 32)), encode_rows(plain, Encoding(tokenizer, 32))
    assert one.examples["label"][:] == other.examples["label"][:]
    assert gold_values(one) == gold_values(other)


def test_string_labels_go_by_name_too(changed, mirror, base):
    names = SNLI.labels

    def change(table):
        values = [names[label] if label >= 0 else "" for label in table["label"]]
        return table.remove_columns("label").add_column("label", values)

    rows = load_rows(SNLI, "en", "train", changed(change))
    plain = load_rows(SNLI, "en", "train", str(mirror))
    tokenizer = AutoTokenizer.from_pretrained(base)
    encoding = Encoding(tokenizer, 32)
    assert gold_values(encode_rows(rows, encoding)) == gold_values(encode_rows(plain, encoding))


def test_rows_without_gold_are_left_out_where_the_task_documents_them(mirror, capsys):
    rows = load_rows(SNLI, "en", "train", str(mirror))
    assert rows.dropped > 0
    assert min(rows.table["label"]) == 0
    assert "without a gold label left out" in capsys.readouterr().err


def test_single_placeholders_are_refused_where_it_does_not(mirror, tmp_path):
    shutil.copytree(mirror, tmp_path / "mirror")
    file = tmp_path / "mirror/facebook/xnli/en/train-00000-of-00001.parquet"
    table = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    values, features = [-1, *table["label"][1:]], table.features
    table = table.remove_columns("label").add_column("label", values).cast(features)
    file.unlink()
    table.to_parquet(str(file))
    with pytest.raises(UserError, match=r"1 of .* rows have the label -1"):
        load_rows(tasks.get("xnli"), "en", "train", str(tmp_path / "mirror"))


REFUSED = {
    "every label -1": (with_labels(SNLI.labels, lambda label: -1), "every label is -1"),
    "one label only": (with_labels(SNLI.labels, lambda label: 1), "labels are 'neutral'"),
    "other label names": (with_labels(["entailed", "neutral", "contradiction"]), "did you mean 'entailment'"),
    "numbers without names": (
        lambda t: t.cast_column("label", datasets.Value("int64")),
        "without label names",
    ),
    "a missing column": (lambda t: t.rename_column("premise", "sentence1"), "no column 'premise'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_columns_and_labels_are_refused(changed, case):
    change, message = REFUSED[case]
    with pytest.raises(UserError, match=message):
        load_rows(SNLI, "en", "train", changed(change))


def test_splits_of_different_columns_are_one_clear_error(changed):
    mirror = changed(lambda table: table.rename_column("premise", "sentence1"), splits=("train",))
    with pytest.raises(UserError, match="cannot be read together"):
        load_rows(SNLI, "en", "train", mirror)


def test_a_missing_mirror_or_repository_says_what_there_is(mirror, tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        load_rows(SNLI, "en", "train", str(tmp_path / "nowhere"))
    (tmp_path / "stanfordnlp" / "snly").mkdir(parents=True)
    with pytest.raises(UserError, match="did you mean 'stanfordnlp/snly'"):
        load_rows(SNLI, "en", "train", str(tmp_path))


class Hub:
    """Stands in for the Hub: answers with the mirror's rows, and notes what it was asked."""

    def __init__(self, monkeypatch, mirror, sha: str | None) -> None:
        self.asked = []
        real = datasets.load_dataset

        def load_dataset(path, config, split, revision=None):
            self.asked.append((path, config, split, revision))
            table = real(str(mirror / path), config, split=split, cache_dir=str(mirror.parent / "as-the-hub"))
            table.info.download_checksums = {f"hf://datasets/{path}@{'c' * 40}/{config}/{split}.parquet": {}}
            return table

        def dataset_info(api, repo, **_):
            if sha is None:
                raise OSError("no network")
            return types.SimpleNamespace(sha=sha)

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", dataset_info)


def test_the_hub_is_asked_for_the_newest_commit_by_name(monkeypatch, mirror):
    hub = Hub(monkeypatch, mirror, sha="a" * 40)
    rows = load_rows(tasks.get("udpos"), "de", "dev", None)
    assert hub.asked == [("google/xtreme", "udpos.German", "validation", "a" * 40)]
    assert rows.revision == "a" * 40


def test_a_resumed_run_asks_for_the_commit_it_began_with(monkeypatch, mirror):
    hub = Hub(monkeypatch, mirror, sha="a" * 40)
    assert load_rows(SNLI, "en", "dev", None, revision="b" * 40).revision == "b" * 40
    assert hub.asked[0][3] == "b" * 40


def test_without_network_cached_rows_are_read_and_their_commit_is_known(monkeypatch, mirror, capsys):
    hub = Hub(monkeypatch, mirror, sha=None)
    assert load_rows(SNLI, "en", "dev", None).revision == "c" * 40
    assert hub.asked[0][3] is None
    assert "looking into its cache" in capsys.readouterr().err


def test_no_network_says_how_to_read_a_local_copy():
    with pytest.raises(UserError, match="--mirror DIR"):
        load_rows(SNLI, "en", "train", None)


def test_a_language_or_split_that_a_task_lacks_is_named(mirror):
    with pytest.raises(UserError, match="has no language 'xx'"):
        load_rows(SNLI, "xx", "train", str(mirror))
    with pytest.raises(UserError, match="has no test split"):
        load_rows(tasks.get("qqp"), "en", "test", str(mirror))


def test_all_languages_are_those_that_are_here_and_the_others_are_said(mirror, capsys):
    rows = load_languages(tasks.get("udpos"), None, "test", str(mirror))
    assert [one.language for one in rows] == ["en", "de", "es"]
    assert "not here: af ar bg" in capsys.readouterr().err
    assert [one.language for one in load_languages(tasks.get("xcopa"), None, "dev", str(mirror))] == ["sw"]
    with pytest.raises(UserError, match=r"udpos\.French"):
        load_languages(tasks.get("udpos"), ["en", "fr"], "test", str(mirror))


def test_few_shot_rows_are_drawn_with_the_seed_and_keep_their_order(mirror):
    rows = load_rows(SNLI, "en", "train", str(mirror))
    few, again, other = rows.pick(10, seed=1), rows.pick(10, seed=1), rows.pick(10, seed=2)
    assert few.table["text_a"][:] == again.table["text_a"][:] != other.table["text_a"][:]
    assert few.selection == "10 drawn with seed 1"
    assert len(rows.pick(10**9, seed=1)) == len(rows)


def test_tokenised_rows_are_kept_and_keyed_by_the_window(mirror, base):
    rows = load_rows(SNLI, "en", "dev", str(mirror))
    tokenizer = AutoTokenizer.from_pretrained(base)
    first, again, shorter = (encode_rows(rows, Encoding(tokenizer, length)) for length in (32, 32, 8))
    file = first.examples.cache_files[0]["filename"]
    assert again.examples.cache_files[0]["filename"] == file != shorter.examples.cache_files[0]["filename"]
    assert shorter.lengths.max() == 8
    assert list(first.lengths) == [len(ids) for ids in first.examples["input_ids"][:]]


def test_a_tokenizer_has_one_digest_whatever_it_did_before(base):
    fresh, used = AutoTokenizer.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    used(["a", "a b c"], padding=True, truncation=True, max_length=4)
    assert tokenizer_digest(fresh) == tokenizer_digest(used)
    used.add_tokens(["zzz"])
    del used._adapterstilts_digest
    assert tokenizer_digest(fresh) != tokenizer_digest(used)


@pytest.mark.real
def test_real_rows_are_read_and_their_subset_is_said(real_data, capsys):
    rows = load_rows(SNLI, "en", "train", str(real_data / "hub"))
    assert len(rows) == 7875
    assert "7,875 rows in this mirror, 550,152 declared" in capsys.readouterr().err
    unlabelled = dataclasses.replace(tasks.get("mnli"), splits={"test": "test_matched"})
    with pytest.raises(UserError, match="every label is -1"):
        load_rows(unlabelled, "en", "test", str(real_data / "hub"))


@pytest.mark.real
def test_real_sentences_longer_than_the_window_keep_every_word(real_data):
    rows = load_rows(tasks.get("udpos"), "de", "test", str(real_data / "hub"))
    tokenizer = AutoTokenizer.from_pretrained(real_data / "xlmr-tokenizer")
    encoded = encode_rows(rows, Encoding(tokenizer, 16))
    words = sum(len(tokens) for tokens in rows.table["tokens"])
    assert learnable(rows.task).targets({"tags": encoded.examples["tags"][:]}) == words
    assert len(encoded) > len(rows)
    assert np.max(encoded.lengths) <= 16
