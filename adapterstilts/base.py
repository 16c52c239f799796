"""The pretrained encoder: load it whole, know it by its digest, refuse what is not it.

A base is a Hub id or a folder with config.json, safetensors weights and a tokenizer. Only encoders of the
XLM-R, RoBERTa and BERT families are taken; weights in pickle files never are.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapterstilts.config.identity import canonical_json
from adapterstilts.errors import UserError
from adapterstilts.mini.embedded import MINI, embedded_base
from adapterstilts.store.places import remembered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

FAMILIES = ("xlm-roberta", "roberta", "bert")
_FILES = ("config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*", "sentencepiece*", "vocab*",
          "merges.txt", "special_tokens_map.json")  # fmt: skip
# What a network computes, as opposed to what transformers notes down about it.
_SHAPE_KEYS = (
    "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
    "max_position_embeddings", "type_vocab_size", "hidden_act", "layer_norm_eps", "pad_token_id",
)  # fmt: skip

_OF_ENCODER = re.compile(r"(^|\.)(encoder|embeddings)\.")
_NAMED = 8  # keys in a message

_PARTS = ("dense.weight", "dense.bias", "layer_norm.weight", "layer_norm.bias", "bias")
LM_HEADS = {  # where RoBERTa's family and BERT keep their LM head; the decoder is the word embeddings
    "lm_head.": {part: part for part in _PARTS},
    "cls.predictions.": {
        "transform.dense.weight": "dense.weight",
        "transform.dense.bias": "dense.bias",
        "transform.LayerNorm.weight": "layer_norm.weight",
        "transform.LayerNorm.bias": "layer_norm.bias",
        "bias": "bias",
    },
}


@dataclass(frozen=True)
class BaseFiles:
    """A base on this machine: how it was named, where it lies, what identifies it."""

    name: str
    folder: Path
    fingerprint: str


def find_base(name: str, *, online: bool = True) -> BaseFiles:
    """Find a base by Hub id, folder or the name `mini` and take its fingerprint (config and a digest of all weights).

    `online` False finds what is on this machine already.
    Raises UserError: no such folder or id, no network, another family, no safetensors weights.
    """
    folder = embedded_base() if name == MINI else Path(name)
    if not (folder / "config.json").is_file():
        if folder.is_dir() or name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise UserError(
                f"the base {name} is not a folder with a config.json", fix="give a Hub id or a model folder"
            )
        folder = _download(name, online)
    elif name != MINI:
        name = str(folder.resolve())  # so that the run finds its base from wherever it is used
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise UserError(
            f"the base {name} has no safetensors weights", fix="convert it; pickle weights are never loaded"
        )
    _config(name, folder)
    return BaseFiles(name, folder, remembered([folder / "config.json", *weights], lambda: _digest(name, folder)))


def load_encoder(base: BaseFiles) -> nn.Module:
    """Return the encoder in fp32, without pooler.

    Raises UserError, with their names, for weights that the files lack or hold in another shape, and for weights of an
    encoder that they hold and this one has no place for.
    """
    import torch
    from transformers import AutoModel

    encoder, report = AutoModel.from_pretrained(
        base.folder,
        add_pooling_layer=False,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are named below
    )
    _must_be_whole(base, report)
    module: nn.Module = encoder
    return module


def _must_be_whole(base: BaseFiles, report: Mapping[str, Any]) -> None:
    """Raise UserError unless the encoder's weights and those in the files are the same; heads may lie beside them."""
    mismatched = report["mismatched_keys"]  # transformers 5 gives their shapes as well
    shapes = {key if isinstance(key, str) else key[0] for key in mismatched}
    strange = {key for key in report["unexpected_keys"] if _OF_ENCODER.search(key)}
    problems = {
        "lacks {} weights of its encoder": set(report["missing_keys"]),
        "holds {} weights in another shape than its config.json says": shapes,
        "holds {} weights that its config.json has no place for": strange,
    }
    for what, keys in problems.items():
        if keys:
            named = ", ".join(sorted(keys)[:_NAMED]) + (", ..." if len(keys) > _NAMED else "")
            raise UserError(
                f"the base {base.name} {what.format(len(keys))}: {named}",
                fix="the files are damaged or not this family's; fetch them again",
            )


def load_lm_head(base: BaseFiles) -> dict[str, Tensor] | None:
    """Return the LM head that lies in the base's files, under the names of formats/_heads.py; None if there is none."""
    from safetensors import safe_open

    found: dict[str, Tensor] = {}
    for file in sorted(base.folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for key in sorted(tensors.keys()):
                for prefix, names in LM_HEADS.items():
                    name = names.get(key.removeprefix(prefix)) if key.startswith(prefix) else None
                    if name:
                        found[name] = tensors.get_tensor(key).float()
    return found if len(found) == len(LM_HEADS["lm_head."]) else None


def load_tokenizer(base: BaseFiles) -> Any:
    """Return the fast tokenizer that lies beside the base's weights."""
    from transformers import AutoTokenizer

    try:
        # transformers 4.57 takes any newer local model for a faulty Mistral tokenizer, and warns; ours are none
        tokenizer = AutoTokenizer.from_pretrained(base.folder, use_fast=True, fix_mistral_regex=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"the base {base.name} has no tokenizer that can be read", where=str(error).splitlines()[0][:200],
            fix="put tokenizer.json and tokenizer_config.json beside its config.json",
        ) from None  # fmt: skip
    probe = tokenizer("a")["input_ids"]
    if not tokenizer.is_fast or probe[0] != tokenizer.cls_token_id or probe[-1] != tokenizer.sep_token_id:
        raise UserError(
            f"the tokenizer of {base.name} does not put {tokenizer.cls_token} and {tokenizer.sep_token} around a text",
            fix="give it a tokenizer.json with its post-processor",
        )
    if len(tokenizer) > _config(base.name, base.folder).vocab_size:
        raise UserError(
            f"the tokenizer of {base.name} has {len(tokenizer)} tokens, more than its encoder",
            fix="put the encoder's own tokenizer beside it",
        )
    return tokenizer


def positions(base: BaseFiles) -> int:
    """Return the longest window, in tokens, that the base has position embeddings for."""
    config = _config(base.name, base.folder)
    offset = 0 if config.model_type == "bert" else config.pad_token_id + 1  # RoBERTa counts on from its padding
    return int(config.max_position_embeddings) - offset


def _config(name: str, folder: Path) -> Any:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder)
    if config.model_type not in FAMILIES:
        raise UserError(
            f"the base {name} is of the family {config.model_type!r}", fix=f"supported: {', '.join(FAMILIES)}"
        )
    return config


def _digest(name: str, folder: Path) -> str:
    """Digest the weights themselves, not the files: sharding and saving again change nothing."""
    encoder: Any = load_encoder(BaseFiles(name, folder, ""))
    config = encoder.config.to_dict()
    total = hashlib.sha256(canonical_json({key: config.get(key) for key in _SHAPE_KEYS}).encode())
    for key, tensor in sorted(encoder.named_parameters()):
        total.update(key.encode())
        total.update(tensor.detach().numpy().tobytes())
    return total.hexdigest()[:16]


def _download(name: str, online: bool) -> Path:
    import huggingface_hub

    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=list(_FILES), local_files_only=not online))
    except Exception as error:  # noqa: BLE001 - httpx, requests and hub errors share no base class
        raise UserError(
            f"cannot get the base {name!r} from the Hub ({type(error).__name__})",
            where=str(error).strip().splitlines()[0][:200] if str(error).strip() else "",
            fix="check the name and the network, or give the folder of a downloaded model: --base DIR",
        ) from None
