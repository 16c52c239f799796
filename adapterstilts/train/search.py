"""`fuse --how search`: one weight a member, found without gradients on few rows of the target (LoRAHub).

The objective is the mean loss of a member's kept head on these rows, plus l1 times mean |w| (Huang et al. 2023, arXiv
2307.13269; in its code the weights are on the factors A and B, here they are on updates). What is looked at is the
model that is trained by layer weights, with one number for all of a member's layers. Every look is a line of
`search.jsonl`: a search that was stopped is repeated from there, and asks the model only what is new.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from adapterstilts.compose.certificate import write_certificate
from adapterstilts.compose.merge import merge
from adapterstilts.config.identity import derive_seed, fingerprint
from adapterstilts.config.resolve import read_settings
from adapterstilts.config.schema import SearchSettings
from adapterstilts.console import log, progress
from adapterstilts.data.batches import by_length
from adapterstilts.data.own import find_tasks
from adapterstilts.errors import UserError
from adapterstilts.evaluation.heads import read_head, save_head
from adapterstilts.formats import learnable
from adapterstilts.interrupt import StopRequest, listening
from adapterstilts.methods._fusions.layer_weights import scalars_of
from adapterstilts.store.atomic import flush_tree, remove_leftovers, write_json, write_text
from adapterstilts.store.places import locked
from adapterstilts.store.run import Run, RunRecord, read_run
from adapterstilts.tasks import Task, require
from adapterstilts.tasks._groups import expand
from adapterstilts.train.command import make_member
from adapterstilts.train.fused import find_fused
from adapterstilts.train.member import Member
from adapterstilts.train.plan import Given, Plan, finished_run, known_revisions, learned, make_plan, stands_for
from adapterstilts.translation.journal import read_lines

JOURNAL = "search.jsonl"

_OF_TRAININGS = ("train.", "method.", "mlm.", "reuse_head", "recipe")


class Look(NamedTuple):
    """One line of the journal: weights in the members' order, the mean loss at them, and the loss plus the penalty."""

    weights: list[float]
    loss: float
    objective: float


@dataclass(frozen=True)
class _Search:
    """A search before its first look: all questions asked, nothing written."""

    runs: Sequence[Run | str | Path]
    plan: Plan
    settings: SearchSettings

    def resolved(self) -> dict[str, Any]:
        return {**self.plan.resolved(), "search": self.settings.model_dump(mode="json")}


def search(
    runs: Sequence[Run | str | Path], task: str, out: str | Path, base: str | None, settings: Mapping[str, Any]
) -> Run:
    """Search for the weights of a merge, and return the merged run; `fuse` says what the arguments mean.

    The same call goes on with an interrupted search, and ends as it would have. Raises UserError for bad input,
    Interrupted after a signal.
    """
    folder = Path(out)
    wanted = _prepare(runs, task, base, settings, known_revisions(folder))
    resolved = wanted.resolved()
    if finished := finished_run(folder, resolved):
        log(f"already done: {folder}")
        return finished
    member = make_member(wanted.plan, folder)
    with locked(folder), listening() as stop:
        if finished := finished_run(folder, resolved):  # another process was quicker
            return finished
        write_json(folder / "config.json", resolved)
        return _finish(member, wanted, _look_around(member, wanted, stop), fingerprint(resolved))


def _prepare(
    runs: Sequence[Run | str | Path],
    task: str,
    base: str | None,
    settings: Mapping[str, Any],
    revisions: Mapping[str, str],
) -> _Search:
    own = {key.removeprefix("search."): value for key, value in settings.items() if key.startswith("search.")}
    wanted = read_settings(SearchSettings, own)
    rest = {key: value for key, value in settings.items() if not key.startswith("search.")}
    useless = [key for key in rest if key.startswith(_OF_TRAININGS)]
    if useless:
        raise UserError(f"{useless[0]} is for trainings, and a search trains nothing", fix="leave it out")
    if rest.get("data.limit_train") is not None:
        raise UserError("a search looks at few rows anyway", fix="say how many by --examples, not by --limit-train")
    if len(runs) < 2:
        raise UserError("a search for the weight of one member has nothing to weigh", fix="name two runs at least")
    asked = find_tasks(expand([task]))
    if len(asked) > 1:
        raise UserError(f"{task} stands for {len(asked)} tasks; a search is for one", fix="name one task")
    members = find_fused("layer_weights", runs).before
    head = _choose_head(members, learned(require(asked[0], "target")), wanted.head)
    few = {**rest, "data.limit_train": wanted.examples, "reuse_head": head}
    plan = make_plan("target", [task], Given("layer_weights", base, settings=few, members=runs), revisions)
    return _Search(runs, plan, wanted.model_copy(update={"head": head}))


