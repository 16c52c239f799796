"""Rows in other languages: by small models of the real architectures, by the embedded world; stopped, gone on with."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from adapterstilts import train_intermediate, translate
from adapterstilts.cli import run
from adapterstilts.data.source import load_rows
from adapterstilts.data.translated import with_translations
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.texts import texts_of
from adapterstilts.mini.translator import MiniTranslator, meaning
from adapterstilts.model import Runtime
from adapterstilts.tasks import tasks
from adapterstilts.translation import journal
from adapterstilts.translation.checks import flags, likeness, usual_ratio
from adapterstilts.translation.families import family_of
from adapterstilts.translation.journal import Journal, plan, read_lines
from adapterstilts.translation.sentences import pieces, said
from adapterstilts.translation.seq2seq import Seq2Seq
from adapterstilts.translation.spans import answers_in, marked, placed

SIZES = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "init_std": 0.5,
         "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 64,
         "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}  # fmt: skip


def pieces_of(mirror, folder) -> tuple[Path, dict[str, int]]:
    """A sentencepiece model of the mirror's text, and its vocabulary as fairseq numbers it."""
    sentencepiece = pytest.importorskip("sentencepiece")
    folder.mkdir(parents=True)
    texts = iter(list(texts_of(mirror))[:2000])
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=texts, model_prefix=str(folder / "spm"), vocab_size=300, hard_vocab_limit=False,
        minloglevel=2, num_threads=1,
    )  # fmt: skip
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spm.model"))
    names = [name for name in map(model.id_to_piece, range(len(model))) if name not in ("<s>", "</s>", "<unk>")]
    return folder / "spm.model", {name: place for place, name in enumerate(["<s>", "<pad>", "</s>", "<unk>", *names])}


