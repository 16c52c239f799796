"""The loop: every phase, every method, any number of members.

One optimiser step is one batch of one task. It runs as several passes of like length; each pass adds its
share of a loss that is normalised over the whole step, so the split into passes does not change the
gradient. State is whole between steps, and only there are signals heard and checkpoints written.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from adapterstilts.console import Bar, log, progress
from adapterstilts.data.batches import Indices, passes
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.evaluation.predict import gold_values, predict
from adapterstilts.formats import Meaning, learnable
from adapterstilts.interrupt import StopRequest
from adapterstilts.metrics import Scores, metrics
from adapterstilts.model import Runtime
from adapterstilts.store.atomic import write_json
from adapterstilts.train import averaging, checkpoint, cost
from adapterstilts.train.member import Member, rate_factor


class StepResult(NamedTuple):
    """What one optimiser step did: mean loss a target, gradient norm before clipping, learning rate."""

    task: str
    loss: float
    grad_norm: float
    learning_rate: float


def train(members: Sequence[Member], runtime: Runtime, stop: StopRequest) -> None:
    """Train all members to their end, in turn, step by step; then put in place what is kept: best or mean.

    Masked language modelling is scored before the first step and with what is kept, for the record.

    Raises Interrupted after saving every member; UserError if a loss is not finite or a tensor gets no
    gradient.
    """
    total = sum(member.total_steps for member in members)
    done = sum(member.progress.step for member in members)
    try:
        with progress("training", total, done) as bar:
            for member in members:
                if member.watched and member.progress.step == 0:
                    member.progress.first_scores = _all_scores(member, runtime, stop)
            while running := [member for member in members if not member.progress.finished]:
                for member in running:
                    _advance(member, runtime, stop, bar)
                stop.raise_if_asked()
    except Interrupted:
        for member in members:
            checkpoint.save(member)
            log(f"saved at step {member.progress.step}: {member.folder}; the same command goes on from there")
        raise
    for member in members:
        if member.settings.average:
            averaging.put_in_place(member)
            with cost.wall_clock(member.progress):
                member.progress.average_score = _mean_score(member, runtime, stop)[0]
        else:
            checkpoint.restore_best(member)
        if member.progress.first_scores:
            member.progress.kept_scores = _all_scores(member, runtime, stop)


def _advance(member: Member, runtime: Runtime, stop: StopRequest, bar: Bar) -> None:
    """Take one step with one member, and look at its dev rows or save it where that is due."""
    state = member.progress
    with cost.wall_clock(state):
        if state.step < member.total_steps and not _look_is_due(member):
            result = optimiser_step(member, runtime)
            _write_log(member, {"step": state.step, **result._asdict()})
            bar.advance()
            bar.note(f"{result.task} loss {result.loss:.3f}")
        if _look_is_due(member):
            _look(member, runtime, stop)
        elif state.step % member.settings.save_every == 0:
            checkpoint.save(member)


def optimiser_step(member: Member, runtime: Runtime) -> StepResult:
    """Take one optimiser step with one member and return what it did."""
    state, settings = member.progress, member.settings
    begun = time.perf_counter()
    task, indices = member.next_examples()
    member.activate()
    loss = _backward(member, task, indices, runtime)
    norm = torch.nn.utils.clip_grad_norm_([p for _, p in member.used_by(task)], settings.max_grad_norm)
    loss_value, norm_value = torch.stack([loss, norm.to(loss.dtype)]).tolist()
    _must_be_finite(member, task, indices, loss_value, norm_value)
    if not state.task_steps.get(task):
        _must_have_gradients(member, task)
    rate = (settings.learning_rate or 0.0) * rate_factor(state.step, member.total_steps, member.warmup)
    for group in member.optimiser.param_groups:
        group["lr"] = rate
    member.optimiser.step()
    member.optimiser.zero_grad(set_to_none=True)
    state.step += 1
    state.task_steps[task] = state.task_steps.get(task, 0) + 1
    state.train_s += time.perf_counter() - begun
    return StepResult(task, loss_value, norm_value, rate)


def _backward(member: Member, task: str, indices: Indices, runtime: Runtime) -> torch.Tensor:
    """Run the step's passes forward and backward; return the step's mean loss (a detached scalar)."""
    encoded, state, format = member.train[task], member.progress, learnable(member.train[task].rows.task)
    overhead = runtime.overhead_tokens(member.model.width)
    split = passes(encoded.lengths[indices], runtime.micro_batch_tokens, overhead)
    examples = [encoded.take(indices[positions], member.draw()) for positions in split]
    targets = max(1, sum(format.targets(some) for some in examples))
    total = torch.zeros((), device=runtime.device)
    member.model.train()
    with member.randomness.in_place():
        for some in examples:
            batch = format.collate(some, encoded.pad_id)
            state.tokens += int(
                batch["attention_mask"].sum() if "attention_mask" in batch else batch["input_ids"].numel()
            )
            batch = runtime.move(batch)
            with runtime.autocast():
                logits = member.model(member.head_of(task), batch)
            loss = format.loss_sum(logits, batch) / targets
            torch.autograd.backward(loss)
            total += loss.detach()
            state.padded_tokens += batch["input_ids"].numel()
            state.flops += member.size.training_flops(batch["input_ids"].shape)
    if (penalty := member.penalty()) is not None:
        torch.autograd.backward(penalty)
        total += penalty.detach()
    return total


def _look_is_due(member: Member) -> bool:
    state = member.progress
    at_mark = state.step % member.look_every == 0 or state.step >= member.total_steps
    return state.step > 0 and at_mark and state.last_look != state.step


def _look(member: Member, runtime: Runtime, stop: StopRequest) -> None:
    """Score the tasks' dev rows, remember the best, and finish after too long without a better one.

    A run that averages takes all its steps: no look decides what it keeps, or how long it learns. Text that is
    interleaved has no say in it. An interrupt during the look leaves the state as it was before it: the resumed
    run looks again.
    """
    state = member.progress
    score, scores = _mean_score(member, runtime, stop)
    averaging.include(member)
    state.last_look = state.step
    if score > state.best_score:
        state.best_score, state.best_step, state.looks_without_better = score, state.step, 0
    else:
        state.looks_without_better += 1
    given_up = state.looks_without_better >= member.settings.patience and not member.settings.average
    state.finished = state.step >= member.total_steps or given_up
    _write_log(member, {"step": state.step, "dev": scores, "best_step": state.best_step})
    checkpoint.save(member)


def _mean_score(member: Member, runtime: Runtime, stop: StopRequest) -> tuple[float, dict[str, float]]:
    """Return the mean of the tasks' dev scores, and the scores by label."""
    scores = {label: _dev_score(member, label, runtime, stop) for label in member.own}
    return sum(scores.values()) / len(scores), scores