def _choose_head(members: Sequence[Run], task: Task, wanted: str | None) -> str:
    """Return the name of the kept head that answers the target: the target's own, else the first member's that can."""
    fits = [(name, run) for run in members for name in run.heads if stands_for(read_head(run, name), task)]
    usual = [(name, run) for name, run in fits if name == (wanted or task.name)] or ([] if wanted else fits)
    if usual:
        name, run = usual[0]
        log(f"the head for {name} of {run.path} answers {task.name}")
        return name
    which = f"no member has a head for {wanted!r} that" if wanted else "no member has a head that"
    names = sorted({name for name, _ in fits})
    raise UserError(
        f"{which} answers {task.name} ({task.format} {', '.join(task.labels)})",
        where="; ".join(f"{run.path}: {', '.join(run.heads) or 'no head'}" for run in members),
        fix=f"use --head {' or --head '.join(names)}" if names else "use --how layer_weights, which trains a head",
    )


def _look_around(member: Member, wanted: _Search, stop: StopRequest) -> list[Look]:
    """Return all looks, those of the journal first; every new one is written as soon as it is known."""
    file = member.folder / JOURNAL
    lines, whole = read_lines(file)
    known = [Look(**line) for line in lines]
    if known:
        log(f"going on after {len(known)} of {wanted.settings.budget} looks in {file}")
    looks: list[Look] = []
    with file.open("ab") as journal, progress("search", wanted.settings.budget, len(known)) as bar:
        journal.truncate(whole)  # a line that was being written when the process died
        for weights in _proposals(wanted, looks):
            if len(looks) < len(known):
                looks.append(_as_before(known[len(looks)], weights, file))
                continue
            stop.raise_if_asked()
            looks.append(_look(member, wanted, weights))
            journal.write(json.dumps(looks[-1]._asdict()).encode() + b"\n")
            journal.flush()
            os.fsync(journal.fileno())
            bar.advance()
            bar.note(f"objective {min(look.objective for look in looks):.4f}")
    return looks


def _as_before(look: Look, weights: Sequence[float], file: Path) -> Look:
    if look.weights != list(weights):
        raise UserError(f"{file} is of another search, or of another version of cma", fix="choose another --out")
    return look


def _proposals(wanted: _Search, looks: Sequence[Look]) -> Iterator[list[float]]:
    """Yield weights to be looked at, the mean first, and then as CMA-ES asks; `looks` holds the answers so far.

    All of them follow from the seed and the answers. Source: Hansen 2016, arXiv 1604.00772, by pycma.
    """
    budget, mean = wanted.settings.budget, [1.0 / len(wanted.runs)] * len(wanted.runs)
    yield mean
    strategy = _strategy(mean, wanted.settings, derive_seed(wanted.plan.config.seed, "search"))
    while len(looks) < budget:
        asked = [[float(weight) for weight in weights] for weights in strategy.ask()]
        begun = len(looks)
        yield from asked[: budget - begun]
        if len(looks) - begun == len(asked):
            strategy.tell(asked, [look.objective for look in looks[begun:]])


def _strategy(mean: Sequence[float], settings: SearchSettings, seed: int) -> Any:
    import cma  # it takes two seconds, most of them matplotlib's

    numbers = np.random.default_rng(seed)  # numpy's global generator, which cma would take, is anybody's
    options = {
        "bounds": [-settings.bound, settings.bound], "verbose": -9, "seed": np.nan,
        "randn": lambda *shape: numbers.standard_normal(shape),
    }  # fmt: skip
    return cma.CMAEvolutionStrategy(list(mean), settings.step, options)