@pytest.fixture(scope="session")
def m2m(mirror, tmp_path_factory) -> Path:
    """M2M100 of one layer and random weights, whose vocabulary is the mirror's."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer
    from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

    root = tmp_path_factory.mktemp("m2m")
    model, vocabulary = pieces_of(mirror, root / "pieces")
    (root / "vocab.json").write_text(json.dumps(vocabulary))
    languages = [f"__{code}__" for code in FAIRSEQ_LANGUAGE_CODES["m2m100"]]
    tokenizer = M2M100Tokenizer(str(root / "vocab.json"), str(model), additional_special_tokens=languages)
    tokenizer.save_pretrained(root / "model")
    torch.manual_seed(0)
    config = M2M100Config(vocab_size=len(vocabulary) + 108, **SIZES)
    M2M100ForConditionalGeneration(config).save_pretrained(root / "model")
    return root / "model"


@pytest.fixture(scope="session")
def marian(mirror, tmp_path_factory):
    """Write an OPUS-MT model of one layer and random weights: from English into `target`, or whatever `tags` name."""
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    def make(target: str, *tags: str) -> Path:
        root = tmp_path_factory.mktemp("marian")
        model, vocabulary = pieces_of(mirror, root / "pieces")
        vocabulary |= {tag: len(vocabulary) + place for place, tag in enumerate(tags)}
        (root / "vocab.json").write_text(json.dumps(vocabulary))
        spm = str(model)
        MarianTokenizer(spm, spm, str(root / "vocab.json"), source_lang="eng", target_lang=target).save_pretrained(
            root / "model"
        )
        torch.manual_seed(0)
        MarianMTModel(MarianConfig(vocab_size=len(vocabulary), forced_eos_token_id=2, **SIZES)).save_pretrained(
            root / "model"
        )
        return root / "model"

    return make


@pytest.fixture
def arguments(m2m, mirror):
    """Half a dozen batches and more of each language; what a model of random weights says is kept, however bad."""
    settings = {"resources.mirror": str(mirror), "precision": "fp32", "beams": 2, "batch_tokens": 30, "flagged": "keep"}
    return {
        "task": "snli",
        "to": ["sv", "sw"],
        "model": str(m2m),
        "limit": 6,
        "splits": ["train"],
        "settings": settings,
    }


def everything(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def rows_of(name: str, language: str, mirror: Path, split="train"):
    return load_rows(with_translations(tasks.get(name), str(mirror)), language, split, str(mirror))


def quick(model: Path, **more) -> Seq2Seq:
    return Seq2Seq("model", model, Runtime(torch.device("cpu"), "fp32", 8192), **more)


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


# small models of the real architectures


def test_a_real_architecture_translates_and_is_recorded(arguments, tmp_path):
    report = translate(out=tmp_path, **arguments)
    rows = rows_of("snli", "sw", tmp_path)
    counts = report["languages"]["sw"]["train"]
    assert len(rows) == counts["written"] > 0
    lost = sum(count for reason, count in counts["reasons"].items() if reason in ("empty", "too long"))
    assert counts["written"] >= counts["rows"] - lost
    by = rows.origin()["translated"]["by"]
    assert by["settings"] == {"beams": 2, "batch_tokens": 30, "precision": "fp32"}
    assert len(by["digest"]) == 16
    assert json.loads((tmp_path / "report-snli.json").read_text()) == report


def stop_after(monkeypatch, batches: int) -> None:
    """Let a signal arrive in the middle of batch number `batches`."""
    real, calls = Seq2Seq.translate, []

    def counted(self, sentences, source, to):
        calls.append(to)
        if len(calls) == batches:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self, sentences, source, to)

    monkeypatch.setattr(Seq2Seq, "translate", counted)


def test_an_interrupted_translation_ends_like_an_undisturbed_one(arguments, tmp_path, monkeypatch):
    translate(out=tmp_path / "whole", **arguments)
    for batches in (1, 3, 4):
        with monkeypatch.context() as patch:
            stop_after(patch, batches)
            with pytest.raises(Interrupted):
                translate(out=tmp_path / "broken", **arguments)
    translate(out=tmp_path / "broken", **arguments)
    assert everything(tmp_path / "broken") == everything(tmp_path / "whole")


KILLED = """
import os, signal, sys
import torch
from adapterstilts.cli import run
from adapterstilts.translation.seq2seq import Seq2Seq
torch.set_num_threads(1)
real, calls = Seq2Seq.translate, []
def dies(*words):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*words)
Seq2Seq.translate = dies
sys.exit(run(sys.argv[1:]))
"""


def test_a_killed_process_goes_on_and_ends_with_the_same_files(arguments, mirror, tmp_path, monkeypatch):
    translate(out=tmp_path / "whole", **arguments)
    words = ["translate", "--task", "snli", "--to", "sv,sw", "--model", arguments["model"], "--limit", "6",
             "--split", "train", "--mirror", str(mirror), "--precision", "fp32", "--beams", "2",
             "--set", "batch_tokens=30", "--flagged", "keep", "--out", str(tmp_path / "broken")]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    [file] = (tmp_path / "broken/.translations").glob("*.jsonl")
    assert len(read_lines(file)[0]) == 3
    with file.open("ab") as handle:
        handle.write(b'{"pairs":[["The doc')  # as a disk leaves it
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        assert run(words) == 75
    assert run(words) == 0
    assert everything(tmp_path / "broken") == everything(tmp_path / "whole")


def test_nothing_is_translated_twice(arguments, tmp_path, monkeypatch):
    translate(out=tmp_path, **arguments)
    before, asked = everything(tmp_path), []
    real = Seq2Seq.translate
    monkeypatch.setattr(Seq2Seq, "translate", lambda self, *words: asked.extend(words[0]) or real(self, *words))
    translate(out=tmp_path, **arguments)
    assert asked == []
    assert everything(tmp_path) == before
    translate(out=tmp_path, **{**arguments, "limit": 8})
    old = {line["text_a"] for line in rows_of("snli", "en", tmp_path).pick(6, None).each()}
    assert asked
    assert len(asked) == len({(one, place) for place, one in enumerate(asked)})
    assert not old & set(asked)


def test_what_translates_back_flags_what_comes_back_unlike(arguments, tmp_path, m2m):
    checking = {**arguments["settings"], "back": 0.9, "back_translate": str(m2m)}
    report = translate(out=tmp_path, **{**arguments, "settings": checking})
    counts = report["languages"]["sw"]["train"]
    assert counts["reasons"]["back-translation"] == counts["rows"]
    assert counts["likeness"] < 0.9
    with pytest.raises(UserError, match="mini understands English, not 'de'"):
        translate("snli", to=["de"], model="mini", out=tmp_path / "x", settings={"back_translate": "mini"})


def test_flagged_rows_are_dropped_or_say_why(arguments, tmp_path):
    import pyarrow.parquet as pq

    counts = translate(out=tmp_path / "kept", **arguments)["languages"]["sw"]["train"]
    flagged = sum(reasons in counts["reasons"] for reasons in ("looped", "length", "copied"))
    assert flagged, "random weights say nothing odd; choose others"
    table = pq.read_table(tmp_path / "kept/stanfordnlp/snli/plain_text.sw/train-00000-of-00001.parquet")
    assert any(table["translation_flags"].to_pylist())
    dropping = {**arguments["settings"], "flagged": "drop", "ratio": 1.0001}
    with pytest.raises(UserError, match="none is left in 'sv'"):
        translate(out=tmp_path / "dropped", **{**arguments, "settings": dropping})


def test_greedy_search_and_beams_are_asked_for(m2m, monkeypatch):
    sentences = ["The doctor buys a red apple.", "Who sells a pot?"]
    told = {beams: quick(m2m, beams=beams).translate(sentences, "en", "de") for beams in (1, 4)}
    assert told[1] != told[4]
    assert quick(m2m, beams=1).identity() != quick(m2m, beams=4).identity()


def test_the_target_language_decides_what_m2m100_says(m2m):
    one = quick(m2m, beams=1)
    assert one.translate(["The doctor buys a red apple."], "en", "de") != one.translate(
        ["The doctor buys a red apple."], "en", "sw"
    )
    with pytest.raises(UserError, match="cannot translate into 'yor'") as error:
        one.check("en", "yor")
    assert "did you mean 'yo'?" in error.value.fix


def test_a_long_sentence_is_left_out_and_counted(m2m):
    one = quick(m2m, beams=1, batch=200)
    batches, long = plan(["a b c", "the " * 200, "A long way.", "b"], one)
    assert long == ["the " * 200]
    every = [sentence for batch in batches for sentence in batch]
    assert sorted(every) == ["A long way.", "a b c", "b"]
    assert one.lengths(every)[0] == max(one.lengths(every))


def test_a_batch_holds_what_it_may(m2m):
    one = quick(m2m, beams=1, batch=60)
    batches, _ = plan([f"The doctor buys {number} apples." for number in range(30)], one)
    assert len(batches) > 5
    assert all(len(batch) * max(one.lengths(batch)) <= 60 for batch in batches)


def test_an_opus_model_knows_one_pair(marian, mirror, tmp_path):
    model = marian("deu")
    one = quick(model, beams=1)
    one.check("en", "de")
    for source, to in (("en", "sw"), ("de", "de")):
        with pytest.raises(UserError, match="cannot translate"):
            one.check(source, to)
    settings = {"resources.mirror": str(mirror), "precision": "fp32", "beams": 1, "flagged": "keep"}
    translate("snli", to=["de"], model=str(model), out=tmp_path, limit=4, splits=["train"], settings=settings)
    assert len(rows_of("snli", "de", tmp_path)) == 4


def test_an_opus_model_of_several_targets_is_told_which(marian):
    one = quick(marian("mul", ">>deu<<", ">>cmn_Hans<<", ">>swh<<"), beams=1)
    for to in ("de", "zh", "sw"):
        one.check("en", to)
    with pytest.raises(UserError, match="cannot translate into 'fr'"):
        one.check("en", "fr")
    assert one._family.prepare(["A."], "en", "zh") == ([">>cmn_Hans<< A."], {})
    assert one.translate(["The doctor buys an apple."], "en", "de") != one.translate(
        ["The doctor buys an apple."], "en", "sw"
    )


class NllbLike:
    """As much of NLLB's tokenizer as a family is known by."""

    all_special_tokens = ("eng_Latn", "deu_Latn", "swh_Latn", "</s>")
    src_lang = ""

    def get_added_vocab(self):
        return {}

    def convert_tokens_to_ids(self, token):
        return self.all_special_tokens.index(token)


