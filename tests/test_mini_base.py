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

FINGERPRINT = "2e570744d6a2a055"
TOKENS = "ce0c26034c247616"  # a digest of the ids of SENTENCES
STATES = {
    "de": [0.2186, 1.267, 0.268, -0.4041],
    "en": [0.0818, 1.3116, 0.0055, -0.3744],
    "es": [-0.2394, 0.6162, 0.6326, -0.7019],
    "hi": [0.0311, 0.2946, 0.7267, -0.4148],
    "ru": [0.1095, 0.7303, 1.0109, -0.5266],
    "sw": [0.1114, 1.2879, -0.0465, -0.2575],
    "tr": [0.0753, 1.5715, 0.3175, -0.4239],
    "yo": [-0.0964, 0.442, 0.0285, -0.4205],
    "zh": [0.0984, 0.4088, 1.4825, -0.6586],
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