@torch.inference_mode()
def _look(member: Member, wanted: _Search, weights: Sequence[float]) -> Look:
    """Return the mean loss a target of all rows at these weights, with the kept head, and the objective."""
    for vector, weight in zip(scalars_of(member.model.encoder).members, weights, strict=True):
        vector.fill_(weight)
    member.activate()
    member.model.eval()
    [(label, encoded)] = member.train.items()
    format, runtime = learnable(encoded.rows.task), wanted.plan.runtime
    total, targets = 0.0, 0
    for indices in by_length(encoded.lengths, runtime.micro_batch_tokens):
        examples = encoded.take(indices)
        batch = runtime.move(format.collate(examples, encoded.pad_id))
        with runtime.autocast():
            logits = member.model(member.head_of(label), batch)
        total += float(format.loss_sum(logits, batch))
        targets += format.targets(examples)
    loss = total / max(1, targets)
    return Look(list(weights), loss, loss + wanted.settings.l1 * float(np.mean(np.abs(weights))))


def best_of(looks: Sequence[Look]) -> Look:
    """Return the look with the smallest objective, of equal ones the first; a UserError where none is finite."""
    finite = [look for look in looks if np.isfinite(look.objective)]
    if not finite:
        raise UserError("the loss is not finite at any weights", fix="evaluate each member: one of them is broken")
    return min(finite, key=lambda look: look.objective)


def _finish(member: Member, wanted: _Search, looks: Sequence[Look], identity: str) -> Run:
    """Merge by the best weights, beside the journal; the record is put in place last."""
    folder, found = member.folder, _told(wanted, looks)
    remove_leftovers(folder)
    weights = found["best"]["weights"]
    made = merge(wanted.runs, how="linear", weights=weights, out=folder / ".tmp-merged", base=wanted.plan.base.name)
    for part in ("adapter", "heads"):
        shutil.rmtree(folder / part, ignore_errors=True)  # what a killed command has left
        (made.path / part).rename(folder / part)
    for task in wanted.plan.tasks():
        save_head(member.model, task, folder / "heads")
    write_certificate(folder, {**made.certificate, "search": found})
    page = folder / "certificate.md"
    write_text(page, page.read_text(encoding="utf-8") + _page(found))
    shutil.rmtree(made.path)
    flush_tree(folder)
    write_json(folder / "run.json", _record(made.run.record, wanted, found, identity).model_dump(mode="json"))
    return read_run(folder)


def _record(merged: RunRecord, wanted: _Search, found: Mapping[str, Any], identity: str) -> RunRecord:
    """Return the record of the merge as that of the search, with the rows that it has looked at."""
    rows = wanted.plan.train
    looked_at = {f"{label}-{encoded.rows.split}": encoded.rows.origin() for label, encoded in rows.items()}
    languages = {encoded.rows.language for encoded in rows.values()}
    return merged.model_copy(
        update={
            "fingerprint": identity,
            "config": {**merged.config, "search": dict(found)},
            "data": looked_at,
            "seed": wanted.plan.config.seed,
            "source_languages": sorted({*(merged.source_languages or ()), *languages}),
        }
    )


def _told(wanted: _Search, looks: Sequence[Look]) -> dict[str, Any]:
    """Return what the certificate and the record say of a search."""
    import cma

    return {
        **wanted.settings.model_dump(mode="json"),
        "examples": sum(len(encoded.rows) for encoded in wanted.plan.train.values()),
        "task": wanted.plan.config.tasks[0],
        "seed": wanted.plan.config.seed,
        "optimiser": f"CMA-ES, pycma {cma.__version__}",
        "source": "LoRAHub: Huang et al. 2023, arXiv 2307.13269; weights on updates",
        "looks": len(looks),
        "mean": looks[0]._asdict(),
        "best": best_of(looks)._asdict(),
    }


def _page(found: Mapping[str, Any]) -> str:
    """Return the certificate's section on a search, in Markdown."""
    lines = [
        "",
        "## Search",
        "",
        f"{found['optimiser']}, {found['looks']} looks at {found['examples']} rows of {found['task']} "
        f"by the head for {found['head']}; seed {found['seed']}. {found['source']}.",
        "",
        f"| | weights | loss | with {found['l1']:g} x mean of their sizes |",
        "| :-- | :-- | --: | --: |",
    ]
    for name in ("mean", "best"):
        look = found[name]
        weights = ", ".join(f"{weight:.4g}" for weight in look["weights"])
        lines.append(f"| {name} | {weights} | {look['loss']:.4f} | {look['objective']:.4f} |")
    return "\n".join([*lines, ""])
