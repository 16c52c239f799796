"""`stack`: several adapters active at once, all frozen."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from adapterstilts.compose import composition
from adapterstilts.compose.certificate import certify, check
from adapterstilts.compose.checks import SAVED, check_reload
from adapterstilts.compose.composition import Composition
from adapterstilts.compose.lora_folder import read_lora
from adapterstilts.compose.members import Member, common_base, open_members, summed
from adapterstilts.compose.peft_folder import read_peft, write_peft
from adapterstilts.compose.probe import Probe, not_probed
from adapterstilts.compose.probe import probe as run_probe
from adapterstilts.compose.request import Request
from adapterstilts.compose.updates import Updates, concatenate
from adapterstilts.errors import UserError
from adapterstilts.methods._stack import must_stack
from adapterstilts.store.atomic import new_folder
from adapterstilts.store.run import Module, Run, copy_modules, read_run, write_stack

_SOURCE = (
    "LoRA: the sum of updates, as peft's several active adapters; bottleneck: Pfeiffer et al. 2020, arXiv 2005.00052"
)


def stack(
    runs: Sequence[Run | str | Path], *, out: str | Path, base: str | None = None, probe: bool | None = None
) -> Composition:
    """Stack adapters, the first at the bottom, all frozen, and return the composition.

    LoRAs add up: their order does not matter, and the result equals `cat` with weights 1. A bottleneck works on
    what the one below it gives. LoRA runs stand below bottleneck runs, merged into the base when it is loaded.
    Files are copied byte by byte; a folder that peft would not load onto the bare encoder (from adapters, or saved
    inside a task class) is written anew, exactly. `base` and `probe` as for `merge`. Raises UserError for bad input.
    """
    members = open_members(runs)
    modules = [module for member in members for module in member.modules]
    must_stack([module.method for module in modules], None)
    _must_all_count(members)
    # read now, to refuse what could not be loaded later
    updates = [summed(member.adapters()) for member in members if member.methods == {"lora"}]
    foreign, weights = _foreign(modules), [1.0] * len(members)
    request = Request("stack", "stack", None, members, weights, *common_base(members, base), probe=probe)
    done = composition.finished(request, Path(out))
    if done:
        return done
    with new_folder(Path(out)) as folder:
        adapter = folder / "adapter"
        copy_modules(modules, adapter)
        written = {
            f"{number} {layer}": figure
            for number in foreign
            for layer, figure in _written(modules[number], adapter / str(number), request.base.name).items()
        }
        write_stack(adapter, modules, [str(member.path.resolve()) for member in members for _ in member.modules])
        figures = {"copies": check(_changed(modules, adapter, foreign), 0.0)}
        if written:
            figures["written anew"] = check(written, SAVED)
        probed = _probed(request, [Module(one.method, adapter / str(n)) for n, one in enumerate(modules)], updates)
        found = {"checks": {**figures, **probed.checks}, "probe": probed.said}
        certificate = certify(request, _formula([module.method for module in modules]), _SOURCE, found)
        composition.write(folder, request, certificate, members[-1].settings)
    return Composition(read_run(out), certificate)


def _probed(request: Request, copies: Sequence[Module], updates: Sequence[Updates]) -> Probe:
    if any(copy.method != "lora" for copy in copies):
        return not_probed(request, "bottlenecks are no change of the base's weights")
    return run_probe(request, copies, concatenate(updates, [1.0] * len(updates)))


def _must_all_count(members: Sequence[Member]) -> None:
    """Refuse a parallel bottleneck among several: adapters would leave out one of them in silence."""
    bottlenecks = [member for member in members for module in member.modules if module.method == "bottleneck"]
    parallel = [member for member in bottlenecks if member.settings.get("variant") == "parallel"]
    if parallel and len(bottlenecks) > 1:
        raise UserError(
            f"{parallel[0].path} is a parallel bottleneck, which cannot stand above or below another one",
            fix="stack pfeiffer or houlsby bottlenecks",
        )


def _foreign(modules: Sequence[Module]) -> set[int]:
    """Return the LoRAs that peft does not load onto the bare encoder; all are read, to refuse bad ones now."""
    loras = [number for number, module in enumerate(modules) if module.method == "lora"]
    return {number for number in loras if not read_lora(modules[number].folder).bare}


def _written(module: Module, folder: Path, base: str) -> dict[str, float]:
    """Put a module into peft's form on the bare encoder; return by layer how far the file lies from the module."""
    updates = read_lora(module.folder).updates
    shutil.rmtree(folder)
    write_peft(folder, updates, base)
    return check_reload(read_peft(folder).updates, updates)


def _changed(modules: Sequence[Module], adapter: Path, written: Collection[int]) -> dict[str, float]:
    """Return 0 for every module whose copy is byte-identical; raise UserError for one that is not."""
    copied = [number for number in range(len(modules)) if number not in written]
    for number in copied:
        module = modules[number]
        if _bytes(module.folder) != _bytes(adapter / str(number)):
            raise UserError(f"the copy of {module.folder} differs from it", fix="check the disk, and stack again")
    return dict.fromkeys(map(str, copied), 0.0)


def _bytes(folder: Path) -> Mapping[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file() and file.name[0] != "."}


def _formula(methods: Sequence[str]) -> str:
    loras, bottlenecks = methods.count("lora"), methods.count("bottleneck")
    parts = [f"W + sum of {loras} updates dW"] if loras else []
    return ", then ".join([*parts, f"{bottlenecks} bottleneck(s), each on the one below"] if bottlenecks else parts)
