"""`pretrain`: a base from nothing, by a recipe: text of the embedded world, a vocabulary, random weights, masked LM."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from adapterstilts.base import find_base, load_encoder
from adapterstilts.config.recipe import flat, read_recipe
from adapterstilts.config.resolve import resolve
from adapterstilts.console import log
from adapterstilts.errors import UserError
from adapterstilts.methods import methods
from adapterstilts.mini.random_base import TOKENIZER_FILES, Shape, random_base
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.texts import texts_of
from adapterstilts.mini.tokenizer import write_tokenizer
from adapterstilts.store.atomic import new_folder, write_json
from adapterstilts.store.run import Run
from adapterstilts.train.command import continue_mlm


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Part):
    """How much text: the size of the mirror that it is read from (`mini/rows.py`)."""

    size: int = Field(ge=1)


class Vocabulary(_Part):
    """How many tokens at most."""

    vocabulary: int = Field(ge=100)


class Pretraining(_Part):
    """A pretraining: `settings` are those of continue-mlm."""

    seed: int = Field(0, ge=0)
    mirror: Text
    tokenizer: Vocabulary
    shape: Shape
    settings: dict[str, Any]


def pretrain(recipe: str, *, out: str | Path, work: str | Path) -> Path:
    """Pretrain a base by `recipe` and write it to `out`, a transformers folder in half precision; return `out`.

    `work` holds what it is made of, and lets an interrupted pretraining go on. Equal recipes give equal bases on
    the same kind of processor. Raises UserError for bad input, Interrupted after a signal.
    """
    out, work = Path(out), Path(work)
    if out.exists():
        raise UserError(f"{out} is there already", fix="choose another --out")
    wanted = read_recipe(recipe, Pretraining)
    _claim(work, wanted)
    mirror, tokenizer, base = work / "mirror", work / "tokenizer", work / "base"
    if not mirror.is_dir():
        log(f"text: {wanted.mirror.size} rows a language")
        write_rows(mirror, seed=wanted.seed, size=wanted.mirror.size, only=("wikipedia",))
    if not tokenizer.is_dir():
        log(f"vocabulary: {wanted.tokenizer.vocabulary} tokens")
        write_tokenizer(texts_of(mirror), tokenizer, vocabulary=wanted.tokenizer.vocabulary)
    if not base.is_dir():
        random_base(tokenizer, base, shape=wanted.shape, seed=wanted.seed)
    settings = {**_settings(wanted), "resources.mirror": str(mirror)}
    run = continue_mlm(out=work / "run", method="full", base=str(base), settings=settings)
    return _export(run, out)


def _settings(wanted: Pretraining) -> dict[str, Any]:
    return {**flat(wanted.settings), "seed": wanted.seed}


def _claim(work: Path, wanted: Pretraining) -> None:
    """Note in `work` what it is for; refuse settings that mean nothing, and a folder of something else."""
    fields = {"phase": "mlm", "tasks": ("wikipedia",), "method": {"name": "full"}}
    resolve(fields, _settings(wanted), methods.get("full").schema)
    note, asked = work / "recipe.json", json.loads(wanted.model_dump_json())
    if note.is_file():
        if json.loads(note.read_text(encoding="utf-8")) != asked:
            raise UserError(f"{work} is the work of another recipe", fix="choose another --work")
    elif work.is_dir() and any(work.iterdir()):
        raise UserError(f"{work} holds something else", fix="choose another --work")
    else:
        write_json(note, asked)


def _export(run: Run, out: Path) -> Path:
    """Write encoder and LM head as one XLMRobertaForMaskedLM in half precision, the tokenizer beside it."""
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModelForMaskedLM

    source = run.path / "encoder"
    with new_folder(out) as folder:
        model: Any = AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(source))
        model.base_model.load_state_dict(load_encoder(find_base(str(source))).state_dict())
        lost = model.lm_head.load_state_dict(load_file(run.path / "heads" / "wikipedia.safetensors"), strict=False)
        if lost.unexpected_keys or not all(key.startswith("decoder.") for key in lost.missing_keys):  # those are shared
            raise ValueError(f"the LM head does not fit: {lost}")
        model.half().save_pretrained(folder)
        for name in TOKENIZER_FILES:
            if (source / name).is_file():
                shutil.copyfile(source / name, folder / name)
    return out
