"""Masked language modelling: what is hidden, the base's own head, languages in shares, the loss that falls."""

from __future__ import annotations

import json
import os
import random
import signal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, XLMRobertaForMaskedLM

from adapterstilts.base import find_base, load_encoder, load_lm_head
from adapterstilts.config.schema import DataSettings, TrainSettings
from adapterstilts.data.cache import encode_rows, encoding_for
from adapterstilts.data.mixing import proportional
from adapterstilts.data.source import load_rows
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.formats import Encoding, formats
from adapterstilts.formats.tagging import IGNORED
from adapterstilts.metrics import metrics
from adapterstilts.mini.texts import texts_of
from adapterstilts.model import TransferModel
from adapterstilts.tasks import tasks
from adapterstilts.train import loop
from adapterstilts.train.command import continue_mlm

MASKED = formats.get("masked_lm")


@pytest.fixture(scope="module")
def text(mirror, tmp_path_factory):
    """A mirror of Wikipedia in two languages: the generated rows' sentences, 1000 and 500 of them."""
    root = tmp_path_factory.mktemp("text")
    sentences = sorted(set(texts_of(mirror)))
    random.Random(0).shuffle(sentences)
    for language, count in (("en", 1000), ("sw", 500)):
        folder = root / "wikimedia/wikipedia" / f"20231101.{language}"
        folder.mkdir(parents=True)
        table = pa.table({"id": [str(i) for i in range(count)], "text": sentences[:count]})
        pq.write_table(table, folder / "train-00000-of-00001.parquet")
    card = ["---", "configs:"]
    for language in ("en", "sw"):
        card += [f"- config_name: 20231101.{language}", "  data_files:", "  - split: train",
                 f"    path: 20231101.{language}/train-*"]  # fmt: skip
    (root / "wikimedia/wikipedia/README.md").write_text("\n".join([*card, "---"]))
    return root


@pytest.fixture(scope="module")
def with_head(base, tmp_path_factory):
    """The tiny base as transformers saves it with an LM head, as XLM-R's own files have it."""
    folder = tmp_path_factory.mktemp("base") / "mlm"
    torch.manual_seed(0)
    model = XLMRobertaForMaskedLM.from_pretrained(base)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def settings(text):
    return {
        "resources.mirror": str(text),
        "precision": "fp32",
        "train.max_steps": 6,
        "train.eval_every": 3,
        "train.learning_rate": 5e-3,
        "train.batch_size": 8,
        "data.max_length": 32,
    }


def encoded(tokenizer, texts, max_length=64, hidden=0.15, **columns):
    rows = {"row": list(range(len(texts))), "text": texts, **columns}
    return MASKED.encode(rows, Encoding(tokenizer, max_length, hidden=hidden))


def test_what_is_hidden_depends_on_row_and_draw_alone(tokenizer, text):
    many = encoded(tokenizer, pq.read_table(next(text.rglob("*.en/*.parquet")))["text"].to_pylist())
    first, again, other = MASKED.vary(many, 1), MASKED.vary(many, 1), MASKED.vary(many, 2)
    assert first == again
    assert first["labels"] != other["labels"]
    alone = MASKED.vary({name: values[5:6] for name, values in many.items()}, 1)
    assert alone["labels"] == first["labels"][5:6]
    assert alone["input_ids"] == first["input_ids"][5:6]