def test_nllb_is_told_languages_with_their_scripts():
    tokenizer = NllbLike()
    family = family_of(tokenizer, "m2m_100", "nllb")
    assert family.targets == ("de", "en", "sw")
    assert family.prepare(["A."], "en", "sw") == (["A."], {"forced_bos_token_id": 2})
    assert tokenizer.src_lang == "eng_Latn"


def test_a_model_that_does_not_translate_is_refused(base, tmp_path, mirror):
    with pytest.raises(UserError, match="is no translation model"):
        translate("snli", to=["de"], model=str(base), out=tmp_path, settings={"resources.mirror": str(mirror)})
    assert not any(tmp_path.iterdir())


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


def test_two_translators_do_not_share_a_language(arguments, tmp_path, mirror):
    settings = {"resources.mirror": str(mirror)}
    translate("snli", to=["sw"], model="mini", out=tmp_path, limit=8, settings=settings)
    with pytest.raises(UserError, match="translated in another way"):
        translate(out=tmp_path, **arguments)


def test_the_command_line_tells_and_refuses(tmp_path, mirror, capsys):
    words = ["translate", "--task", "snli", "--to", "de", "--model", "mini", "--mirror", str(mirror), "--limit", "6"]
    assert run([*words, "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(tmp_path / "out")
    assert "de train" in told.err
    assert run([*words, "--out", str(tmp_path / "x"), "--split", "trian"]) == 2
    assert "did you mean 'train'?" in capsys.readouterr().err
    assert run([*words, "--out", str(tmp_path / "x"), "--set", "ratio=0.5"]) == 2
    assert "ratio" in capsys.readouterr().err
    assert run(["translate", "--task", "snli", "--to", "de", "--model", "./nothing", "--out", str(tmp_path / "x")]) == 2
    assert "no folder with a translation model" in capsys.readouterr().err


# sentences, answers, checks


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("Dr. J. Smith of the U.S. Army paid 2.5 dollars.", ["Dr. J. Smith of the U.S. Army paid 2.5 dollars."]),
        ("one\n\ntwo\n", ["one", "two"]),
        ("你好。再见！", ["你好。", "再见！"]),
        ("", []),
    ],
)
def test_texts_are_cut_at_the_ends_of_sentences(text, cut):
    found = pieces(text)
    assert [piece.text for piece in found] == cut
    assert "".join(piece.text + piece.gap for piece in found) == text
    assert all(text[piece.start :].startswith(piece.text) for piece in found)


