"""A folder of transformers: the encoder with all updates in its weights, and the head inside the matching class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapterstilts.base import load_tokenizer
from adapterstilts.errors import UserError
from adapterstilts.exchange.classes import auto_class, class_name, head_tensors, labels_of, prefix
from adapterstilts.exchange.probes import answered, compare, expected, quiet
from adapterstilts.exchange.source import Heads, Source
from adapterstilts.methods._proof import prove_equal

WEIGHTS = "model.safetensors"


class Transformers:
    """Nothing of ours or of an adapter library is needed to load it."""

    summary = "a plain model folder: updates merged into the base in fp32, head in the matching AutoModelFor class"
    library = "transformers"
    heads: Heads = "usual"

    def must_hold(self, source: Source) -> None:
        """Refuse a bottleneck."""
        if "bottleneck" in source.kinds:
            raise UserError(
                f"{source.member.path} has a bottleneck, which is no part of the encoder's weights and not linear: "
                "no class of transformers computes it",
                fix="export --to adapters, or train by lora or full",
            )

    def write(self, source: Source, folder: Path) -> None:
        """Write config, one file of fp32 weights and the fast tokenizer."""
        from safetensors.torch import save_file

        start = prefix(source.config) if source.head else ""
        tensors = {f"{start}{name}": tensor.contiguous() for name, tensor in source.merged().state_dict().items()}
        if source.head:
            tensors |= head_tensors(source.head, source.config)
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
        prove_equal([folder / WEIGHTS], tensors, "writing the export")
        _config(source).save_pretrained(folder)
        load_tokenizer(source.files).save_pretrained(folder, legacy_format=False)

    def check(self, source: Source, folder: Path) -> Mapping[str, Any]:
        """Load it by transformers alone; every tensor must have its place."""
        import torch

        kind = auto_class(source.head)
        more = {} if source.head else {"add_pooling_layer": False}
        with quiet():
            model, report = kind.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **more
            )
        problems = [*report["missing_keys"], *report["unexpected_keys"], *report["mismatched_keys"]]
        if problems:
            raise UserError(
                f"{kind.__name__} does not take {len(problems)} tensors of the export: {problems[0]}",
                fix="this is a fault of the export, please report it",
            )
        what = "logits" if source.head else "hidden states"
        return {"compared": what, **compare(answered(source, model), expected(source), kind.__name__)}

    def usage(self, source: Source) -> str:
        """Return the two lines that load it."""
        name = auto_class(source.head).__name__
        return (
            f"from transformers import AutoTokenizer, {name}\n\n"
            f'model = {name}.from_pretrained("DIR")\n'
            'tokenizer = AutoTokenizer.from_pretrained("DIR")'
        )


def _config(source: Source) -> Any:
    config = source.config
    config.architectures = [class_name(source.head, config)]
    config.dtype = "float32"
    for key, value in (labels_of(source.head) if source.head else {}).items():
        setattr(config, key, value)
    return config


TARGET = Transformers()
