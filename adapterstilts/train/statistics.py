"""`statistics`: measure a finished run on its own training rows, for the merges that need it.

What was measured lies beside the record, in a file of its own that is put in place whole; the run stays what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn

from adapterstilts.compose.members import Member, open_members, summed
from adapterstilts.compose.statistics import ABOUT, Kind, file_of, input_of
from adapterstilts.config.identity import canonical_json
from adapterstilts.config.resolve import read_settings
from adapterstilts.config.schema import Frozen, Precision, ResourceSettings
from adapterstilts.console import log, progress
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation import measuring
from adapterstilts.evaluation.heads import read_head
from adapterstilts.evaluation.load import load_run
from adapterstilts.formats import is_text
from adapterstilts.interrupt import listening
from adapterstilts.methods import methods
from adapterstilts.model import choose_runtime
from adapterstilts.store.atomic import new_file, remove_leftovers
from adapterstilts.store.places import locked
from adapterstilts.store.run import Run
from adapterstilts.train.plan import Plan, rows_of


class MeasuringSettings(Frozen):
    """How a run is measured."""

    examples: int = Field(512, ge=1, description="Training examples, drawn with the run's seed.")
    places: Literal["changed", "all"] = Field(
        "changed", description="Linear layers: those that the run changes, or all."
    )
    labels: measuring.Labels = Field("gold", description="Of Fisher information: gold, or drawn from the model's own.")
    precision: Precision = Field("fp32", description="How to compute.")
    tasks: tuple[str, ...] | None = Field(None, description="The run's tasks, where they are YAML files of your own.")
    resources: ResourceSettings = ResourceSettings()


def statistics(
    run: Run | str | Path, kinds: Sequence[Kind], *, base: str | None = None, settings: Mapping[str, Any] | None = None
) -> list[Path]:
    """Measure a run on its own training rows, for merges by regmean (`gram`) or fisher, and return the files.

    The rows are read again and must be those that the run was trained on. `settings`: dotted names of
    `MeasuringSettings`. Files that are there are replaced. Raises UserError for a run that was not trained by itself
    (a merge), of another method, and where its rows have changed; Interrupted after a signal, with nothing half done.
    """
    [member] = open_members([run])
    wanted = read_settings(MeasuringSettings, settings or {})
    _must_be_measurable(member, kinds)
    assert member.run is not None
    return measure(member, rows_of(member.run, wanted.tasks, wanted.resources.mirror), kinds, wanted, base)


def measure(
    member: Member, rows: Mapping[str, Rows], kinds: Sequence[Kind], wanted: MeasuringSettings, base: str | None = None
) -> list[Path]:
    """Measure a member on `rows`, by label, and put the files in place; what `statistics` does once it has its rows."""
    assert member.run is not None
    layers = _must_be_measurable(member, kinds)
    runtime = choose_runtime(wanted.resources, wanted.precision)
    loaded = load_run(member.run, runtime, base)
    encoded = {label: loaded.encode(some) for label, some in rows.items()}
    for task in sorted({some.task.name for some in rows.values()}):
        loaded.add_head(read_head(member.run, task))
    if layers and wanted.places == "all":
        layers = list(measuring.linear_layers(loaded.model.encoder))
    made = []
    with locked(member.path), listening() as stop:
        remove_leftovers(member.path)
        sample = measuring.draw(encoded, wanted.examples, member.run.record.seed)
        count = sum(len(chosen) for _, chosen in sample.values())
        for kind in kinds:
            with progress(f"measuring {kind}", count) as bar:
                work = measuring.Work(loaded.model, sample, runtime, stop, bar.advance)
                made.append(_measure(kind, work, layers, member, wanted))
    return made


def gram_of(run: Run, plan: Plan) -> Run:
    """Return the run, with its Gram matrices beside it where its training was asked for them and they are not there."""
    examples = plan.config.gram_examples
    if examples and not file_of(run.path, "gram").is_file():
        wanted = MeasuringSettings(examples=examples, resources=plan.config.resources)
        rows = {label: encoded.rows for label, encoded in plan.train.items()}
        own = {label: some for label, some in rows.items() if run.phase == "mlm" or not is_text(some.task)}
        measure(open_members([run])[0], own, ["gram"], wanted, plan.base.name)
    return run


def _must_be_measurable(member: Member, kinds: Sequence[Kind]) -> list[str]:
    """Return the layers that the run's LoRA changes, none of a bottleneck; a UserError for what has no statistics."""
    if member.run is None or member.run.phase not in ("intermediate", "target", "mlm"):
        what = member.run.phase if member.run else "peft folder"
        raise UserError(f"{member.path} is a {what} and has no training rows of its own", fix="measure its members")
    if not kinds:
        raise UserError("nothing is to be measured", fix="add --gram (for regmean) or --fisher")
    if member.methods == {"lora"}:
        return list(summed(member.adapters()))
    if "gram" in kinds or len(member.modules) > 1:
        raise UserError(
            f"{member.path} is no LoRA but {' + '.join(module.method for module in member.modules)}",
            fix="Gram matrices are of LoRA runs, Fisher information of those and of single bottlenecks",
        )
    return []


def _measure(
    kind: Kind, work: measuring.Work, layers: Sequence[str], member: Member, wanted: MeasuringSettings
) -> Path:
    """Measure one kind and put its file in place, whole or not at all."""
    make = _grams if kind == "gram" else _fisher
    file = file_of(member.path, kind)
    found, about = make(file, work, layers, member, wanted)
    with new_file(file) as temporary:
        words = canonical_json({"kind": kind, "digest": member.digest(), **about})
        save_file(found, temporary, metadata={ABOUT: words})
    return file


def _grams(
    file: Path, work: measuring.Work, layers: Sequence[str], _: Member, __: MeasuringSettings
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    modules = measuring.linear_layers(work.model.encoder)
    widths = {input_of(layer): int(cast(Any, modules[layer]).in_features) for layer in layers}
    _say_size(file, sum(width * (width + 1) // 2 for width in widths.values()))
    measured, tokens = measuring.gram(work, layers)
    return {name: _triangle(matrix) for name, matrix in measured.items()}, {"tokens": tokens}


def _fisher(
    file: Path, work: measuring.Work, layers: Sequence[str], member: Member, wanted: MeasuringSettings
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    assert member.run is not None
    weights = _weights(work.model.encoder, layers)
    _say_size(file, sum(weight.numel() for weight in weights.values()))
    measured, examples = measuring.fisher(work, weights, wanted.labels, member.run.record.seed)
    found = {name: tensor.cpu().contiguous() for name, tensor in measured.items()}
    return found, {"examples": examples, "labels": wanted.labels}


def _say_size(file: Path, numbers: int) -> None:
    log(f"{file}: {numbers:,} numbers, {4 * numbers:,} bytes")


def _weights(encoder: nn.Module, layers: Sequence[str]) -> dict[str, Tensor]:
    """Return the weights of the Linear layers under a LoRA, or all parameters of a bottleneck."""
    if not layers:
        return dict(methods.get("bottleneck").parameters(encoder, "at_0_0"))  # how restore_all names the first module
    found = measuring.linear_layers(encoder)
    return {layer: cast(Tensor, getattr(found[layer], "base_layer", found[layer]).weight) for layer in layers}


def _triangle(matrix: Tensor) -> Tensor:
    """Return the upper triangle, row after row, on the CPU."""
    held = matrix.cpu()
    return torch.cat([row[number:] for number, row in enumerate(held)])
