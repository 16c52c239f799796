"""A folder of peft: one plain LoRA, for the bare encoder or, with a head, for the matching task class."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapterstilts.base import load_encoder, load_lm_head
from adapterstilts.compose._settings import CONFIG, read_object
from adapterstilts.compose.peft_folder import WEIGHTS, lora_tensors, peft_config, write_peft
from adapterstilts.errors import UserError
from adapterstilts.exchange.classes import auto_class, class_name, head_tensors, labels_of, prefix, task_class
from adapterstilts.exchange.probes import answered, compare, expected, quiet
from adapterstilts.exchange.source import Heads, Source
from adapterstilts.methods._proof import prove_equal
from adapterstilts.store.atomic import write_json


class Peft:
    """Small, and trained on by peft itself; a stack becomes one LoRA, its members' factors side by side."""

    summary = "one LoRA folder; with --head for the task class, the head in modules_to_save"
    library = "peft"
    heads: Heads = "optional"

    def must_hold(self, source: Source) -> None:
        """Refuse what is no LoRA, and a masked-LM head that is not the base's own."""
        if not source.kinds:
            raise UserError(f"{source.member.path} has a whole encoder and no adapter", fix="export --to transformers")
        if "bottleneck" in source.kinds:
            raise UserError(
                f"{source.member.path} has a bottleneck, which peft does not know", fix="export --to adapters"
            )
        if source.head and source.head.record.format == "masked_lm" and not _is_of_base(source):
            raise UserError(
                "the LM head was trained, and peft would store the vocabulary's embeddings with it",
                fix="export --to transformers",
            )

    def write(self, source: Source, folder: Path) -> None:
        """Copy the run's own folder, or write one LoRA of scale 1."""
        if source.head:
            return _write_in_class(source, folder)
        if source.run and len(source.member.modules) == 1:
            own = source.member.modules[0].folder
            shutil.copyfile(own / WEIGHTS, folder / WEIGHTS)
            config = {**read_object(own / CONFIG), "base_model_name_or_path": source.base.name}
            return write_json(folder / CONFIG, config)
        return write_peft(folder, source.updates, source.base.name)

    def check(self, source: Source, folder: Path) -> Mapping[str, Any]:
        """Load it by peft, onto the encoder or the task class."""
        import peft
        import torch

        if source.head:
            with quiet():
                # transformers 5 would else take a base that is kept in half precision as it is kept
                made = {"dtype": torch.float32, **labels_of(source.head)}
                model = auto_class(source.head).from_pretrained(source.files.folder, **made)
        else:
            model = load_encoder(source.files)
        wanted = expected(source)
        loaded = peft.PeftModel.from_pretrained(model, str(folder))
        what = "logits" if source.head else "hidden states"
        return {"compared": what, **compare(answered(source, loaded), wanted, "PeftModel")}

    def usage(self, source: Source) -> str:
        """Return the lines that load it; a task class must be told how many labels there are."""
        name = auto_class(source.head).__name__
        labels = len(source.head.record.labels) if source.head else 0
        outputs = labels_of(source.head).get("num_labels", labels) if source.head else 0
        told = f", num_labels={outputs}" if outputs not in (0, 2) else ""
        return (
            f"from peft import PeftModel\nfrom transformers import {name}\n\n"
            f'base = {name}.from_pretrained("BASE"{told})\n'
            'model = PeftModel.from_pretrained(base, "DIR")'
        )


def _write_in_class(source: Source, folder: Path) -> None:
    """Write a LoRA under the names of the task class, with the head's tensors beside it."""
    import torch
    from safetensors.torch import save_file

    assert source.head
    start = prefix(source.config)
    factors = lora_tensors(source.updates, f"base_model.model.{start}{{}}.lora_{{}}.weight".format)
    tensors = {name: torch.from_numpy(factor) for name, factor in factors.items()}
    kept: list[str] = []
    if source.head.record.format != "masked_lm":  # the base's own, which the class brings
        head = head_tensors(source.head, source.config)
        tensors |= {f"base_model.model.{name}": tensor for name, tensor in head.items()}
        kept = sorted({name.removeprefix(start).split(".")[0] for name in head})
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    prove_equal([folder / WEIGHTS], tensors, "writing the export")
    name = class_name(source.head, source.config)
    changes = {
        "task_type": task_class(source.head).peft_type or None,
        "modules_to_save": kept or None,
        "auto_mapping": {
            "base_model_class": name,
            "parent_library": f"transformers.models.{_room(source.config)}.modeling_{_room(source.config)}",
        },
    }
    write_json(folder / CONFIG, {**peft_config(source.updates, source.base.name), **changes})


def _room(config: Any) -> str:
    return str(config.model_type).replace("-", "_")


def _is_of_base(source: Source) -> bool:
    import torch

    assert source.head
    own, bases = source.head.weights(), load_lm_head(source.files)
    return bases is not None and all(torch.equal(own[name], tensor) for name, tensor in bases.items())


TARGET = Peft()
