"""The end of a run: what was learned, then the record that makes the run a finished one."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Sequence
from typing import Any

from adapterstilts.evaluation.heads import save_head
from adapterstilts.formats import formats
from adapterstilts.store.atomic import flush_tree, write_json
from adapterstilts.store.run import (
    Base,
    Budget,
    Cost,
    Guesses,
    HeldOut,
    Module,
    Run,
    RunRecord,
    TrainableParams,
    copy_modules,
    write_stack,
)
from adapterstilts.train.fused import Fused, Left
from adapterstilts.train.member import Member
from adapterstilts.train.plan import Plan

_PACKAGES = ("adapterstilts", "torch", "transformers", "peft", "datasets", "tokenizers", "numpy")


def finish(member: Member, plan: Plan) -> Run:
    """Write what was learned, then the record that makes the run a finished one, then drop checkpoints."""
    left = _save_modules(member, plan)
    for task in plan.tasks():
        save_head(member.model, task, member.folder / "heads")
    flush_tree(member.folder)
    record = _record(member, plan, left)
    write_json(member.folder / "run.json", record.model_dump(mode="json"))
    shutil.rmtree(member.folder / "checkpoints", ignore_errors=True)
    return Run(member.folder, record)


def _save_modules(member: Member, plan: Plan) -> Left:
    """Write the trained module, above copies of those that it stands on; the bytes are those of the trained one."""
    if isinstance(plan.start, Fused):
        return plan.start.save(member.model.encoder, member.name, member.folder, plan.base)
    root, below = member.folder / member.method.folder, plan.start.below
    folder = root / str(len(below)) if below else root
    if below:
        shutil.rmtree(root, ignore_errors=True)  # what a killed command has left
        copy_modules(below, root)
        sources = [str(plan.start.run.path.resolve()) if plan.start.run else ""] * len(below)
        write_stack(root, [*below, Module(member.config.method.name, folder)], [*sources, str(member.folder.resolve())])
    return Left(member.method.save(member.model.encoder, member.name, folder, plan.base), {})


def _record(member: Member, plan: Plan, left: Left) -> RunRecord:
    state, base, before = member.progress, plan.base, plan.start.before
    sizes = {part: sum(p.numel() for key, p in member.parameters.items() if key.startswith(part))
             for part in ("adapter.", "heads.")}  # fmt: skip
    return RunRecord(
        status="done",
        fingerprint=member.identity,
        config={**plan.config.model_dump(mode="json"), **left.config},
        parents=plan.start.parents,
        base=Base(name=base.name, fingerprint=base.fingerprint),
        initialisation=member.initialisation,
        first_heads=member.first_heads,
        data=plan.origins(),
        packages={name: importlib.metadata.version(name) for name in _PACKAGES},
        seed=plan.config.seed,
        best=_best(member),
        budget=_budget(member, before),
        cost=Cost(
            wall_s=state.wall_s, train_s=state.train_s, tokens=state.tokens, padded_tokens=state.padded_tokens,
            flops=state.flops, peak_memory_bytes=state.peak_memory_bytes, adapter_bytes=left.adapter_bytes,
            trainable_params=TrainableParams(adapter=sizes["adapter."], heads=sizes["heads."]),
        ),
        held_out=_held_out(member),
        source_languages=sorted({*_taught_in(member), *(one for run in before for one in run.source_languages)}),
    )  # fmt: skip


def _best(member: Member) -> dict[str, Any]:
    """Return the best look, and beside it what the mean of looks scores on the same rows, where that was kept."""
    state = member.progress
    best = {"step": state.best_step, "score": state.best_score, "steps": state.step, "planned": member.total_steps}
    if not state.averaged:
        return best
    return {**best, "average": {"looks": state.averaged, "score": state.average_score}}


def _taught_in(member: Member) -> set[str]:
    """Return the languages of the labelled rows; text whose hidden words are guessed has no labels."""
    rows = [encoded.rows for encoded in member.train.values()]
    return {one.language for one in rows if not getattr(formats.get(one.task.format), "multilingual", False)}


def _held_out(member: Member) -> HeldOut | None:
    """Return how well text was guessed before the first step and with the kept weights; None where nobody looked."""
    state = member.progress
    if not state.first_scores:
        return None
    before, after = (
        {member.dev[label].rows.language: Guesses.model_validate(scores) for label, scores in look.items()}
        for look in (state.first_scores, state.kept_scores)
    )
    return HeldOut(before=before, after=after)


def _budget(member: Member, before: Sequence[Run]) -> Budget:
    """Add this run's planned examples to those of the runs before it: what `compare` holds budgets by."""
    examples = member.total_steps * member.settings.batch_size
    earlier = [run.record.budget for run in before]
    return Budget(
        steps=member.total_steps,
        examples=examples,
        examples_with_parents=examples + sum(budget.examples_with_parents for budget in earlier),
        train_s_with_parents=member.progress.train_s + sum(budget.train_s_with_parents for budget in earlier),
    )
