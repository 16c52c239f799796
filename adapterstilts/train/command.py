"""`train-intermediate` and `train-target`: from settings to a finished run folder.

Everything that can be wrong is found before the folder is touched; from then on the same command resumes.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.base import load_tokenizer, must_fit_positions
from adapterstilts.config.identity import derive_seed, fingerprint
from adapterstilts.config.resolve import differences, resolve
from adapterstilts.config.schema import MethodSettings, Phase, RunConfig
from adapterstilts.console import log
from adapterstilts.data.cache import Encoded, encode_rows
from adapterstilts.data.source import Rows, load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.load import save_head
from adapterstilts.interrupt import listening
from adapterstilts.methods import methods
from adapterstilts.model import (
    Randomness,
    Runtime,
    TransferModel,
    choose_runtime,
    hold_frozen_in_bf16,
    seeded,
)
from adapterstilts.store.atomic import flush_tree, write_json
from adapterstilts.store.places import locked
from adapterstilts.store.run import Base, Budget, Cost, Parent, Run, RunRecord, TrainableParams, read_run
from adapterstilts.tasks import Split, Task, require
from adapterstilts.train import checkpoint, cost, loop
from adapterstilts.train.member import Member
from adapterstilts.train.start import Start, find_start, must_fit

_PACKAGES = ("adapterstilts", "torch", "transformers", "peft", "datasets", "tokenizers", "numpy")


def train_intermediate(
    task: str | Sequence[str],
    *,
    out: str | Path,
    method: str = "lora",
    base: str | None = None,
    start: str | Path | None = None,
    on_top: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Train one or several intermediate tasks and return the finished run.

    `base`: a Hub id or a folder; None means XLM-R Large, or the base of `start`. `start`: a run to go on
    from. `settings`: dotted names as `--set` takes them (`adapterstilts settings` lists them). The same
    call resumes an interrupted run and returns a finished one at once. Raises UserError for bad input,
    Interrupted after a signal.
    """
    return _train("intermediate", task, out, _Given(method, base, start, on_top, settings or {}))


