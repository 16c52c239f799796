"""A small vocabulary of XLM-R's kind, learned from given texts: what a base of our own reads with."""

from __future__ import annotations

import itertools
import json
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from adapterstilts.errors import UserError
from adapterstilts.store.atomic import new_folder, write_json

_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3, as in XLM-R
_UNKNOWN_ID = 3
_MASK = "<mask>"  # the last id
_ROLES = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": _MASK,
}
_CONFIG = {
    # XLM-R's own class is not named: transformers 5 would build it anew from the pieces alone, without the normaliser.
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_input_names": ["input_ids", "attention_mask"],
    "model_max_length": 512,
    "clean_up_tokenization_spaces": False,
    **_ROLES,
}

Pieces = list[tuple[str, float]]


def write_tokenizer(texts: Iterable[str], out: Path, *, vocabulary: int = 1000) -> Path:
    """Learn at most `vocabulary` tokens from `texts` and write a folder for `AutoTokenizer`; return `out`.

    The same texts, in any order, give the same files. Raises UserError for a folder that exists, or a
    vocabulary too small for the characters of `texts`.
    """
    if out.exists():
        raise UserError(f"{out} is there already", fix="choose another folder")
    pieces = _learn(list(texts), vocabulary)
    with new_folder(out) as folder:
        _assemble(pieces).save(str(folder / "tokenizer.json"))
        write_json(folder / "tokenizer_config.json", _CONFIG)
        write_json(folder / "special_tokens_map.json", _ROLES)
    return out


def _learn(texts: list[str], vocabulary: int) -> Pieces:
    """Return the pieces of a Unigram vocabulary and their scores, special tokens first.

    The trainer proposes a string only where two different characters follow it, and the end of a word is none:
    most short words would never be one token. So it is shown every word before a comma and before a full stop.
    """
    from tokenizers import Tokenizer, models, trainers

    words = {word.rstrip(string.punctuation) for text in texts for word in text.split()}
    if not words:
        raise UserError("there is no text to learn a vocabulary from", fix="give at least one word")
    marked = (word + mark for word in words for mark in ",.")
    tokenizer = _with_text_steps(Tokenizer(models.Unigram()))
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary - 1, special_tokens=list(_SPECIAL), unk_token="<unk>", show_progress=False
    )
    try:
        tokenizer.train_from_iterator(itertools.chain(texts, marked), trainer)
    except Exception as error:  # tokenizers raises bare Exception
        if "not large enough" not in str(error):
            raise
        raise UserError(f"{vocabulary} tokens cannot spell the texts: {error}", fix="ask for more") from None
    return _settled([(piece, score) for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"]])


def _settled(pieces: Pieces) -> Pieces:
    """Undo what differs between two trainings on the same texts, the order and the last digits of the scores.

    The trainer hands the lowest score, and 0.0001 more to the next, to characters that its model has
    no place for, in the order of a hash table: they share the lowest score here.
    """
    learned = pieces[len(_SPECIAL) :]
    characters = [score for piece, score in learned if len(piece) == 1]
    lowest = min(characters)
    rare = lowest + 1e-4 * len(characters)
    scores = {piece: lowest if len(piece) == 1 and score < rare else score for piece, score in learned}
    rounded = sorted((-round(score, 4), piece) for piece, score in scores.items())
    return [(token, 0.0) for token in _SPECIAL] + [(piece, -score) for score, piece in rounded]


def _assemble(pieces: Pieces) -> Any:
    """Return the tokenizer, with the layout `<s> A </s>` or `<s> A </s></s> B </s>` written into it."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, processors

    tokenizer = _with_text_steps(Tokenizer(models.Unigram([*pieces, (_MASK, 0.0)], unk_id=_UNKNOWN_ID)))
    special = [AddedToken(token, special=True, normalized=False) for token in _SPECIAL]
    tokenizer.add_special_tokens([*special, AddedToken(_MASK, special=True, normalized=False, lstrip=True)])
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def _with_text_steps(tokenizer: Any) -> Any:
    from tokenizers import normalizers, pre_tokenizers

    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    return tokenizer
