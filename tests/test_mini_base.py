"""The embedded base: small, the same numbers under every supported version of transformers, and it has learned."""

from __future__ import annotations

import hashlib
import random

import pytest
import torch
from safetensors import safe_open

from adapterstilts.base import find_base, load_encoder, load_lm_head, load_tokenizer, positions
from adapterstilts.mini._makers import MAKERS, Source
from adapterstilts.mini.embedded import embedded_base
from adapterstilts.mini.languages import languages
from adapterstilts.mini.said import joined

FINGERPRINT = "cf42bc7bf831857b"
TOKENS = "ce0c26034c247616"  # a digest of the ids of SENTENCES
STATES = {
    "de": [0.6321, 0.7045, 0.0749, -0.4114],
    "en": [0.5409, 0.6696, 0.126, -0.5067],
    "es": [0.3726, 0.273, 0.5442, -1.0106],
    "hi": [0.4151, -0.026, 0.4936, -0.369],
    "ru": [0.1094, 0.576, 0.6755, -0.5258],
    "sw": [0.2329, 1.2916, -0.4542, -0.94],
    "tr": [0.6196, 0.6095, 0.087, -0.1601],
    "yo": [0.1345, 0.2043, -0.3866, -0.4316],
    "zh": [0.3252, 0.0711, 0.371, -0.4517],
}  # the first numbers of each sentence's mean state, last layer, fp32


def sentences(language, count, split="test"):
    source = Source(random.Random("sentences"), split)
    return [joined(MAKERS["tatoeba"](source, 0).texts[0], language) for _ in range(count)]


@pytest.fixture(scope="module")
def mini():
    base = find_base("mini")
    return base, load_encoder(base).eval(), load_tokenizer(base)


@torch.inference_mode()
def states(mini, texts):
    """Return the mean states of texts in every layer: (layers + 1, texts, hidden)."""
    _, encoder, tokenizer = mini
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    real = batch["attention_mask"][..., None].float()
    layers = encoder(**batch, output_hidden_states=True).hidden_states
    return torch.stack([(layer * real).sum(1) / real.sum(1) for layer in layers])


def test_it_is_half_precision_and_at_most_eight_megabytes():
    files = [file for file in embedded_base().iterdir() if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 8_000_000
    with safe_open(embedded_base() / "model.safetensors", framework="pt") as tensors:
        kinds = {tensors.get_slice(key).get_dtype() for key in sorted(tensors.keys())}
    assert kinds == {"F16"}


def test_every_version_of_transformers_reads_the_same_weights_and_tokens(mini):
    base, _, tokenizer = mini
    assert base.fingerprint == FINGERPRINT
    ids = [tokenizer(sentences(code, 5))["input_ids"] for code in languages.names()]
    assert hashlib.sha256(str(ids).encode()).hexdigest()[:16] == TOKENS
    assert positions(base) == 128


@pytest.mark.parametrize("language", languages.names())
def test_every_version_of_transformers_computes_the_same_states(mini, language):
    [mean] = states(mini, sentences(language, 1))[-1]
    assert mean[:4].tolist() == pytest.approx(STATES[language], abs=2e-4)


def test_it_guesses_hidden_words_by_their_translation(mini):
    """Of "The doctor ... . <the same in German, one word hidden>" the LM head guesses far more than by chance."""
    base, encoder, tokenizer = mini
    head = load_lm_head(base)
    assert head is not None
    right = 0
    pairs = list(zip(sentences("en", 40), sentences("de", 40), strict=True))
    for english, german in pairs:
        ids = tokenizer(f"{english} {german}", return_tensors="pt")["input_ids"]
        hidden = ids.shape[1] - 4  # inside the German sentence
        wanted, ids[0, hidden] = int(ids[0, hidden]), tokenizer.mask_token_id
        with torch.inference_mode():
            state = encoder(input_ids=ids).last_hidden_state[0, hidden]
            state = torch.nn.functional.gelu(head["dense.weight"] @ state + head["dense.bias"])
            state = torch.nn.functional.layer_norm(
                state, state.shape, head["layer_norm.weight"], head["layer_norm.bias"], 1e-5
            )
            guess = encoder.get_input_embeddings().weight @ state + head["bias"]
        right += int(guess.argmax()) == wanted
    assert right >= 24


@pytest.mark.parametrize("language", [code for code in languages.names() if code != "en"])
def test_translations_are_found_far_above_chance(mini, language):
    queries, documents = states(mini, sentences("en", 100)), states(mini, sentences(language, 100))
    right = torch.arange(100)
    found = [
        float(
            (torch.nn.functional.normalize(q, dim=-1) @ torch.nn.functional.normalize(d, dim=-1).T)
            .argmax(1)
            .eq(right)
            .float()
            .mean()
        )
        for q, d in zip(queries, documents, strict=True)
    ]
    assert max(found) >= 0.1  # chance: 0.01
