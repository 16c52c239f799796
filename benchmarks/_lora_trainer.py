"""The contenders of lora_training_cpu.py that are transformers' Trainer with peft, as a user sets it up."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import numpy as np
import peft
import torch
import transformers
from _turns import Setting, Turns, read_setting
from transformers.trainer_pt_utils import get_length_grouped_indices

MEGA_BATCH = 50  # batches that group_by_length sorts together where there are rows enough
Batch = Sequence[int]


@dataclass(frozen=True)
class Way:
    """How a user sets up the Trainer."""

    bf16: bool
    by_length: bool
    base_dtype: torch.dtype = torch.float32


WAYS = {
    "usual": Way(bf16=False, by_length=False),
    "best": Way(bf16=True, by_length=True),
    "bf16 base": Way(bf16=True, by_length=True, base_dtype=torch.bfloat16),
}


class InGivenOrder(transformers.Trainer):
    """The Trainer, with the order of its rows already worked out."""

    order: list[int]

    def _get_train_sampler(self, *_: Any) -> Any:
        return self.order


def main() -> None:
    """Train with one call of train(), which a callback holds up between turns."""
    setting, way = read_setting(), WAYS[sys.argv[2]]
    torch.set_num_threads(setting.threads)
    turns, known = Turns(), json.loads(setting.file("rows.json").read_text(encoding="utf-8"))
    rows = as_users_keep_them(known["rows"])
    lengths = [len(ids) for ids in known["rows"]["input_ids"]]
    batches = grouped_batches(setting, lengths) if way.by_length else known["batches"]
    planned = list(with_untimed(setting, batches))
    trainer = InGivenOrder(
        model=make_model(way, setting),
        args=make_arguments(way, setting, len(planned)),
        train_dataset=rows,
        data_collator=transformers.DataCollatorWithPadding(transformers.AutoTokenizer.from_pretrained(setting.base)),
        callbacks=[Clock(setting, [np.take(lengths, batch) for batch in planned], turns)],
    )
    trainer.order = [row for batch in planned for row in batch]
    precision = trainer.accelerator.mixed_precision
    assert precision == ("bf16" if way.bf16 else "no"), precision
    trainer.train()


def as_users_keep_them(rows: dict[str, list[Any]]) -> datasets.Dataset:
    """Return the rows as a data set with the columns that a tokenizer gives."""
    return datasets.Dataset.from_dict({**rows, "attention_mask": [[1] * len(ids) for ids in rows["input_ids"]]})


def grouped_batches(setting: Setting, lengths: list[int]) -> list[Batch]:
    """Return two passes in the order of group_by_length, as a large data set would have it.

    transformers sorts 50 batches together, but fewer where that leaves less than four such groups; so 50 is
    given. Each turn takes every n-th batch of a pass, from its longest to its shortest.
    """
    draw, batches = torch.Generator().manual_seed(setting.seed), []
    for _ in range(2):
        order = get_length_grouped_indices(lengths, setting.batch_size, mega_batch_mult=MEGA_BATCH, generator=draw)
        one_pass = np.asarray(order).reshape(-1, setting.batch_size).tolist()
        batches += [batch for turn in range(setting.repeats) for batch in one_pass[turn :: setting.repeats]]
    return batches


def with_untimed(setting: Setting, batches: list[Batch]) -> Iterator[Batch]:
    """Yield the untimed pass, then for each turn the batch before it once more and its own."""
    untimed = setting.steps_of_a_pass
    yield from batches[:untimed]
    for begin in range(untimed, 2 * untimed, setting.steps):
        yield from batches[begin - 1 : begin + setting.steps]


def make_model(way: Way, setting: Setting) -> peft.PeftModel:
    """Return a sequence classifier with the LoRA on query and value."""
    torch.manual_seed(setting.seed)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        setting.base, num_labels=setting.labels, dtype=way.base_dtype
    )
    config = peft.LoraConfig(
        task_type=peft.TaskType.SEQ_CLS,
        r=setting.rank,
        lora_alpha=setting.alpha,
        lora_dropout=0.0,
        target_modules=["query", "value"],
    )
    return peft.get_peft_model(model, config)


def make_arguments(way: Way, setting: Setting, steps: int) -> transformers.TrainingArguments:
    """Return arguments under which the Trainer trains and does nothing else."""
    return transformers.TrainingArguments(
        output_dir=str(setting.file("trainer")), per_device_train_batch_size=setting.batch_size,
        max_steps=steps, learning_rate=setting.learning_rate, weight_decay=0.01, max_grad_norm=1.0,
        bf16=way.bf16, use_cpu=True, dataloader_num_workers=0, dataloader_pin_memory=False,
        eval_strategy="no", save_strategy="no", logging_strategy="no", report_to=[], disable_tqdm=True,
        seed=setting.seed,
    )  # fmt: skip


class Clock(transformers.TrainerCallback):
    """Waits for each turn and times its steps, from the end of the untimed one to the end of the last."""

    def __init__(self, setting: Setting, lengths: list[Any], turns: Turns) -> None:
        self.untimed, self.steps, self.turns = setting.steps_of_a_pass, setting.steps, turns
        self.tokens = [int(some.sum()) for some in lengths]
        self.padded = [len(some) * int(some.max()) for some in lengths]
        self.begun = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell by the number of the finished step what is to be done."""
        now, done = time.perf_counter(), state.global_step
        place = (done - self.untimed) % (self.steps + 1)
        if done < self.untimed:
            return
        if place == 1:
            self.begun = time.perf_counter()
        elif place == 0 and done == self.untimed:
            self.turns.say(precision="bf16" if args.bf16 else "fp32")
            self.turns.wait()
        elif place == 0:
            timed = slice(done - self.steps, done)
            tokens, padded = sum(self.tokens[timed]), sum(self.padded[timed])
            self.turns.say(seconds=now - self.begun, tokens=tokens, padded_tokens=padded)
            self.turns.wait()


if __name__ == "__main__":
    main()
