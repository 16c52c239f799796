"""Small models of the real translating architectures: what they are asked and say, and how they go on when stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sentencepiece
import torch

from adapterstilts import translate
from adapterstilts.cli import call
from adapterstilts.data.source import load_rows
from adapterstilts.data.translated import with_translations
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.mini.texts import texts_of
from adapterstilts.model import Runtime
from adapterstilts.tasks import tasks
from adapterstilts.translation.families import family_of
from adapterstilts.translation.journal import Journal, plan, read_lines
from adapterstilts.translation.seq2seq import Seq2Seq

SIZES = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "init_std": 0.5,
         "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 64,
         "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}  # fmt: skip


def pieces_of(mirror, folder) -> tuple[Path, dict[str, int]]:
    """A sentencepiece model of the mirror's text, and its vocabulary as fairseq numbers it."""
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


# what is written, and going on


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
from adapterstilts.cli import call
from adapterstilts.translation.seq2seq import Seq2Seq
torch.set_num_threads(1)
real, calls = Seq2Seq.translate, []
def dies(*words):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*words)
Seq2Seq.translate = dies
sys.exit(call(sys.argv[1:]))
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
        assert call(words) == 75
    assert call(words) == 0
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


def test_a_finished_journal_is_known_by_its_translator(tmp_path, m2m):
    from adapterstilts.interrupt import listening

    with listening() as stop:
        first = Journal(tmp_path, quick(m2m, beams=1), "en", "de").translate(["A.", "B."], stop)
        other = Journal(tmp_path, quick(m2m, beams=2), "en", "de")
        assert other._finished() == {}
        assert Journal(tmp_path, quick(m2m, beams=1), "en", "de")._finished() == first
    assert read_lines(tmp_path / "none.jsonl") == ([], 0)


# checks and refusals


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


def test_two_translators_do_not_share_a_language(arguments, tmp_path, mirror):
    settings = {"resources.mirror": str(mirror)}
    translate("snli", to=["sw"], model="mini", out=tmp_path, limit=8, settings=settings)
    with pytest.raises(UserError, match="translated in another way"):
        translate(out=tmp_path, **arguments)


def test_a_model_that_does_not_translate_is_refused(base, tmp_path, mirror):
    with pytest.raises(UserError, match="is no translation model"):
        translate("snli", to=["de"], model=str(base), out=tmp_path, settings={"resources.mirror": str(mirror)})
    assert not any(tmp_path.iterdir())


# what a model is asked


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
