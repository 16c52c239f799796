"""Retrieval: mean states of a layer, exact neighbours in bounded memory, with and without a trained module."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from adapterstilts.base import find_base, load_encoder, load_tokenizer
from adapterstilts.data.cache import encode_rows
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate, evaluate_base
from adapterstilts.evaluation.retrieval import choose_layers, embed, nearest
from adapterstilts.formats import Encoding
from adapterstilts.interrupt import StopRequest
from adapterstilts.mini.random_base import Shape, random_base
from adapterstilts.model import Runtime
from adapterstilts.report.compare import compare
from adapterstilts.report.scores import score_tables
from adapterstilts.tasks import tasks
from adapterstilts.train.command import train_intermediate, train_target

CPU = Runtime(torch.device("cpu"), "fp32", 512)
TATOEBA = tasks.get("tatoeba")


@pytest.fixture(scope="module")
def encoded(mirror, base):
    rows = load_rows(TATOEBA, "de", "test", str(mirror))
    return encode_rows(rows, Encoding(load_tokenizer(find_base(str(base))), 64))


@pytest.fixture(scope="module")
def encoder(base):
    return load_encoder(find_base(str(base))).eval()


@pytest.fixture(scope="module")
def settings(mirror):
    return {"resources.mirror": str(mirror), "precision": "fp32"}


def dense_search(queries, index):
    """Every cosine at once, in float64."""
    queries, index = (
        v.astype(np.float64) / np.linalg.norm(v.astype(np.float64), axis=1)[:, None] for v in (queries, index)
    )
    return (queries @ index.T).argmax(1)


@pytest.mark.parametrize("block", [1, 7, 64, 4096])
def test_neighbours_in_blocks_are_those_of_one_dense_product(block):
    generator = np.random.default_rng(0)
    queries, index = generator.normal(size=(101, 16)), generator.normal(size=(77, 16))
    rows, cosines = nearest(queries.astype(np.float32), index.astype(np.float32), block)
    assert rows.tolist() == dense_search(queries, index).tolist()
    assert cosines.max() <= 1 + 1e-6
    own, same = nearest(index.astype(np.float32), index.astype(np.float32), block)
    assert own.tolist() == list(range(77))
    assert same == pytest.approx(1, abs=1e-6)


def test_length_does_not_matter_and_of_equals_the_first_wins():
    index = np.array([[1, 0], [0, 1], [2, 0]], np.float32)
    rows, _ = nearest(np.array([[5, 0.1], [0.1, 9]], np.float32), index, 2)
    assert rows.tolist() == [0, 1]


def test_vectors_are_mean_states_over_all_tokens(encoded, base):
    """Sentence by sentence, without padding, from transformers' own hidden states."""
    model, tokenizer = (
        AutoModel.from_pretrained(base, add_pooling_layer=False).eval(),
        AutoTokenizer.from_pretrained(base),
    )
    vectors = embed(load_encoder(find_base(str(base))).eval(), encoded, [0, 1, 2], CPU, StopRequest())
    for index in range(0, len(encoded), 5):
        example = encoded.take(np.array([index]))
        text = encoded.rows.table["document" if example["part"][0] else "query"][example["row"][0]].strip()
        tokens = tokenizer(text, return_tensors="pt")
        assert tokens["input_ids"][0].tolist() == example["input_ids"][0]
        with torch.inference_mode():
            states = model(**tokens, output_hidden_states=True).hidden_states
        for layer in (0, 1, 2):
            expected = states[layer][0].mean(0).numpy()
            np.testing.assert_allclose(vectors[layer][index], expected, rtol=1e-4, atol=1e-5)


def test_a_low_layer_is_the_same_when_the_blocks_above_it_are_not_run(encoded, encoder):
    cut, whole = (embed(encoder, encoded, layers, CPU, StopRequest()) for layers in ([1], [0, 1, 2]))
    assert np.array_equal(cut[1], whole[1])
    assert np.array_equal(embed(encoder, encoded, [0], CPU, StopRequest())[0], whole[0])
    assert not encoder.encoder.layer[0]._forward_hooks
    assert len(encoder.encoder.layer) == 2  # all blocks are back in place


def test_layers_are_chosen_and_named(encoder):
    assert choose_layers(encoder, None) == [1]
    assert choose_layers(encoder, "sweep") == [0, 1, 2]
    encoder.config.num_hidden_layers = 24
    try:
        assert choose_layers(encoder, None) == [14]  # jiant and XTREME
    finally:
        encoder.config.num_hidden_layers = 2
    with pytest.raises(UserError, match=r"there is no layer 3\n.*0 \(embeddings\) to 2"):
        choose_layers(encoder, 3)


