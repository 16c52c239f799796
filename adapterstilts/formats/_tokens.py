"""Token columns in the cache, and padding: what all formats share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterstilts.formats import Encoding

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

_TOKEN_COLUMNS = ("input_ids", "token_type_ids")


def token_columns(tokenizer: Any) -> dict[str, pa.DataType]:
    """Return the cached columns that every format has; BERT's segment ids only where they are used."""
    import pyarrow as pa

    used = [name for name in _TOKEN_COLUMNS if name == "input_ids" or name in tokenizer.model_input_names]
    counters = {"length": pa.int32(), "row": pa.int64(), "part": pa.int32()}
    return {**dict.fromkeys(used, pa.list_(pa.int32())), **counters}


def encode_texts(encoding: Encoding, *texts: Sequence[str]) -> dict[str, Any]:
    """Return the token columns of texts, or of texts and their partners, each cut to the window, and their `length`."""
    tokens = encoding.tokenizer(*texts, truncation=True, max_length=encoding.max_length)
    columns = {name: tokens[name] for name in tokens if name != "attention_mask"}
    return {**columns, "length": [len(ids) for ids in columns["input_ids"]]}


def pad_tokens(examples: Mapping[str, Sequence[Any]], pad_id: int) -> dict[str, Tensor]:
    """Return input_ids (and attention_mask, token_type_ids), each (examples, longest).

    Where nothing is padded there is no mask: attention is cheaper without one.
    """
    import torch

    ids = pad_lists(examples["input_ids"], pad_id)
    batch = {"input_ids": ids}
    lengths = torch.tensor([len(tokens) for tokens in examples["input_ids"]])
    if int(lengths.min()) < ids.shape[1]:
        batch["attention_mask"] = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    if "token_type_ids" in examples:
        batch["token_type_ids"] = pad_lists(examples["token_type_ids"], 0)
    return batch


def pad_lists(lists: Sequence[Sequence[int]], fill: int) -> Tensor:
    """Return one int64 tensor (lists, longest), filled up on the right."""
    import numpy as np
    import torch

    padded = np.full((len(lists), max(len(values) for values in lists)), fill, dtype=np.int64)
    for line, values in zip(padded, lists, strict=True):
        line[: len(values)] = values
    return torch.from_numpy(padded)
