"""`average`: runs that differ in their seed become one, module and heads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from adapterstilts.compose import composition, parameters, tensors
from adapterstilts.compose.certificate import Certificate, certify, check
from adapterstilts.compose.composition import Composition
from adapterstilts.compose.encoders import start_encoder
from adapterstilts.compose.members import Member, common_base, open_members
from adapterstilts.compose.merge import add_up, average_bottlenecks
from adapterstilts.compose.merges import Merge, merges
from adapterstilts.compose.probe import not_probed
from adapterstilts.compose.request import Request
from adapterstilts.config.resolve import differences
from adapterstilts.errors import UserError
from adapterstilts.methods.full import METHOD as FULL
from adapterstilts.store.atomic import new_folder
from adapterstilts.store.run import Run, read_run

SOURCE = "run averaging: Schmidt et al. 2023, arXiv 2305.16834 and 2310.10532"
_SEEDS = ("seed", "init_seed")  # what they have decided shows in the first weights, which are compared


def average(
    runs: Sequence[Run | str | Path],
    *,
    out: str | Path,
    rank: int | None = None,
    may_differ: Sequence[str] = (),
    probe: bool | None = None,
) -> Composition:
    """Average trained runs of one configuration and several seeds, heads included, and return the composition.

    Of LoRAs it is the exact mean of their updates, of rank up to the sum of their ranks; `rank` asks for the nearest
    update of that rank. Bottlenecks and whole encoders are averaged number by number, and so are the heads, which
    must have begun from the same weights: train with `init_seed`. `may_differ` names settings of the training, such
    as train.learning_rate, that need not agree. `probe` as for `merge`. The order of `runs` does not matter. Raises
    UserError for bad input, naming every difference, and for a check that fails; nothing is left behind then.
    """
    members = open_members(runs, encoders=True)
    method = _trained_alike(members, may_differ)
    algorithm = _algorithm(method, rank)
    if method == "bottleneck":
        parameters.must_average(members)
    heads = _begun_alike(members)
    members.sort(key=lambda one: (one.digest(), one.head_digest()))  # so that the order they came in has no effect
    how = "mean" if rank is None else "svd"
    shares = [1.0 / len(members)] * len(members)
    request = Request("average", how, rank, members, shares, *common_base(members, None), probe=probe)
    done = composition.finished(request, Path(out))
    if done:
        return done
    makers = {"lora": add_up, "bottleneck": average_bottlenecks, "full": _average_encoders}
    with new_folder(Path(out)) as folder, threadpool_limits(1):
        certificate, settings = makers[method](request, algorithm, folder)
        certificate["checks"]["heads"] = check(_average_heads(members, heads, folder), tensors.SAVED)
        composition.write(folder, request, {**certificate, "source": SOURCE}, settings)
    return Composition(read_run(out), certificate)


def _algorithm(method: str, rank: int | None) -> Merge:
    if rank is not None and method != "lora":
        raise UserError(f"a {method} run has no rank", fix="leave --rank out")
    return merges.get("mean" if rank is None else "svd")


def _trained_alike(members: Sequence[Member], may_differ: Sequence[str]) -> str:
    """Return the method of all members; raise UserError for what differs in more than the seed and `may_differ`."""
    others = [key for key in may_differ if not key.startswith("train.")]
    if others:
        raise UserError(f"{others[0]} cannot differ among averaged runs", fix="settings that can: those in train.")
    if len(members) < 2:
        raise UserError("an average needs two runs at least", fix="name the runs of several seeds")
    first, settings = members[0], _settings(members[0])
    for member in members[1:]:
        lines = [line for line in differences(settings, _settings(member)) if line.split(":")[0] not in may_differ]
        if lines:
            raise UserError(
                f"{first.path} and {member.path} differ in more than the seed",
                where="\n  ".join(lines),
                fix="average runs of one configuration (--may-differ train.KEY lets a setting of the training pass)",
            )
    return first.modules[-1].method if first.modules else "full"  # of a fusion: of what it has left


def _settings(member: Member) -> dict[str, Any]:
    """Return what decided a run's result, without its seeds and the rows that they drew."""
    file = member.path / "config.json"
    if member.run is None or not file.is_file():
        what = member.run.phase if member.run else "adapter without a run"
        raise UserError(f"{member.path} is no training but a {what}", fix="average the runs of train-... themselves")
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        rows = {label: {k: v for k, v in one.items() if k != "selection"} for label, one in settings["rows"].items()}
    except (ValueError, KeyError, AttributeError) as error:
        raise UserError(f"{file} cannot be read: {error}", fix="restore the file, or train again") from None
    return {key: value for key, value in {**settings, "rows": rows}.items() if key not in _SEEDS}


def _begun_alike(members: Sequence[Member]) -> list[str]:
    """Return the tasks of the members' heads; raise UserError where heads for one task began from other weights."""
    records = [member.run.record for member in members if member.run]
    for member in members:
        if member.heads != members[0].heads:
            raise UserError(f"{member.path} has other heads than {members[0].path}", fix="restore the missing files")
    for task in members[0].heads:
        beginnings = {record.first_heads.get(task, "") for record in records}
        if len(beginnings) > 1 or "" in beginnings:
            raise UserError(
                f"the heads for {task} began from other weights (or it is not known): their mean means nothing",
                where=", ".join(
                    f"{one.path}: seed {record.seed}" for one, record in zip(members, records, strict=True)
                ),
                fix="train all of them with the same --set init_seed=N beside their --seed; for adapters without "
                "heads: merge --how mean",
            )
    return members[0].heads


def _average_heads(members: Sequence[Member], tasks: Sequence[str], folder: Path) -> dict[str, float]:
    """Write the mean of the members' heads and return how far the files lie from it."""
    figures: dict[str, float] = {}
    heads = folder / "heads"
    heads.mkdir()
    for task in tasks:
        files, out = (
            [member.path / "heads" / f"{task}.safetensors" for member in members],
            heads / f"{task}.safetensors",
        )
        about = [file.with_suffix(".json") for file in files]
        if any(file.read_bytes() != about[0].read_bytes() for file in about):
            raise UserError(f"the outputs of the heads for {task} mean different things", fix="train the runs again")
        tensors.mean_file(files, out)
        shutil.copyfile(about[0], out.with_suffix(".json"))
        figures |= {f"{task}.{key}": figure for key, figure in tensors.check_file(out, files).items()}
    return figures


def _average_encoders(request: Request, _: Merge, folder: Path) -> tuple[Certificate, dict[str, Any]]:
    """Average whole encoders number by number; return the certificate, with checks on what lies in the files."""
    encoders = [member.path / FULL.folder for member in request.members]
    names = [sorted(file.name for file in encoder.glob("*.safetensors")) for encoder in encoders]
    if not names[0] or any(some != names[0] for some in names):
        raise UserError("the encoders are kept in different files", fix="train the runs again with one version")
    start_encoder(encoders[0], folder / FULL.folder)
    figures: dict[str, float] = {}
    for name in names[0]:
        files = [encoder / name for encoder in encoders]
        tensors.mean_file(files, folder / FULL.folder / name)
        figures |= tensors.check_file(folder / FULL.folder / name, files)
    probed = not_probed(request, "whole encoders stand in the base's place")
    found = {"checks": {"mean": check(figures, tensors.SAVED)}, "probe": probed.said}
    return certify(request, parameters.FORMULA, SOURCE, found), request.members[0].settings