def test_an_untrained_base_is_scored_by_layer_and_compared_with_a_run(base, settings, tmp_path, capsys):
    found = evaluate_base(str(base), "tatoeba", out=tmp_path / "base", layer="sweep", settings=settings)
    assert [one.path.name for one in found] == [f"tatoeba-test-layer{layer}" for layer in range(3)]
    on_disk = json.loads((found[1].path / "metrics.json").read_text())
    assert on_disk == found[1].metrics
    assert on_disk["layer"] == 1
    assert "en" not in on_disk["languages"]
    again = evaluate_base(str(base), "tatoeba", out=tmp_path / "base", layer="sweep", settings=settings)
    assert "kept from an earlier command" in capsys.readouterr().err
    assert [one.metrics for one in again] == [one.metrics for one in found]
    run = train_intermediate("snli", out=tmp_path / "run", base=str(base),
                             settings={**settings, "train.max_steps": 3, "train.learning_rate": 0.05})  # fmt: skip
    trained = evaluate(run, "tatoeba", layer="sweep", settings=settings)
    assert trained[0].metrics["languages"] == found[0].metrics["languages"]  # the embeddings are frozen
    evaluate(run, "snli", split="dev", settings=settings)
    comparison = compare([tmp_path / "base", run])
    snli, tatoeba, *_ = sorted(comparison.tables(), key=lambda table: table.title)
    assert tatoeba.headings == ["", "layer 0", "layer 1", "layer 2"]
    assert snli.headings == ["", "avg", "en"]
    layers = {line["layer"] for line in json.loads(json.dumps(comparison.as_json()))["scores"]}
    assert layers == {None, 0, 1, 2}
    [sweep] = score_tables(trained)
    assert [row[0] for row in sweep.rows] == ["0", "1", "2"]


def test_scores_are_those_of_a_dense_search(base, settings, mirror, tmp_path, encoder):
    [found] = evaluate_base(str(base), "tatoeba", out=tmp_path / "base", layer=2, settings=settings)
    encoding = Encoding(load_tokenizer(find_base(str(base))), 256)
    for language, scores in found.metrics["languages"].items():
        encoded = encode_rows(load_rows(TATOEBA, language, "test", str(mirror)), encoding)
        vectors = embed(encoder, encoded, [2], CPU, StopRequest())[2]
        part = np.asarray(encoded.examples["part"][:])
        hits = dense_search(vectors[part == 0], vectors[part == 1]) == np.arange(len(encoded.rows))
        assert scores["accuracy"] == pytest.approx(100 * hits.mean())


def test_a_sweep_finds_in_each_layer_what_a_search_in_that_layer_alone_finds(base, settings, tmp_path):
    """Also where one of the layers was there before: it is kept, and the others are not taken for it."""
    asked = {"languages": ["de"], "settings": settings}
    alone = [evaluate_base(str(base), "tatoeba", out=tmp_path / f"{layer}", layer=layer, **asked) for layer in range(3)]
    swept = evaluate_base(str(base), "tatoeba", out=tmp_path / "1", layer="sweep", **asked)
    cosines = []
    for layer, ([one], other) in enumerate(zip(alone, swept, strict=True)):
        assert one.metrics["layer"] == other.metrics["layer"] == layer
        mine, theirs = (pq.read_table(found.path / "predictions/de.parquet") for found in (one, other))
        assert mine["prediction"].equals(theirs["prediction"])
        np.testing.assert_allclose(mine["score"].to_numpy(), theirs["score"].to_numpy(), rtol=1e-5)
        cosines.append(mine["score"].to_numpy())
    assert not np.allclose(cosines[0], cosines[1], rtol=1e-4)
    assert not np.allclose(cosines[1], cosines[2], rtol=1e-4)


def test_another_base_does_not_take_over_the_scores_of_the_first(base, settings, tmp_path, tokenizer_folder):
    other = random_base(tokenizer_folder, tmp_path / "other", shape=Shape(2, 64, 258), seed=1)
    evaluate_base(str(base), "tatoeba", out=tmp_path / "out", languages=["de"], settings=settings)
    with pytest.raises(UserError, match="holds something else"):
        evaluate_base(str(other), "tatoeba", out=tmp_path / "out", languages=["de"], settings=settings)


def test_what_has_no_meaning_is_refused(base, settings, tmp_path, mirror):
    with pytest.raises(UserError, match="nothing to learn"):
        train_target("tatoeba", out=tmp_path / "out", base=str(base), settings=settings)
    with pytest.raises(UserError, match="needs a trained head, and a base has none"):
        evaluate_base(str(base), "xnli", out=tmp_path / "out", settings=settings)
    assert not (tmp_path / "out").exists()
    run = train_intermediate("snli", out=tmp_path / "run", base=str(base), settings={**settings, "train.max_steps": 1})
    with pytest.raises(UserError, match="--layer is for retrieval"):
        evaluate(run, "snli", layer=1, settings=settings)
    with pytest.raises(UserError, match="--head means nothing to tatoeba"):
        evaluate(run, "tatoeba", head="snli", settings=settings)
    with pytest.raises(UserError, match="holds something else"):
        evaluate_base(str(base), "tatoeba", out=run.path, settings=settings)