def _dev_score(member: Member, label: str, runtime: Runtime, stop: StopRequest) -> float:
    main = metrics.get(member.dev[label].rows.task.metric).main
    return _dev_scores(member, label, runtime, stop)[main]


def _dev_scores(member: Member, label: str, runtime: Runtime, stop: StopRequest) -> Scores:
    encoded, of = member.dev[label], member.dev[label].rows.task
    member.activate()
    meaning = Meaning(of.labels, of.no_answer)
    predictions = predict(member.model, encoded, member.head_of(label), meaning, runtime, stop)
    return metrics.get(of.metric).score(gold_values(encoded), [p.value for p in predictions])


def _all_scores(member: Member, runtime: Runtime, stop: StopRequest) -> dict[str, Scores]:
    """Return all scores of held-out text by label, as a record keeps them; a look of its own, on the wall clock."""
    with cost.wall_clock(member.progress):
        return {label: _dev_scores(member, label, runtime, stop) for label in member.watched}


def _must_be_finite(member: Member, task: str, indices: Indices, loss: float, norm: float) -> None:
    if math.isfinite(loss) and math.isfinite(norm):
        return
    encoded = member.train[task]
    rows = sorted({int(row) for row in encoded.take(indices)["row"]})
    failure = {
        "step": member.progress.step, "task": task, "loss": str(loss), "grad_norm": str(norm),
        "rows": rows, "data": encoded.rows.origin(),
    }  # fmt: skip
    write_json(member.folder / "failure.json", failure)
    raise UserError(
        f"training stopped at step {member.progress.step}: on {task} the loss is {loss} and the gradient norm {norm}",
        where=f"the {len(rows)} rows of that step are named in {member.folder / 'failure.json'}",
        fix="try a lower rate (--set train.learning_rate=...) or --precision fp32, in a new --out",
    )


def _must_have_gradients(member: Member, task: str) -> None:
    """Stop if a tensor that this task should train has got no gradient at all in the task's first step."""
    without = [key for key, parameter in member.used_by(task) if parameter.grad is None]
    if without:
        raise UserError(
            f"after the first step on {task}, {len(without)} trained tensors have no gradient, such as {without[0]}",
            fix="the module is not connected to the loss; please report this with your command",
        )


def _write_log(member: Member, entry: Mapping[str, Any]) -> None:
    with (member.folder / "log.jsonl").open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(entry) + "\n")