def test_a_seventh_is_hidden_and_special_tokens_never_are(tokenizer, text):
    texts = pq.read_table(next(text.rglob("*.en/*.parquet")))["text"].to_pylist()
    many = encoded(tokenizer, [text for text in texts if len(text) > 40] * 5)
    seen = MASKED.vary(many, 7)
    labels, read, whole = (np.concatenate(column) for column in (seen["labels"], seen["input_ids"], many["input_ids"]))
    special = np.concatenate(many["special"]).astype(bool)
    hidden = labels != IGNORED
    assert not (hidden & special).any()
    assert (labels[hidden] == whole[hidden]).all()
    assert (read[~hidden] == whole[~hidden]).all()
    assert hidden.sum() / (~special).sum() == pytest.approx(0.15, abs=0.02)
    masked, kept = (read[hidden] == tokenizer.mask_token_id).mean(), (read[hidden] == whole[hidden]).mean()
    assert masked == pytest.approx(0.8, abs=0.03)
    assert kept == pytest.approx(0.1, abs=0.03)
    assert MASKED.targets(seen) == hidden.sum()
    assert min(sum(label != IGNORED for label in row) for row in seen["labels"]) >= 1


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_as_many_tokens_are_hidden_as_were_asked_for(share, tokenizer, text):
    texts = pq.read_table(next(text.rglob("*.en/*.parquet")))["text"].to_pylist()
    many = encoded(tokenizer, texts, hidden=share)
    labels, special = (np.concatenate(column) for column in (MASKED.vary(many, 7)["labels"], many["special"]))
    assert (labels != IGNORED).sum() / (special == 0).sum() == pytest.approx(share, rel=0.05)
    read = MASKED.vary(many, 7)["input_ids"]
    masked = (np.concatenate(read) == tokenizer.mask_token_id).sum()
    assert masked / (labels != IGNORED).sum() == pytest.approx(0.8, abs=0.03)  # whatever the share


def test_the_cache_tells_shares_apart(tokenizer, text):
    rows = load_rows(tasks.get("wikipedia"), "sw", "dev", str(text))
    shares = [DataSettings().hidden, 0.5, 0.15]
    many = [encode_rows(rows, encoding_for(rows.task, tokenizer, DataSettings(hidden=share), 64)) for share in shares]
    assert [set(some.examples["hidden"]) for some in many] == [{0.15}, {0.5}, {0.15}]
    counts = [MASKED.targets(some.take(np.arange(len(some)))) for some in many]
    assert counts[1] > 2.5 * counts[0]
    assert counts[0] == counts[2]


def test_the_share_is_a_setting_of_the_training(with_head, settings, tmp_path, monkeypatch):
    seen: set[float] = set()
    real = type(MASKED).vary
    monkeypatch.setattr(
        type(MASKED), "vary", lambda self, some, draw: [seen.update(some["hidden"]), real(self, some, draw)][1]
    )
    run = continue_mlm(out=tmp_path / "run", base=str(with_head), settings={**settings, "data.hidden": 0.4})
    assert seen == {0.4}
    assert run.record.config["data"]["hidden"] == 0.4
    for share in (0, 1, "much"):
        with pytest.raises(UserError, match=f"data.hidden = {share!r}"):
            continue_mlm(out=tmp_path / "no", base=str(with_head), settings={**settings, "data.hidden": share})
    assert not (tmp_path / "no").exists()


def test_a_long_text_loses_nothing_and_parallel_texts_share_an_input(tokenizer):
    long = "the cat sees the dog in the garden " * 20
    windows = encoded(tokenizer, [long, "a cat"], 16)
    assert windows["row"].count(0) > 5
    assert windows["part"][: windows["row"].count(0)] == list(range(windows["row"].count(0)))
    joined = [i for ids, row in zip(windows["input_ids"], windows["row"], strict=True) if row == 0 for i in ids[1:-1]]
    assert joined == tokenizer(long, add_special_tokens=False)["input_ids"]
    pair = encoded(tokenizer, ["the cat"], parallel=["die Katze"])
    assert pair["input_ids"][0] == tokenizer("the cat", "die Katze")["input_ids"]


