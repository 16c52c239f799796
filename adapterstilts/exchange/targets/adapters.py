"""A folder of the adapters library: a bottleneck as it is, or LoRAs as one where that library has a place for them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapterstilts.base import load_encoder
from adapterstilts.compose._settings import read_object
from adapterstilts.compose.adapters_folder import read_adapters, write_adapters
from adapterstilts.compose.checks import SAVED
from adapterstilts.compose.updates import distance
from adapterstilts.errors import UserError
from adapterstilts.exchange.classes import class_name
from adapterstilts.exchange.probes import answered, compare, expected
from adapterstilts.exchange.source import Heads, Source
from adapterstilts.methods import bottleneck
from adapterstilts.store.atomic import write_json


class Adapters:
    """Written without the library; loaded by it where it is installed."""

    summary = "a bottleneck as it is; a LoRA of query, key, value, intermediate and output, its scale folded in"
    library = "adapter-transformers"
    heads: Heads = "none"

    def must_hold(self, source: Source) -> None:
        """Refuse a whole encoder, and several modules of which one is a bottleneck."""
        if not source.kinds:
            raise UserError(f"{source.member.path} has a whole encoder and no adapter", fix="export --to transformers")
        if "bottleneck" in source.kinds and len(source.kinds) > 1:
            raise UserError(
                f"{source.member.path} has {len(source.kinds)} modules ({' + '.join(source.kinds)}), and a folder of "
                "adapters holds one",
                fix="export the runs that it was made of, one by one, and put them into adapters' Stack",
            )

    def write(self, source: Source, folder: Path) -> None:
        """Copy a bottleneck's two files; write a LoRA with alpha = r."""
        if source.kinds == ["bottleneck"]:
            own = source.member.modules[0].folder
            shutil.copyfile(own / bottleneck.WEIGHTS, folder / bottleneck.WEIGHTS)
            config = {**read_object(own / bottleneck.CONFIG), "model_name": source.base.name}
            write_json(folder / bottleneck.CONFIG, config)
            return
        about = {
            "model_name": source.base.name,
            "model_type": source.config.model_type,
            "model_class": class_name(None, source.config),
            "hidden_size": source.config.hidden_size,
        }
        name = re.sub(r"\W", "_", source.member.name)  # it becomes a module's name, which may have no dot
        write_adapters(folder, source.updates, name, about)

    def check(self, source: Source, folder: Path) -> Mapping[str, Any]:
        """Load it by adapters onto the bare encoder; without the library, compare the tensors in the files."""
        if bottleneck.installed():
            loaded = bottleneck.with_folder(load_encoder(source.files), folder)
            figures = compare(answered(source, loaded), expected(source), "adapters")
            return {"compared": "hidden states", **figures}
        return {"compared": "tensors", "loader": "safetensors", **_tensors(source, folder)}

    def usage(self, source: Source) -> str:
        """Return the lines that load it."""
        return (
            "import adapters\nfrom transformers import AutoModel\n\n"
            'model = AutoModel.from_pretrained("BASE")\n'
            "adapters.init(model)\n"
            'model.load_adapter("DIR", use_safetensors=True, set_active=True)'
        )


def _tensors(source: Source, folder: Path) -> Mapping[str, float]:
    """Return how far what is in the files lies from the source: bytes of a copy, updates of what was written."""
    if source.kinds == ["bottleneck"]:
        files = [place / bottleneck.WEIGHTS for place in (folder, source.member.modules[0].folder)]
        same = files[0].read_bytes() == files[1].read_bytes()
        away, allowed = (0.0 if same else 1.0), 0.0
    else:
        found, allowed = read_adapters(folder).updates, SAVED
        away = max(distance(found[name], update).relative for name, update in source.updates.items())
    if not away <= allowed:
        raise UserError(f"the exported file lies {away:.3g} away from the adapter", fix="check the disk, and try again")
    return {"largest": away, "allowed": allowed}


TARGET = Adapters()
