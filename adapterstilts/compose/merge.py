"""`merge`: several adapters become one."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from threadpoolctl import threadpool_limits

from adapterstilts.compose import checks, composition, parameters
from adapterstilts.compose.agreement import ROWS, Figures, agreement, overall
from adapterstilts.compose.certificate import Certificate, certify, check, truncation
from adapterstilts.compose.combine import Merged, combine, ingredients
from adapterstilts.compose.composition import Composition
from adapterstilts.compose.encoders import merge_encoders
from adapterstilts.compose.members import Member, common_base, open_members, summed
from adapterstilts.compose.merges import Merge, merges
from adapterstilts.compose.peft_folder import read_peft, write_peft
from adapterstilts.compose.probe import not_probed, probe
from adapterstilts.compose.request import Request
from adapterstilts.compose.statistics import open_statistics
from adapterstilts.compose.updates import Updates
from adapterstilts.config.resolve import read_settings
from adapterstilts.errors import UserError
from adapterstilts.methods.lora import settings_of
from adapterstilts.store.atomic import new_folder
from adapterstilts.store.run import Module, Run, read_run

_NO_CHANGE = "bottlenecks are no change of the base's weights"


class OnBase(TypedDict, total=False):
    """What a merge may be told of its base."""

    base: str | None
    probe: bool | None


def merge(
    runs: Sequence[Run | str | Path],
    *,
    how: str,
    out: str | Path,
    weights: Sequence[float] | None = None,
    rank: int | None = None,
    settings: Mapping[str, Any] | None = None,
    **on: Unpack[OnBase],
) -> Composition:
    """Merge adapters into one, exactly or by a stated error, and return the composition.

    `runs`: finished runs, or folders of LoRAs that peft has saved; all of one method and one base. `how`: a merge of
    `adapterstilts merges`. `weights`: one a run; None means 1/K each for `mean` and 1 each for the others. `rank`:
    of merges that take one; None means as their summary says. `settings`: the merge's own. `base`: the base of peft
    folders that do not name the runs' own, or another place of it. `probe`: whether the base with the change added to
    its weights must compute what it does with the saved adapter; None means where the base is on this machine. The
    members' heads are kept. Bottlenecks have means only (`mean`, `fisher`), where they are alike and began alike. Of
    whole encoders the changes W_k - W are merged, tensor by tensor, so their base must be at hand. Raises UserError for
    bad input and for a check that fails; nothing is left behind then.
    """
    algorithm, members = merges.get(how), open_members(runs, encoders=True)
    method = _one_method(members)
    if rank is not None and not algorithm.takes_rank:
        raise UserError(f"the merge {how} takes no --rank: its rank follows from its members", fix="merge with svd")
    _must_suit(how, algorithm, method)
    if method == "bottleneck":
        parameters.must_average(members)
        if rank is not None:
            raise UserError("a bottleneck has no rank", fix="leave --rank out")
    shares = _weights(how, algorithm, weights, len(members))
    own = read_settings(algorithm.schema, settings or {}).model_dump(mode="json")
    measured = open_statistics(members, algorithm.needs) if algorithm.needs else []
    base, unproven = common_base(members, on.get("base"))
    request = Request("merge", how, rank, members, shares, base, unproven, own, on.get("probe"), measured)
    done = composition.finished(request, Path(out))
    if done:
        return done
    with new_folder(Path(out)) as folder, threadpool_limits(1):  # small factorisations: threads only wait
        certificate, settings = MAKERS[method](request, algorithm, folder)
        composition.write(folder, request, certificate, settings)
    return Composition(read_run(out), certificate)


def add_up(request: Request, algorithm: Merge, folder: Path) -> tuple[Certificate, dict[str, Any]]:
    """Merge LoRAs on their updates; return the certificate, with checks on what lies in the files."""
    updates = [summed(member.adapters()) for member in request.members]
    reads = [one.read for one in request.statistics]
    given = ingredients(updates, request.weights, [member.digest() for member in request.members], reads)
    merged = combine(algorithm, given, algorithm.schema(**request.settings), request.rank)
    write_peft(folder / "adapter", merged.updates, request.base.name)
    saved = read_peft(folder / "adapter")
    figures = {
        **(_checks_of_sum(saved.updates, merged, updates, request.weights) if algorithm.linear else {}),
        "identity": check(checks.check_identity(algorithm, updates[0], reads[:1]), checks.COMPUTED),
        "reload": check(checks.check_reload(saved.updates, merged.updates), checks.SAVED),
    }
    probed = probe(request, [Module("lora", folder / "adapter")], merged.updates)
    found = {
        "settings": dict(request.settings),
        "rank": saved.rank,
        **_layers(merged, agreement(given)),
        "checks": {**figures, **probed.checks},
        "probe": probed.said,
    }
    certificate = certify(request, algorithm.formula, algorithm.source, found)
    return certificate, settings_of(saved.rank, list(merged.updates)).model_dump(mode="json")


def _checks_of_sum(saved: Updates, merged: Merged, members: Sequence[Updates], weights: Sequence[float]) -> Certificate:
    """Hold a merge that is a weighted sum against that sum, computed anew: as it came out, and as it was saved."""
    away = checks.check_sum(saved, members, weights, merged.truncation)
    unsaid = {layer: abs(figure - merged.truncation[layer]) for layer, figure in away.items()}
    return {
        "computed": check(checks.check_computed(merged, members, weights), checks.COMPUTED),
        "sum": check(unsaid, checks.SAVED),  # how far the file lies from the sum, beyond what is stated for its rank
    }


def average_bottlenecks(request: Request, algorithm: Merge, folder: Path) -> tuple[Certificate, dict[str, Any]]:
    """Average bottlenecks number by number; return the certificate, with checks on what lies in the files."""
    if algorithm.needs:
        return _weigh_bottlenecks(request, algorithm, folder)
    folders = [member.modules[0].folder for member in request.members]
    parameters.mean(folders, folder / "adapter")
    parameters.mean(folders[:1], folder / "alone")
    figures = {
        "mean": check(parameters.check_mean(folder / "adapter", folders), parameters.SAVED),
        "identity": check(parameters.check_mean(folder / "alone", folders[:1]), parameters.SAVED),
    }
    shutil.rmtree(folder / "alone")
    probed = not_probed(request, _NO_CHANGE)
    certificate = certify(request, parameters.FORMULA, parameters.SOURCE, {"checks": figures, "probe": probed.said})
    return certificate, request.members[0].settings


def _weigh_bottlenecks(request: Request, algorithm: Merge, folder: Path) -> tuple[Certificate, dict[str, Any]]:
    """Make a mean of bottlenecks that a merge weighs number by number; return the certificate, with its checks."""
    folders = [member.modules[0].folder for member in request.members]
    reads = [one.read for one in request.statistics]
    settings = algorithm.schema(**request.settings)
    given = parameters.BottleneckIngredients(folders, request.weights, [one.digest() for one in request.members], reads)
    first = parameters.BottleneckIngredients(folders[:1], [1.0], given.digests[:1], reads[:1])
    parameters.blend(given, algorithm, settings, folder / "adapter")
    parameters.blend(first, algorithm, settings, folder / "alone")
    figures = {
        "reload": check(parameters.check_blend(folder / "adapter", given, algorithm, settings), parameters.SAVED),
        "identity": check(parameters.check_mean(folder / "alone", folders[:1]), parameters.SAVED),
    }
    shutil.rmtree(folder / "alone")
    probed = not_probed(request, _NO_CHANGE)
    found = {"settings": dict(request.settings), "checks": figures, "probe": probed.said}
    certificate = certify(request, algorithm.formula.replace("dW", "p"), algorithm.source, found)
    return certificate, request.members[0].settings


MAKERS = {"lora": add_up, "bottleneck": average_bottlenecks, "full": merge_encoders}


def _layers(merged: Merged, agreed: Mapping[str, Figures]) -> dict[str, Any]:
    """Return what is known of each layer, and the error and agreement of all layers as one."""
    layers = {
        layer: {
            "rank": update.rank,
            "norm": merged.norms[layer],
            "truncation": merged.truncation[layer],
            **agreed[layer],
        }
        for layer, update in merged.updates.items()
    }
    together = {**overall(agreed), "rows": ROWS}
    return {"layers": layers, "truncation": truncation(merged.norms, merged.truncation), "agreement": together}


def _must_suit(how: str, algorithm: Merge, method: str) -> None:
    if method in algorithm.methods:
        return
    able = ", ".join(name for name in merges.names() if method in merges.get(name).methods)
    if method == "full":
        raise UserError(f"the merge {how} is not for whole encoders", fix=f"those that are: {able}")
    raise UserError(f"a {method} is no sum of updates, so it has no {how}", fix=f"use --how {able}, or stack")


def _one_method(members: Sequence[Member]) -> str:
    methods = sorted({method for member in members for method in member.methods})
    if len(methods) > 1:
        raise UserError(
            f"a merge needs members of one method; these were trained by {' and '.join(methods)}",
            where="; ".join(f"{member.path}: {' + '.join(sorted(member.methods))}" for member in members),
            fix="merge the full runs alone"
            if "full" in methods
            else "stack them (adapterstilts stack), LoRA runs first",
        )
    return methods[0]


def _weights(how: str, algorithm: Merge, given: Sequence[float] | None, members: int) -> list[float]:
    if given is None:
        return [1.0 / members if algorithm.equal_weights else 1.0] * members
    if algorithm.equal_weights:
        raise UserError(f"the merge {how} weighs all members alike", fix="leave --weights out, or merge with linear")
    if len(given) != members:
        raise UserError(f"{len(given)} weights for {members} members", fix="give one weight a member, in their order")
    bad = [weight for weight in given if not math.isfinite(weight)]
    if bad:
        raise UserError(f"a member cannot have the weight {bad[0]}", fix="weights are finite numbers")
    return [float(weight) for weight in given]