def train_target(
    task: str | Sequence[str],
    *,
    out: str | Path,
    method: str = "lora",
    base: str | None = None,
    start: str | Path | None = None,
    on_top: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Train a target task on its English rows, usually from an intermediate run, and return the run.

    The arguments are those of `train_intermediate`. Heads are fresh.
    """
    return _train("target", task, out, _Given(method, base, start, on_top, settings or {}))


@dataclass(frozen=True)
class _Given:
    method: str
    base: str | None
    start: str | Path | None
    on_top: bool
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class _Plan:
    """A run before its first step: all questions asked, nothing written."""

    config: RunConfig[MethodSettings]
    start: Start
    runtime: Runtime
    train: dict[str, Encoded]
    dev: dict[str, Encoded]

    def resolved(self) -> dict[str, Any]:
        """Return what decides the result: all settings but resources, with digests in place of paths."""
        settings = self.config.model_dump(mode="json", exclude={"resources", "base", "start"})
        parents = [self.start.run.record.fingerprint] if self.start.run else []
        return {**settings, "base": self.start.base.fingerprint, "parents": parents, "rows": self.origins()}

    def origins(self) -> dict[str, Any]:
        """Return where all rows are from, by task and split."""
        many = [*self.train.values(), *self.dev.values()]
        return {f"{e.rows.task.name}-{e.rows.split}": e.rows.origin() for e in many}


def _train(phase: Phase, task: str | Sequence[str], out: str | Path, given: _Given) -> Run:
    folder = Path(out)
    plan = _plan(phase, [task] if isinstance(task, str) else list(task), given, _revisions(folder))
    finished = _agree(folder, plan.resolved())
    if finished:
        log(f"already done: {folder}")
        return finished
    log(plan.start.sentence())
    cost.forget_peak_memory()
    member = _member(plan, folder)
    with locked(folder), listening() as stop:
        if finished := _agree(folder, plan.resolved()):  # another process was quicker
            return finished
        write_json(folder / "config.json", plan.resolved())
        checkpoint.resume(member)
        loop.train([member], plan.runtime, stop)
        return _finish(member, plan)


def _plan(phase: Phase, names: Sequence[str], given: _Given, revisions: Mapping[str, str]) -> _Plan:
    declared = [require(name, phase) for name in names]
    if len(set(names)) < len(names):
        raise UserError(f"a task is named twice: {', '.join(names)}", fix="name each --task once")
    start = find_start(given.method, given.base, str(given.start) if given.start else None, given.on_top)
    method = methods.get(given.method)
    fields = {
        "phase": phase, "tasks": tuple(names), "method": {**start.settings(), "name": given.method},
        "base": start.base.name, "start": str(given.start) if given.start else None, "on_top": given.on_top,
    }  # fmt: skip
    config: RunConfig[MethodSettings] = resolve(fields, given.settings, method.schema)
    must_fit(start, config.method)
    runtime = choose_runtime(config.resources, config.precision)
    rate = config.train.learning_rate or method.learning_rate
    config = config.model_copy(
        update={
            "precision": runtime.precision,
            "train": config.train.model_copy(update={"learning_rate": rate}),
        }
    )
    tokenizer, mirror, length = load_tokenizer(start.base), config.resources.mirror, config.data.max_length
    seed = derive_seed(config.seed, "limit_train")
    must_fit_positions(start.base, length)

    def load(task: Task, split: Split) -> Rows:
        return load_rows(task, "en", split, mirror, revisions.get(f"{task.name}-{split}"))

    train = {t.name: load(t, "train").pick(config.data.limit_train, seed) for t in declared}
    dev = {t.name: load(t, "dev").pick(config.train.eval_examples, None) for t in declared}
    return _Plan(
        config, start, runtime,
        {name: encode_rows(rows, tokenizer, length) for name, rows in train.items()},
        {name: encode_rows(rows, tokenizer, length) for name, rows in dev.items()},
    )  # fmt: skip


def _revisions(folder: Path) -> dict[str, str]:
    """Return the data revisions that a run in `folder` began with: a resumed run reads the same rows."""
    file = folder / "config.json"
    if not file.is_file():
        return {}
    rows = json.loads(file.read_text(encoding="utf-8")).get("rows", {})
    return {name: origin["revision"] for name, origin in rows.items()}


def _agree(folder: Path, resolved: Mapping[str, Any]) -> Run | None:
    """Return the finished run if `folder` holds this very one; refuse a folder that holds anything else."""
    file = folder / "config.json"
    if not file.is_file():
        others = [path.name for path in folder.iterdir() if path.name != ".lock"] if folder.is_dir() else []
        if others:
            raise UserError(f"{folder} is not empty and holds no run ({others[0]}, ...)", fix="choose another --out")
        return None
    changed = differences(json.loads(file.read_text(encoding="utf-8")), json.loads(json.dumps(resolved)))
    if changed:
        raise UserError(
            f"{folder} holds a run with other settings",
            where="\n  ".join(changed),
            fix="repeat the command that began it, or choose another --out",
        )
    return read_run(folder) if (folder / "run.json").is_file() else None


def _member(plan: _Plan, folder: Path) -> Member:
    config, identity = plan.config, fingerprint(plan.resolved())
    name = f"at_{identity[:8]}"
    method = methods.get(config.method.name)
    with seeded(derive_seed(config.seed, "adapter")):
        encoder = plan.start.encoder(config.method, name)
    if plan.runtime.precision == "bf16" and method.frozen_base:
        hold_frozen_in_bf16(encoder, method.parameters(encoder, name).values())
    model = TransferModel(encoder)
    for encoded in plan.train.values():
        model.add_head(encoded.rows.task, config.seed)
    model.to(plan.runtime.device)
    randomness = Randomness(derive_seed(config.seed, "training"), plan.runtime.device)
    return Member(name, folder, identity, config, method, model, plan.train, plan.dev, randomness)


def _finish(member: Member, plan: _Plan) -> Run:
    """Write what was learned, then the record that makes the run a finished one, then drop checkpoints."""
    adapter_bytes = member.method.save(member.model.encoder, member.name, member.folder, plan.start.base)
    for encoded in member.train.values():
        save_head(member.model, encoded.rows.task, member.folder / "heads")
    flush_tree(member.folder)
    record = _record(member, plan, adapter_bytes)
    write_json(member.folder / "run.json", record.model_dump(mode="json"))
    shutil.rmtree(member.folder / "checkpoints", ignore_errors=True)
    return Run(member.folder, record)


def _record(member: Member, plan: _Plan, adapter_bytes: int) -> RunRecord:
    state, base, run = member.progress, plan.start.base, plan.start.run
    sizes = {part: sum(p.numel() for key, p in member.parameters.items() if key.startswith(part))
             for part in ("adapter.", "heads.")}  # fmt: skip
    return RunRecord(
        status="done",
        fingerprint=member.identity,
        config=plan.config.model_dump(mode="json"),
        parents=[Parent(path=str(run.path.resolve()), fingerprint=run.record.fingerprint)] if run else [],
        base=Base(name=base.name, fingerprint=base.fingerprint),
        data=plan.origins(),
        packages={name: importlib.metadata.version(name) for name in _PACKAGES},
        seed=plan.config.seed,
        best={"step": state.best_step, "score": state.best_score, "steps": state.step, "planned": member.total_steps},
        budget=_budget(member, run),
        cost=Cost(
            wall_s=state.wall_s, train_s=state.train_s, tokens=state.tokens, padded_tokens=state.padded_tokens,
            flops=state.flops, peak_memory_bytes=state.peak_memory_bytes, adapter_bytes=adapter_bytes,
            trainable_params=TrainableParams(adapter=sizes["adapter."], heads=sizes["heads."]),
        ),
    )  # fmt: skip


def _budget(member: Member, before: Run | None) -> Budget:
    """Add this run's planned examples to those of the runs before it: what `compare` holds budgets by."""
    examples = member.total_steps * member.settings.batch_size
    earlier = before.record.budget if before else None
    return Budget(
        steps=member.total_steps,
        examples=examples,
        examples_with_parents=examples + (earlier.examples_with_parents if earlier else 0),
        train_s_with_parents=member.progress.train_s + (earlier.train_s_with_parents if earlier else 0.0),
    )
