"""Rows in other languages: read by the same task, said by the embedded world; what cannot be translated."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from adapterstilts import train_intermediate, translate
from adapterstilts.cli import call
from adapterstilts.data.source import load_rows
from adapterstilts.data.translated import with_translations
from adapterstilts.errors import UserError
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.translator import MiniTranslator, meaning
from adapterstilts.tasks import tasks


def rows_of(name: str, language: str, mirror: Path, split="train"):
    return load_rows(with_translations(tasks.get(name), str(mirror)), language, split, str(mirror))


# the mirror


def test_the_same_task_reads_what_was_translated(tmp_path, mirror):
    report = translate("snli", to=["de", "sw"], model="mini", out=tmp_path, settings={"resources.mirror": str(mirror)})
    assert report["languages"]["de"]["train"]["written"] == report["languages"]["de"]["train"]["rows"]
    english, german = (list(rows_of("snli", one, tmp_path).each()) for one in ("en", "de"))
    assert [row["label"] for row in english] == [row["label"] for row in german]
    assert all(one["text_a"] != other["text_a"] for one, other in zip(english, german, strict=True))
    assert german[0]["text_a"] == MiniTranslator().translate([english[0]["text_a"]], "en", "de")[0]


def test_rows_say_by_what_they_were_translated(tmp_path, mirror):
    translate("snli", to=["de"], model="mini", out=tmp_path, limit=8, settings={"resources.mirror": str(mirror)})
    translated = rows_of("snli", "de", tmp_path).origin()["translated"]
    assert (translated["from"], translated["by"]["model"]) == ("en", "mini")
    assert translated["splits"]["train"]["source"]["selection"] == "first 8"
    assert "translated" not in rows_of("snli", "en", tmp_path).origin()
    assert str(tmp_path) not in json.dumps(translated)


def test_a_further_language_or_task_changes_nothing_of_the_first(tmp_path, mirror):
    settings = {"resources.mirror": str(mirror)}
    translate("mnli", to=["de"], model="mini", out=tmp_path, limit=8, settings=settings)
    before = rows_of("mnli", "de", tmp_path).origin()
    translate("mnli", to=["ru"], model="mini", out=tmp_path, limit=8, settings=settings)
    translate("qqp", to=["de"], model="mini", out=tmp_path, limit=8, settings=settings)  # in the same repository
    assert rows_of("mnli", "de", tmp_path).origin() == before
    assert with_translations(tasks.get("mnli"), str(tmp_path)).languages == ("en", "de", "ru")
    assert with_translations(tasks.get("qqp"), str(tmp_path)).languages == ("en", "de")
    assert rows_of("qqp", "de", tmp_path).table["text_a"][0].endswith("?")


def test_a_task_without_translations_is_itself(tmp_path, mirror):
    snli = tasks.get("snli")
    assert with_translations(snli, None) is snli
    assert with_translations(snli, str(mirror)) is snli


def test_a_joined_task_has_the_languages_of_all_its_parts(tmp_path, mirror, monkeypatch):
    both = dataclasses.replace(tasks.get("anli_plus"), parts=("snli", "mnli"))
    settings = {"resources.mirror": str(mirror)}
    translate("snli", to=["de", "ru"], model="mini", out=tmp_path, limit=8, settings=settings)
    translate("mnli", to=["de"], model="mini", out=tmp_path, limit=8, settings=settings)
    task = with_translations(both, str(tmp_path))
    assert task.languages == ("en", "de")
    assert len(load_rows(task, "de", "train", str(tmp_path))) == 16


def test_a_damaged_note_is_named(tmp_path, mirror):
    translate("snli", to=["de"], model="mini", out=tmp_path, limit=8, settings={"resources.mirror": str(mirror)})
    (tmp_path / "stanfordnlp/snli/adapterstilts.json").write_text("[]")
    with pytest.raises(UserError, match="is not what `adapterstilts translate` writes"):
        with_translations(tasks.get("snli"), str(tmp_path))


@pytest.mark.parametrize("name", ["hellaswag", "cosmos_qa", "commonsense_qa"])
def test_choices_are_translated_in_their_columns(name, tmp_path, mirror):
    translate(name, to=["de"], model="mini", out=tmp_path, limit=9, settings={"resources.mirror": str(mirror)})
    english, german = (list(rows_of(name, one, tmp_path).each()) for one in ("en", "de"))
    assert [row["label"] for row in english] == [row["label"] for row in german]
    said_in_english = [value for field, value in english[0].items() if field not in ("label", "id")]
    said_in_german = [value for field, value in german[0].items() if field not in ("label", "id")]
    assert all(one != other for one, other in zip(said_in_english, said_in_german, strict=True))


@pytest.mark.parametrize("to", ["de", "zh", "yo"])
def test_answers_stand_where_they_are_said_to(to, tmp_path, mirror):
    settings = {"resources.mirror": str(mirror)}
    report = translate("squad_v2", to=[to], model="mini", out=tmp_path, settings=settings)
    counts = report["languages"][to]["train"]
    rows = list(rows_of("squad_v2", to, tmp_path).each())
    assert counts["written"] == counts["rows"] - counts["reasons"].get("answer not found", 0) == len(rows)
    assert len(rows) > 0.8 * counts["rows"]
    assert any(not row["answer_texts"] for row in rows)
    for row in rows:
        for text, start in zip(row["answer_texts"], row["answer_starts"], strict=True):
            assert row["context"][start : start + len(text)] == text


def test_rows_that_their_ids_tell_apart_are_told_apart_by_their_configuration(tmp_path, mirror, capsys):
    translate("tydiqa", to=["de"], model="mini", out=tmp_path, settings={"resources.mirror": str(mirror)})
    assert "its dev rows are a share of its train rows" in capsys.readouterr().err
    english, german = (rows_of("tydiqa", one, tmp_path, "dev") for one in ("en", "de"))
    assert german.ids() == english.ids()
    assert english.ids()[0].startswith("english-")


def test_a_split_of_several_is_one_in_translation(tmp_path, mirror, monkeypatch):
    both = dataclasses.replace(tasks.get("snli"), splits={"train": "train+validation"}, held_out=0.1)
    monkeypatch.setattr("adapterstilts.translation.command.find_task", lambda name: both)
    report = translate("snli", to=["de"], model="mini", out=tmp_path, settings={"resources.mirror": str(mirror)})
    german = load_rows(with_translations(both, str(tmp_path)), "de", "train", str(tmp_path), hold_out=False)
    english = load_rows(both, "en", "train", str(mirror), hold_out=False)
    assert len(german) == len(english) == report["languages"]["de"]["train"]["rows"] > 96


def test_an_own_task_is_translated_too(tmp_path):
    lines = [{"text": f"The doctor buys a red apple in the {place}.", "label": place} for place in ("kitchen", "shop")]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines * 6))
    columns = "columns: {text_a: text, label: label}\nlanguages: {en: {train: train.jsonl}}\n"
    (tmp_path / "own.yaml").write_text(f"name: own\nformat: classification\n{columns}")
    from adapterstilts.data.own import find_task

    translate(str(tmp_path / "own.yaml"), to=["de"], model="mini", out=tmp_path / "out")
    task = with_translations(find_task(str(tmp_path / "own.yaml")), str(tmp_path / "out"))
    rows = load_rows(task, "de", "train", str(tmp_path / "out"), hold_out=False)
    assert len(rows) == 12
    assert rows.table["text_a"][0] == "Der Arzt kauft in der Küche einen roten Apfel."
    assert len(load_rows(task, "en", "train", str(tmp_path / "out"), hold_out=False)) == 12


# bad input


@pytest.mark.parametrize(
    ("task", "to", "message"),
    [
        ("udpos", ["sq"], "word by word"),
        ("wikipedia", ["sq"], "text as people write it"),
        ("tatoeba", ["sq"], "translations already"),
        ("anli_plus", ["de"], "those of snli, anli|those of anli"),
        ("xnli", ["de"], "has 'de' itself"),
        ("snli", [], "no language"),
        ("snli", ["de", "de"], "named twice"),
        ("snli", ["../x"], "cannot be a file name"),
        ("snli", ["eo"], "does not speak 'eo'"),
    ],
)
def test_what_cannot_be_translated_is_refused(task, to, message, tmp_path, mirror):
    with pytest.raises(UserError, match=message):
        translate(task, to=to, model="mini", out=tmp_path / "out", settings={"resources.mirror": str(mirror)})
    assert not (tmp_path / "out").exists()


def test_the_command_line_tells_and_refuses(tmp_path, mirror, capsys):
    words = ["translate", "--task", "snli", "--to", "de", "--model", "mini", "--mirror", str(mirror), "--limit", "6"]
    assert call([*words, "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(tmp_path / "out")
    assert "de train" in told.err
    assert call([*words, "--out", str(tmp_path / "x"), "--split", "trian"]) == 2
    assert "did you mean 'train'?" in capsys.readouterr().err
    assert call([*words, "--out", str(tmp_path / "x"), "--set", "ratio=0.5"]) == 2
    assert "ratio" in capsys.readouterr().err
    assert (
        call(["translate", "--task", "snli", "--to", "de", "--model", "./nothing", "--out", str(tmp_path / "x")]) == 2
    )
    assert "no folder with a translation model" in capsys.readouterr().err


# the embedded world's translator


def test_the_world_translates_its_own_rows_as_it_tells_them(tmp_path):
    """The rows of XNLI are there in every language, so what it says can be held against them."""
    mirror = write_rows(tmp_path / "rows", size=40, few=40, only=["xnli"])
    english = list(load_rows(tasks.get("xnli"), "en", "train", str(mirror)).each())
    for language in ("de", "es", "hi", "ru", "sw", "tr", "zh"):
        told = list(load_rows(tasks.get("xnli"), language, "train", str(mirror)).each())
        texts = [
            (row[field], other[field])
            for row, other in zip(english, told, strict=True)
            for field in ("text_a", "text_b")
        ]
        said_now = MiniTranslator().translate([source for source, _ in texts], "en", language)
        assert all(said_now)
        same = sum(one == wanted for one, (_, wanted) in zip(said_now, texts, strict=True))
        assert same > 0.9 * len(texts), "only synonyms of one language alone may differ"


@pytest.mark.parametrize(
    "sentence",
    ["The doctor buys a moon.", "Hello.", "", "Buys an apple the doctor.", "Why does the doctor buy an apple?"],
)
def test_what_the_world_cannot_say_is_not_translated(sentence):
    assert meaning(sentence) is None
    assert MiniTranslator().translate([sentence], "en", "de") == [""]


def test_a_training_learns_from_translated_rows(tmp_path, mirror, base, monkeypatch):
    """Until a command asks for the language, the plan does: the rows are a task's like any other."""
    translate("snli", to=["de"], model="mini", out=tmp_path / "out", settings={"resources.mirror": str(mirror)})
    german = dataclasses.replace(with_translations(tasks.get("snli"), str(tmp_path / "out")), train_language="de")
    monkeypatch.setattr("adapterstilts.train.plan.find_tasks", lambda names: [german])
    settings = {"resources.mirror": str(tmp_path / "out"), "train.max_steps": 2, "precision": "fp32"}
    finished = train_intermediate("snli", out=tmp_path / "run", base=str(base), settings=settings)
    assert finished.record.data["snli-train"]["translated"]["by"]["model"] == "mini"
    assert finished.record.data["snli-train"]["language"] == "de"
