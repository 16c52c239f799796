"""A base of random weights: the real architecture at any size, with a real tokenizer beside it.

For tests, for measuring speed at XLM-R Large's shapes, and as the start of a pretraining from nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from adapterstilts.errors import UserError
from adapterstilts.store.atomic import new_folder

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "sentencepiece.bpe.model",
)


class Shape(NamedTuple):
    """The shape of an XLM-R encoder, whose inner layer is 4 x hidden, as in XLM-R.

    `heads`: None means of 64 units each, as in XLM-R. `dropout` is that of states,
    `attention_dropout` that of attention. `spread`: the standard deviation of first weights, also of those that heads
    for tasks begin with.
    """

    layers: int = 6
    hidden: int = 256
    positions: int = 514
    heads: int | None = None
    dropout: float = 0.1
    attention_dropout: float = 0.1
    spread: float = 0.02


def random_base(tokenizer: str | Path, out: str | Path, *, shape: Shape | None = None, seed: int = 0) -> Path:
    """Write an XLM-R folder with random weights and the tokenizer of folder `tokenizer`; return it.

    `shape`: None means 6 layers of 256 units. Equal seeds give equal weights. Raises UserError for a folder
    without tokenizer.json, a width that is no multiple of 64, or an `out` that exists.
    """
    source, folder, shape = Path(tokenizer), Path(out), shape or Shape()
    if not (source / "tokenizer.json").is_file():
        raise UserError(f"{source} has no tokenizer.json", fix="give the folder of a fast tokenizer")
    if shape.hidden % 64 or shape.hidden < 64 or shape.layers < 1 or shape.hidden % (shape.heads or 1):
        raise UserError(f"no XLM-R has {shape.layers} layers of {shape.hidden} units", fix="use a multiple of 64 units")
    if folder.exists():
        raise UserError(f"{folder} is there already", fix="choose another --out")
    with new_folder(folder) as temporary:
        for name in TOKENIZER_FILES:
            if (source / name).is_file():
                shutil.copyfile(source / name, temporary / name)
        _write_encoder(temporary, shape, seed)
    return folder


def _write_encoder(folder: Path, shape: Shape, seed: int) -> None:
    import torch
    from transformers import AutoTokenizer, XLMRobertaConfig, XLMRobertaModel

    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads or shape.hidden // 64,
        intermediate_size=4 * shape.hidden,
        max_position_embeddings=shape.positions,
        hidden_dropout_prob=shape.dropout,
        attention_probs_dropout_prob=shape.attention_dropout,
        initializer_range=shape.spread,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = XLMRobertaModel(config, add_pooling_layer=False)
    encoder.save_pretrained(folder)
