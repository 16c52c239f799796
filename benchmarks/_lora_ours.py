"""The contender `ours` of lora_training_cpu.py: the real train_intermediate, its steps taken in turns."""

from __future__ import annotations

import json
import time

import torch
from _turns import Setting, Turns, read_setting

from adapterstilts import train_intermediate
from adapterstilts.model import Runtime
from adapterstilts.train import loop
from adapterstilts.train.loop import StepResult
from adapterstilts.train.member import Member

_NEVER = 10**6  # steps between looks and checkpoints


def main() -> None:
    """Train until the benchmark ends this process."""
    setting = read_setting()
    torch.set_num_threads(setting.threads)
    loop.optimiser_step = InTurns(setting, Turns())
    train_intermediate(
        setting.task,
        out=setting.file("run"),
        base=setting.base,
        settings={
            "method.r": setting.rank, "method.alpha": setting.alpha, "method.target_modules": "query,value",
            "train.learning_rate": setting.learning_rate, "train.batch_size": setting.batch_size,
            "train.max_steps": 2 * setting.steps_of_a_pass + 1, "train.eval_every": _NEVER,
            "train.save_every": _NEVER, "data.limit_train": setting.rows, "data.max_length": setting.max_length,
            "resources.device": "cpu", "resources.mirror": setting.mirror, "seed": setting.seed,
        },
    )  # fmt: skip


class InTurns:
    """Stands in the loop's place for its optimiser step: waits, lets the real one work, times it."""

    def __init__(self, setting: Setting, turns: Turns) -> None:
        self.setting, self.turns, self.step = setting, turns, loop.optimiser_step
        self.begun, self.tokens, self.padded = 0.0, 0, 0

    def __call__(self, member: Member, runtime: Runtime) -> StepResult:
        """Take the step that is due."""
        state, untimed, turn = member.progress, self.setting.steps_of_a_pass, self.setting.steps
        if state.step == 0:
            write_rows(member, self.setting)
        if state.step >= untimed and state.step % turn == 0:
            self._begin_turn(member, runtime)
        result = self.step(member, runtime)
        if state.step > untimed and state.step % turn == 0:
            tokens, padded = state.tokens - self.tokens, state.padded_tokens - self.padded
            self.turns.say(seconds=time.perf_counter() - self.begun, tokens=tokens, padded_tokens=padded)
        return result

    def _begin_turn(self, member: Member, runtime: Runtime) -> None:
        """Wait, take the last step once more untimed, and start the clock."""
        if member.progress.step == self.setting.steps_of_a_pass:
            self.turns.say(precision=runtime.precision)
        self.turns.wait()
        _set_step(member, member.progress.step - 1)
        self.step(member, runtime)
        self.tokens, self.padded = member.progress.tokens, member.progress.padded_tokens
        self.begun = time.perf_counter()


def write_rows(member: Member, setting: Setting) -> None:
    """Leave for the others what is trained on: every row's ids and label, and the rows of every step."""
    encoded, batches = member.train[setting.task], []
    for step in range(2 * setting.steps_of_a_pass):
        _set_step(member, step)
        batches.append(member.next_examples()[1].tolist())
    _set_step(member, 0)
    rows = {"input_ids": encoded.examples["input_ids"][:], "label": encoded.examples["label"][:]}
    setting.file("rows.json").write_text(json.dumps({"rows": rows, "batches": batches}), encoding="utf-8")


def _set_step(member: Member, step: int) -> None:
    state = member.progress
    state.step = step
    state.task_steps = {name: step for name in member.train if step}


if __name__ == "__main__":
    main()