def test_the_head_guesses_as_transformers_own_does(tokenizer, with_head):
    base = find_base(str(with_head))
    model = TransferModel(load_encoder(base))
    model.add_head("text", MASKED, 0, seed=0)
    model.heads["text"].load_state_dict(load_lm_head(base))
    model.eval()
    theirs = XLMRobertaForMaskedLM.from_pretrained(with_head).eval()
    examples = MASKED.vary(encoded(tokenizer, ["the cat sees the dog", "a house"]), 3)
    batch = MASKED.collate(examples, tokenizer.pad_token_id)
    tokens = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        ours = model("text", batch)
        whole = theirs(**tokens).logits
        torch.testing.assert_close(ours, whole[batch["labels"] != IGNORED], rtol=1e-5, atol=1e-5)
        expected = theirs(**tokens, labels=batch["labels"]).loss
    assert MASKED.loss_sum(ours, batch) / MASKED.targets(examples) == pytest.approx(float(expected), rel=1e-5)
    counts, right, losses = zip(*MASKED.decode(ours, batch), strict=True)
    assert sum(counts) == MASKED.targets(examples)
    assert sum(losses) / sum(counts) == pytest.approx(float(expected), rel=1e-5)
    assert all(0 <= r <= n for r, n in zip(right, counts, strict=True))


def test_the_bases_own_head_is_frozen_under_a_lora_and_trained_by_full(with_head, settings, tmp_path):
    own = load_lm_head(find_base(str(with_head)))
    lora = continue_mlm(out=tmp_path / "lora", base=str(with_head), settings=settings)
    full = continue_mlm(out=tmp_path / "full", base=str(with_head), method="full", settings=settings)
    frozen, trained = (load_file(run.path / "heads/wikipedia.safetensors") for run in (lora, full))
    assert all(torch.equal(frozen[name], tensor) for name, tensor in own.items())
    assert not any(torch.equal(trained[name], tensor) for name, tensor in own.items())
    assert lora.record.cost.trainable_params.heads == 0
    assert set(lora.record.data) == {f"wikipedia.{lang}-{split}" for lang in ("en", "sw") for split in ("train", "dev")}


def test_a_base_without_a_head_gets_a_fresh_one_and_it_is_said(base, settings, tmp_path, capsys):
    assert load_lm_head(find_base(str(base))) is None
    run = continue_mlm(out=tmp_path / "run", base=str(base), settings=settings)
    assert "has no LM head in its files" in capsys.readouterr().err
    assert run.record.cost.trainable_params.heads > 0


def test_the_loss_on_held_out_text_falls_in_every_language(with_head, settings, tmp_path):
    before = continue_mlm(out=tmp_path / "still", base=str(with_head), method="full",
                          settings={**settings, "train.learning_rate": 1e-30})  # fmt: skip
    long = {**settings, "train.max_steps": 160, "train.eval_every": 160, "train.batch_size": 32}
    after = continue_mlm(out=tmp_path / "run", base=str(with_head), method="full", settings=long)
    where = {"resources.mirror": settings["resources.mirror"]}
    first, second = (evaluate(run, "wikipedia", split="dev", settings=where)[0].metrics for run in (before, after))
    for language in ("en", "sw"):
        assert second["languages"][language]["loss"] < 0.95 * first["languages"][language]["loss"]


def test_a_language_counts_by_its_rows_to_a_power():
    sizes, tasks = {"w.en": 900, "w.sw": 100, "snli": 500}, {"w.en": "w", "w.sw": "w", "snli": "snli"}
    even = proportional(sizes, tasks, TrainSettings(language_exponent=0.5, examples_cap=None), 0)
    assert dict(zip(even.names, even.weights, strict=True)) == pytest.approx(
        {"w.en": 0.5, "w.sw": 1 / 6, "snli": 1 / 3}
    )
    plain = proportional(sizes, tasks, TrainSettings(language_exponent=1, examples_cap=500), 0)
    assert plain.weights == pytest.approx((0.45, 0.05, 0.5))