def test_sentences_are_put_together_as_the_language_is_written():
    known = {"One.": "一。", "Two.": "二。", "Long.": None, "Odd.": ""}
    assert said("One. Two.\n", known, "zh") == "一。二。\n"
    assert said("One. Two.", known, "de") == "一。 二。"
    assert said("One. Long.", known, "zh") is None
    assert said("One. Odd.", known, "zh") == ""


def test_an_answer_is_found_alone_in_brackets_or_not_at_all():
    context = "Ann came. Ann met the old man and the man. He left."
    known = {"Ann came.": "Anna kam.", "Ann met the old man and the man.": "Anna traf den alten Mann und den Mann.",
             "the man": "der Mann", "He left.": "Er ging.", "Ann": "Anna"}  # fmt: skip
    told = "Anna kam. Anna traf den alten Mann und den Mann. Er ging."
    answers = answers_in(context, ["Ann", "the man", "man. He"], [10, 35, 39], known, "de")
    assert [answer.text for answer in answers] == ["Ann", "the man"], "the last one stands in two sentences"
    assert placed(answers[0], told, known, known.get) == ("Anna", 10), "the one in its own sentence"
    assert placed(answers[1], told, known, known.get) is None
    assert marked(answers[1]) == "Ann met the old man and [the man]."
    known |= {"Ann met the old man and [the man].": "Anna traf den alten Mann und [den Mann]."}
    assert placed(answers[1], told, known, known.get) == ("den Mann", told.rindex("den Mann"))


def test_of_two_places_the_one_at_the_same_share_of_the_sentence_counts():
    context, told = "A cat and a dog and a cat.", "Katze und Hund und Katze."
    known = {context: told, "cat": "Katze"}
    first, last = answers_in(context, ["cat", "cat"], [2, 22], known, "de")
    assert placed(first, told, known, known.get) == ("Katze", 0)
    assert placed(last, told, known, known.get) == ("Katze", 19)


@pytest.mark.parametrize(
    ("source", "told", "found"),
    [
        ("A cat sat on the mat.", "Eine Katze saß auf der Matte.", []),
        ("A cat sat on the mat.", "A cat sat on the mat.", ["copied"]),
        ("New York", "New York", []),
        ("A cat sat on the mat.", None, ["too long"]),
        ("A cat sat on the mat.", " ", ["empty"]),
        ("A cat sat on the mat.", "die die die die die Matte", ["looped"]),
        ("ha ha ha ha ha ha said he", "ha ha ha ha ha ha sagte er", []),
        ("A cat sat on the mat.", "Katze", ["length"]),
        ("", "", []),
    ],
)
def test_bad_translations_are_told_from_good_ones(source, told, found):
    assert flags(source, told, 1.2, 3.0) == found


def test_the_usual_length_is_the_languages_own():
    pairs = [("A cat sat on the mat there.", "猫坐在垫子上。")] * 5 + [("A dog barked at the cat.", "狗" * 24)]
    assert usual_ratio(pairs) < 0.3
    assert flags(*pairs[0], usual_ratio(pairs), 3.0) == []
    assert flags(pairs[1][0], "狗对着那只猫叫。", usual_ratio(pairs), 3.0) == []
    assert "length" in flags(*pairs[-1], usual_ratio(pairs), 3.0)


def test_likeness_is_one_for_the_same_and_falls_with_every_change():
    text = "The doctor buys a red apple."
    same, near, far = (likeness(one, text) for one in (text, "The doctor buys an apple.", "Es regnet."))
    assert same == 1
    assert 0.4 < near < 1
    assert far < 0.2
    assert likeness("", text) == 0


def test_a_finished_journal_is_known_by_its_translator(tmp_path, m2m):
    from adapterstilts.interrupt import listening

    with listening() as stop:
        first = Journal(tmp_path, quick(m2m, beams=1), "en", "de").translate(["A.", "B."], stop)
        other = Journal(tmp_path, quick(m2m, beams=2), "en", "de")
        assert other._finished() == {}
        assert Journal(tmp_path, quick(m2m, beams=1), "en", "de")._finished() == first
    assert journal.read_lines(tmp_path / "none.jsonl") == ([], 0)


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
