"""`export`: a run or an adapter folder becomes a folder that another library loads."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapterstilts.base import load_encoder
from adapterstilts.compose.dora import convert_dora, is_dora
from adapterstilts.config.identity import fingerprint
from adapterstilts.console import log
from adapterstilts.errors import UserError
from adapterstilts.exchange.card import card
from adapterstilts.exchange.names import public_base
from adapterstilts.exchange.probes import answered, expected, relative
from adapterstilts.exchange.source import Source, open_source
from adapterstilts.exchange.targets import targets
from adapterstilts.store.atomic import new_folder, write_json, write_text
from adapterstilts.store.run import Run

if TYPE_CHECKING:
    from adapterstilts.compose.updates import Matrix

SCHEMA = 1
RECORD = "export.json"
_PACKAGES = ("adapterstilts", "torch", "transformers", "peft", "safetensors")


@dataclass(frozen=True)
class Exported:
    """A finished export: its folder, and what `export.json` in it says."""

    path: Path
    record: Mapping[str, Any]


def export(
    run: Run | str | Path,
    *,
    to: str,
    out: str | Path,
    head: str | None = None,
    rank: int | None = None,
    base: str | None = None,
) -> Exported:
    """Write a run, or an adapter folder of peft or adapters, as a folder that another library loads, and return it.

    `to`: transformers, peft or adapters. `head`: the task whose head goes along; for transformers, None means the only
    one there is. `rank`: of a DoRA alone, which becomes the nearest plain LoRA; None means four times its own. `base`:
    another place of the run's base, or the base of a folder that does not name it. The folder is loaded again by that
    library and must answer as the run does before it is put in place. `export.json` says what was compared, README.md
    is a model card from the run's records. Raises UserError for what the format cannot hold and for a check that
    fails; nothing is left behind then.
    """
    target = targets.get(to)
    source = open_source(run, head, base, target.heads)
    dora = source.run is None and is_dora(source.member.path)
    if rank is not None and not dora:
        raise UserError(
            "--rank is for a DoRA; all else is exported exactly",
            fix="leave it out; adapterstilts merge RUN --how svd --rank R makes a run smaller",
        )
    if dora and to != "peft":
        raise UserError(
            f"{source.member.path} is a DoRA, which {to} has no exact form of",
            fix=f"adapterstilts export {source.member.path} --to peft --rank R --base B --out DIR",
        )
    target.must_hold(source)
    identity = fingerprint(
        [to, head, rank, source.member.digest(), source.member.head_digest(), source.base.fingerprint]
    )
    done = _finished(Path(out), identity)
    if done:
        return done
    if dora:
        source = _converted(source, rank)
    with new_folder(Path(out)) as folder:
        target.write(source, folder)
        log(f"written; now it is loaded again by {to}, and compared")
        record = {
            "schema_version": SCHEMA,
            "identity": identity,
            "to": to,
            **_about(source),
            "check": dict(target.check(source, folder)),
            "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        }
        write_json(folder / RECORD, record)
        write_text(folder / "README.md", card(source, target, record))
    return Exported(Path(out), record)


def _finished(out: Path, identity: str) -> Exported | None:
    """Return what `out` holds if it is this very export, None for nothing; refuse anything else."""
    file = out / RECORD
    if file.is_file():
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            record = {}
        if isinstance(record, dict) and record.get("identity") == identity:
            log(f"already done: {out}")
            return Exported(out, record)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already and holds something else", fix="choose another --out")
    return None


def _about(source: Source) -> dict[str, Any]:
    """Say what was exported, without a path of this machine."""
    record = source.run.record if source.run else None
    about: dict[str, Any] = {
        "from": {
            "name": source.member.name,
            "phase": source.run.phase if source.run else "adapter folder",
            "fingerprint": record.fingerprint if record else None,
            "digest": source.member.digest(),
            "modules": source.kinds or ["full"],
        },
        "base": {"name": public_base(source.base.name), "fingerprint": source.base.fingerprint},
        "head": source.head.name if source.head else None,
    }
    return about if source.conversion is None else {**about, "conversion": source.conversion}


def _converted(source: Source, rank: int | None) -> Source:
    """Return a DoRA as a plain LoRA, and how far its encoder's states are from the DoRA's own, which is no check."""
    encoder: Any = load_encoder(source.files)

    def weight_of(name: str) -> Matrix:
        matrix: Matrix = encoder.get_submodule(name).weight.detach().double().numpy()
        return matrix

    found = convert_dora(source.member.path, weight_of, rank)
    plain = replace(source, given=found.updates, conversion=found.about())
    if not found.bare:  # peft loads it into its task class alone
        return plain
    import peft

    live = peft.PeftModel.from_pretrained(encoder, str(source.member.path))
    away = relative(expected(plain), answered(plain, live))
    return replace(plain, conversion={**found.about(), "states_away": away})