def test_an_interrupted_run_ends_bit_by_bit_like_an_undisturbed_one(with_head, settings, tmp_path, monkeypatch):
    arguments = {"base": str(with_head), "settings": {**settings, "train.save_every": 2}}
    whole = continue_mlm(out=tmp_path / "whole", **arguments)
    real = loop.optimiser_step

    def stopped(member, runtime):
        result = real(member, runtime)
        if member.progress.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(loop, "optimiser_step", stopped)
        with pytest.raises(Interrupted):
            continue_mlm(out=tmp_path / "broken", **arguments)
    again = continue_mlm(out=tmp_path / "broken", **arguments)
    for name in ("adapter/adapter_model.safetensors", "log.jsonl"):
        assert (again.path / name).read_bytes() == (whole.path / name).read_bytes()
    steps = [json.loads(line) for line in (whole.path / "log.jsonl").read_text().splitlines()]
    assert {entry["task"] for entry in steps if "task" in entry} <= {"wikipedia.en", "wikipedia.sw"}


def test_one_language_may_be_chosen_and_other_tasks_are_no_text(with_head, settings, tmp_path):
    run = continue_mlm(out=tmp_path / "run", base=str(with_head), settings={**settings, "data.languages": "sw"})
    assert set(run.record.data) == {"wikipedia.sw-train", "wikipedia.sw-dev"}
    with pytest.raises(UserError, match=r"has no language 'xx'"):
        continue_mlm(out=tmp_path / "no", base=str(with_head), settings={**settings, "data.languages": "xx"})
    with pytest.raises(UserError, match="snli is no text for masked language modelling"):
        continue_mlm("snli", out=tmp_path / "no", base=str(with_head), settings=settings)
    assert not (tmp_path / "no").exists()


def test_every_step_and_every_seed_hides_other_tokens(with_head, settings, tmp_path, monkeypatch):
    draws: dict[int, list[int]] = {0: [], 1: []}
    real = type(MASKED).vary
    for seed, seen in draws.items():
        with monkeypatch.context() as patch:
            patch.setattr(
                type(MASKED), "vary", lambda self, some, draw, seen=seen: [seen.append(draw), real(self, some, draw)][1]
            )
            continue_mlm(out=tmp_path / str(seed), base=str(with_head), settings={**settings, "seed": seed})
    taken = [{draw for draw in seen if draw} for seen in draws.values()]
    assert [len(one) for one in taken] == [6, 6]  # six steps; 0 is the draw of every look at the dev rows
    assert not taken[0] & taken[1]
    assert 0 in draws[0]


def test_each_language_is_trained_on_its_own_rows(with_head, settings, tmp_path):
    run = continue_mlm(out=tmp_path / "run", base=str(with_head), settings=settings)
    places = {label: origin["config"] for label, origin in run.record.data.items()}
    assert places == {
        f"wikipedia.{code}-{split}": f"20231101.{code}" for code in ("en", "sw") for split in ("train", "dev")
    }


def test_berts_head_is_found_under_its_own_names(tokenizer, tmp_path):
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
    theirs = BertForMaskedLM(config)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter)
    theirs.save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    found = load_lm_head(find_base(str(tmp_path / "bert")))
    head = theirs.cls.predictions
    assert torch.equal(found["dense.weight"], head.transform.dense.weight)
    assert torch.equal(found["layer_norm.weight"], head.transform.LayerNorm.weight)
    assert torch.equal(found["layer_norm.bias"], head.transform.LayerNorm.bias)
    assert torch.equal(found["bias"], head.bias)


def test_scores_are_means_over_hidden_tokens_and_windows_keep_their_own():
    scores = metrics.get("masked_tokens").score(["", ""], [[4.0, 3.0, 2.0], [4.0, 1.0, 6.0]])
    assert scores == pytest.approx({"accuracy": 50.0, "loss": 1.0, "perplexity": np.e})
    labels = torch.tensor([[IGNORED, 2, 1], [3, IGNORED, IGNORED]])
    logits = torch.eye(4)[torch.tensor([2, 1, 0])] * 50  # the first window is guessed, the second is not
    (n, right, loss), (m, wrong, other) = MASKED.decode(logits, {"labels": labels})
    assert (n, right, m, wrong) == (2, 2, 1, 0)
    assert loss < 1e-6 < other
