"""A composition as a folder: a run like any other, without training, with a certificate.

Everything is made in a temporary folder, checked there from the files, and put in place last: a composition that
fails a check leaves nothing behind.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.compose.certificate import Certificate, write_certificate
from adapterstilts.compose.members import Member
from adapterstilts.compose.request import Request
from adapterstilts.config.schema import DataSettings
from adapterstilts.console import log
from adapterstilts.errors import UserError
from adapterstilts.store.atomic import write_json
from adapterstilts.store.run import Parent, Run, RunRecord, nothing_trained, read_run

_PACKAGES = ("adapterstilts", "numpy", "safetensors")


@dataclass(frozen=True)
class Composition:
    """A finished composition: a run like any other, and its certificate."""

    run: Run
    certificate: Certificate

    @property
    def path(self) -> Path:
        """The composition's folder, to start a training from or to evaluate."""
        return self.run.path


def finished(request: Request, out: Path) -> Composition | None:
    """Return what `out` holds if it is this very composition, None for nothing; refuse anything else."""
    if (out / "run.json").is_file():
        run = read_run(out)
        if run.record.fingerprint != request.identity:
            raise UserError(f"{out} holds another run ({run.phase})", fix="choose another --out")
        certificate = json.loads((out / "certificate.json").read_text(encoding="utf-8"))
        if request.probe and not certificate.get("probe", {}).get("done"):
            raise UserError(f"{out} was made without a probe", fix="choose another --out, or leave --probe out")
        log(f"already done: {out}")
        return Composition(run, certificate)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already and holds something else", fix="choose another --out")
    return None


def write(folder: Path, request: Request, certificate: Certificate, method: dict[str, Any]) -> None:
    """Write heads, certificate and record beside a composition's modules: what makes the folder a run.

    The heads are copies of the members', unless the composition has made its own.
    """
    if not (folder / "heads").exists():
        _copy_heads(request.members, folder / "heads")
    write_certificate(folder, certificate)
    records = [member.run.record for member in request.members if member.run]
    beginnings = {record.initialisation for record in records}
    size = sum(file.stat().st_size for file in folder.rglob("*.safetensors") if file.parent.name != "heads")
    record = RunRecord(
        status="done",
        fingerprint=request.identity,
        config=_config(request, records, method),
        parents=[Parent(path=str(one.path.resolve()), fingerprint=one.digest()) for one in request.members],
        base=request.base,
        initialisation=beginnings.pop() if len(beginnings) == 1 and len(records) == len(request.members) else "",
        data={},
        packages={name: importlib.metadata.version(name) for name in _PACKAGES},
        seed=0,
        best={},
        source_languages=sorted(
            {one for member in request.members if member.run for one in member.run.source_languages}
        ),
        **nothing_trained(records, size, time.perf_counter() - request.begun),
    )
    write_json(folder / "run.json", record.model_dump(mode="json"))


def _config(request: Request, records: Sequence[RunRecord], method: dict[str, Any]) -> dict[str, Any]:
    return {
        "phase": request.phase,
        "how": request.how,
        "weights": list(request.weights),
        "settings": dict(request.settings),
        "rank": request.rank,
        "tasks": sorted({task for record in records for task in record.config["tasks"]}),
        "method": method,
        "base": request.base.name,
        "precision": _shared(records, "precision", "auto"),
        "data": _data(records),
    }


def _data(records: Sequence[RunRecord]) -> dict[str, Any]:
    """Return the data settings that all members share, others as by default; one chosen as XTREME does marks all."""
    usual = DataSettings().model_dump(mode="json")
    parts = [record.config["data"] for record in records]
    shared = {key: parts[0][key] if parts and all(part[key] == parts[0][key] for part in parts) else default
              for key, default in usual.items()}  # fmt: skip
    as_xtreme = any(part["select_on"] == "xtreme" for part in parts)
    return {**shared, "select_on": "xtreme" if as_xtreme else shared["select_on"]}


def _shared(records: Sequence[RunRecord], key: str, default: Any) -> Any:
    """Return a setting that all members share, else the default."""
    values = [record.config[key] for record in records]
    return values[0] if values and all(value == values[0] for value in values) else default


def _copy_heads(members: Sequence[Member], heads: Path) -> None:
    """Copy the members' heads; where two have one for the same task, neither is the composition's."""
    count = Counter(name for member in members for name in member.heads)
    for name in sorted(name for name, times in count.items() if times > 1):
        log(f"the head for {name} is left out: {count[name]} members have one")
    heads.mkdir()
    for member in members:
        for name in member.heads:
            if count[name] == 1:
                for file in (f"{name}.json", f"{name}.safetensors"):
                    shutil.copyfile(member.path / "heads" / file, heads / file)
