"""Probe inputs: made-up tokens that an export and what it was made of must answer alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from adapterstilts.base import load_tokenizer, positions
from adapterstilts.errors import UserError
from adapterstilts.exchange.source import Source
from adapterstilts.formats.tagging import IGNORED

if TYPE_CHECKING:
    from torch import Tensor

# Of the largest number, in fp32: what is merged into a weight is summed up in another order than what stands beside it.
ALLOWED = 1e-4
LEAST = 0.1  # a head's numbers may nearly cancel out, which their rounding does not
_TEXTS, _LONGEST, _CHOICES = 4, 24, 2


def probe(source: Source) -> dict[str, Tensor]:
    """Return four texts of random tokens and several lengths (texts, longest), the same ones every time."""
    import torch

    tokenizer = load_tokenizer(source.files)
    draw = torch.Generator().manual_seed(0)
    longest = min(_LONGEST, positions(source.files))
    ids = torch.randint(len(tokenizer), (_TEXTS, longest), generator=draw)
    ids[ids == tokenizer.pad_token_id] = tokenizer.sep_token_id
    ids[:, 0] = tokenizer.cls_token_id
    mask = torch.ones_like(ids)
    for text in range(1, _TEXTS):
        mask[text, longest - text * longest // (2 * _TEXTS) :] = 0
    ids[mask == 0] = tokenizer.pad_token_id
    return {"input_ids": ids, "attention_mask": mask}


def expected(source: Source) -> Tensor:
    """Return what the source answers: its head's logits, or without one the encoder's states, of real tokens."""
    import torch

    batch, model = probe(source), source.model()
    real = batch["attention_mask"].bool()
    with torch.no_grad():
        if source.head is None:
            states: Tensor = model.encoder(**batch).last_hidden_state
            return states[real]
        labels = torch.where(real, batch["input_ids"], IGNORED)  # of masked LM: every real token is asked for
        logits = model(source.head.name, {**batch, "labels": labels})
        answer: Tensor = logits[real] if logits.ndim == 3 else logits
    return answer


def answered(source: Source, model: Any) -> Tensor:
    """Return what a model of transformers answers to the same texts, in the order of `expected`."""
    import torch

    batch = probe(source)
    real = batch["attention_mask"].bool()
    kind = source.head.record.format if source.head else ""
    if kind == "multiple_choice":
        batch = {name: tensor.view(-1, _CHOICES, tensor.shape[1]) for name, tensor in batch.items()}
    with torch.no_grad():
        found = model.eval()(**batch)
    if kind == "":
        states: Tensor = found.last_hidden_state[real]
        return states
    if kind == "span":
        both: Tensor = torch.stack([found.start_logits, found.end_logits], -1)[real]
        return both
    logits: Tensor = found.logits
    if kind == "multiple_choice":
        logits = logits.view(-1, 1)
    return logits[real] if logits.ndim == 3 else logits


def relative(found: Tensor, wanted: Tensor) -> float:
    """Return the largest difference of two answers over the largest number of `wanted`, LEAST at least."""
    size = max(float(wanted.abs().max()), LEAST)
    return float((found.float() - wanted.float()).abs().max()) / size if found.shape == wanted.shape else math.inf


def compare(found: Tensor, wanted: Tensor, loader: str) -> Mapping[str, Any]:
    """Return how far two answers lie apart, as `relative` measures it; a UserError above what is allowed."""
    away = relative(found, wanted)
    if not away <= ALLOWED:
        raise UserError(
            f"the exported folder, loaded by {loader}, answers otherwise than what it was made of ({away:.3g} away)",
            where=f"allowed is {ALLOWED:.0e} of the largest number; nothing was kept",
            fix="this is a fault of the export, or files changed while it ran: try again, and report it",
        )
    return {"loader": loader, "largest": away, "allowed": ALLOWED}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from warning of a fresh head, which is replaced right after."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
