"""A local sequence-to-sequence model through transformers as translator: M2M100, NLLB, OPUS-MT."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapterstilts.config.identity import canonical_json
from adapterstilts.errors import UserError
from adapterstilts.store.places import remembered
from adapterstilts.translation.families import Family, family_of, must_translate

if TYPE_CHECKING:
    from adapterstilts.model import Runtime

_FILES = ("*.json", "*.safetensors", "*.model", "*.spm", "*.txt")
_UNITS = 8  # how far an answer may be longer than its sentence: twice as many tokens, and so many
_LONGEST = 512  # tokens of a sentence, where the model does not say


@dataclass(frozen=True)
class Seq2Seq:
    """A translation model in a folder; `beams` None: as many as its own generation_config.json says."""

    name: str
    folder: Path
    runtime: Runtime
    beams: int | None = None
    batch: int = 4096

    def identity(self) -> dict[str, Any]:
        """Return the model by name and digest of all its files, and how it is asked."""
        settings = {"beams": self.beams, "batch_tokens": self.batch, "precision": self.runtime.precision}
        return {"model": self.name, "digest": self._digest, "settings": settings}

    def check(self, source: str, to: str) -> None:
        """Raise UserError for a pair of languages that the model does not know."""
        must_translate(self._family, self.name, source, to)

    @property
    def room(self) -> int:
        """The most tokens of a sentence, its marks included."""
        config = self._config
        return min(_LONGEST, int(getattr(config, "max_position_embeddings", None) or _LONGEST))

    def lengths(self, sentences: Sequence[str]) -> list[int]:
        """Return the tokens of each sentence; the marks of a language may come to it."""
        if not sentences:
            return []
        return [len(ids) + 1 for ids in self._tokenizer(list(sentences), verbose=False)["input_ids"]]

    def translate(self, sentences: Sequence[str], source: str, to: str) -> list[str]:
        """Return the most likely translation of each sentence, by greedy or beam search; nothing is drawn."""
        import torch

        texts, telling = self._family.prepare(sentences, source, to)
        tokens = self._tokenizer(texts, return_tensors="pt", padding=True)
        moved = self.runtime.move({name: tokens[name] for name in ("input_ids", "attention_mask")})
        longest = moved["input_ids"].shape[1]
        wanted: dict[str, Any] = {"max_new_tokens": min(2 * longest + _UNITS, self.room - 1), "do_sample": False}
        if self.beams:
            wanted["num_beams"] = self.beams
        with torch.inference_mode(), self.runtime.autocast():
            told = self._model.generate(**moved, **wanted, **telling)
        texts = self._tokenizer.batch_decode(told, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [text.strip() for text in texts]

    @cached_property
    def _config(self) -> Any:
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(self.folder)

    @cached_property
    def _family(self) -> Family:
        return family_of(self._tokenizer, self._config.model_type, self.name)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(self.folder)
        except ImportError:
            raise UserError(
                f"the tokenizer of {self.name} needs sentencepiece", fix="pip install sentencepiece"
            ) from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{self.name} has no tokenizer that can be read",
                where=str(error).splitlines()[0][:200],
                fix="fetch all of the model's files again",
            ) from None

    @cached_property
    def _model(self) -> Any:
        import torch
        from transformers import AutoModelForSeq2SeqLM

        model = AutoModelForSeq2SeqLM.from_pretrained(self.folder, use_safetensors=True, dtype=torch.float32)
        return model.to(self.runtime.device).eval()

    @cached_property
    def _digest(self) -> str:
        files = sorted({file for pattern in _FILES for file in self.folder.glob(pattern)})
        return remembered(files, lambda: _digest_of(files))


def find_model(name: str) -> Path:
    """Return the folder of a translation model: itself, or that of a Hub id (`ID@REVISION`), fetched if need be.

    Raises UserError: no such folder or id, no network, no safetensors weights.
    """
    folder = Path(name)
    if not (folder / "config.json").is_file():
        if folder.is_dir() or name.startswith((".", "/", "~")) or name.count("/") != 1:
            raise UserError(
                f"{name} is no folder with a translation model",
                fix="give a Hub id such as facebook/m2m100_418M, the folder of a downloaded model, or mini",
            )
        folder = _download(name)
    if not any(folder.glob("*.safetensors")):
        raise UserError(
            f"{name} has no safetensors weights; pickle weights are never loaded",
            fix="name a revision that has them (--model ID@refs/pr/N), or convert the model once",
        )
    return folder


def _download(name: str) -> Path:
    import huggingface_hub

    id, _, revision = name.partition("@")
    try:
        return Path(huggingface_hub.snapshot_download(id, revision=revision or None, allow_patterns=list(_FILES)))
    except Exception as error:  # noqa: BLE001 - httpx, requests and hub errors share no base class
        raise UserError(
            f"cannot get {name!r} from the Hub ({type(error).__name__})",
            where=str(error).strip().splitlines()[0][:200] if str(error).strip() else "",
            fix="check the name and the network, or give the folder of a downloaded model",
        ) from None


def _digest_of(files: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as handle:
            total.update(canonical_json([file.name, hashlib.file_digest(handle, "sha256").hexdigest()]).encode())
    return total.hexdigest()[:16]
