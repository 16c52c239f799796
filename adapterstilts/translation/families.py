"""How each family of translation models is told the two languages: M2M100, NLLB, and OPUS-MT (Marian).

A family is known by its tokenizer: NLLB's models have M2M100's architecture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adapterstilts.errors import UserError, nearest
from adapterstilts.translation._codes import NLLB, opus_names

Telling = dict[str, int]  # what `generate` is told beside the tokens


class Family(Protocol):
    """Which languages a model translates from and into, in our codes, and how it is told which ones are meant."""

    @property
    def sources(self) -> tuple[str, ...]: ...
    @property
    def targets(self) -> tuple[str, ...]: ...
    def prepare(self, sentences: Sequence[str], source: str, to: str) -> tuple[list[str], Telling]: ...


@dataclass(frozen=True)
class _Tagged:
    """M2M100 and NLLB: a token for the source's language before the text, the target's as the first of the answer."""

    tokenizer: Any
    codes: Mapping[str, str]  # what the tokenizer calls our languages
    tokens: Mapping[str, str]

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted(self.codes))

    @property
    def targets(self) -> tuple[str, ...]:
        return self.sources

    def prepare(self, sentences: Sequence[str], source: str, to: str) -> tuple[list[str], Telling]:
        """Set the tokenizer to the source's language, and return the token that the answer begins with."""
        self.tokenizer.src_lang = self.codes[source]
        return list(sentences), {"forced_bos_token_id": self.tokenizer.convert_tokens_to_ids(self.tokens[to])}


@dataclass(frozen=True)
class _Opus:
    """OPUS-MT: one pair of languages, or several targets, of which `>>deu<<` before a text names one."""

    sources: tuple[str, ...]
    prefixes: Mapping[str, str]

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(sorted(self.prefixes))

    def prepare(self, sentences: Sequence[str], source: str, to: str) -> tuple[list[str], Telling]:
        """Put the target's name before each sentence, where the model has several."""
        return [f"{self.prefixes[to]}{one}" for one in sentences], {}


def family_of(tokenizer: Any, model_type: str, name: str) -> Family:
    """Return the family of a translation model; `name` helps an OPUS-MT tokenizer that does not say its languages.

    Raises UserError for a model of none of them.
    """
    if model_type == "marian":
        return _opus(tokenizer, name)
    if model_type == "m2m_100":
        known = set(tokenizer.all_special_tokens) | set(tokenizer.get_added_vocab())
        nllb = {code: one for code, one in NLLB.items() if one in known}
        if nllb:
            return _Tagged(tokenizer, nllb, nllb)
        m2m = {one.strip("_"): one for one in getattr(tokenizer, "lang_token_to_id", {})}
        if m2m:
            return _Tagged(tokenizer, {code: code for code in m2m}, m2m)
    raise UserError(
        f"{name} is no translation model that is known here ({model_type})",
        fix="use one of M2M100, NLLB or OPUS-MT, such as --model facebook/m2m100_418M; or --model mini",
    )


def must_translate(family: Family, name: str, source: str, to: str) -> None:
    """Raise UserError for a pair of languages that a model does not know."""
    for code, known, way in ((source, family.sources, "from"), (to, family.targets, "into")):
        if code not in known:
            listed = f"it knows {', '.join(known)}" if known else "it names no language that is known here"
            close = nearest(code, known)
            raise UserError(
                f"{name} cannot translate {way} {code!r}", fix=f"{close} {listed}" if "did you" in close else listed
            )


def _opus(tokenizer: Any, name: str) -> Family:
    tags = [tag for tag in getattr(tokenizer, "supported_language_codes", ()) if tag.startswith(">>")]
    pair = [_ours(str(one)) if one else None for one in (tokenizer.source_lang, tokenizer.target_lang)]
    source, target = pair if all(pair) else _pair_in(name)
    named = {tag.strip("<>"): f"{tag} " for tag in tags}
    prefixes = {code: named[one] for code in NLLB for one in opus_names(code)[::-1] if one in named}
    if not prefixes and target:
        prefixes = {target: ""}
    return _Opus((source,) if source else tuple(NLLB), prefixes)


def _ours(name: str) -> str | None:
    """Return our code for a language that OPUS-MT names; None for a group of languages, such as `mul`."""
    return next((code for code in NLLB if name.lower() in (one.lower() for one in opus_names(code))), None)


def _pair_in(name: str) -> tuple[str | None, str | None]:
    """Read the languages off a name such as `opus-mt-en-de`."""
    *_, source, target = ["", "", *name.rstrip("/").split("/")[-1].split("-")]
    return _ours(source), _ours(target)
