"""What a step asks of a machine: arithmetic, disk, memory, reckoned from its settings alone.

Arithmetic is reckoned as trainings themselves do (`train/cost.py`). What settings do not say is assumed, by the
constants below: how long the texts of a format are, how many rows a person's own file has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from adapterstilts.config.schema import DataSettings, InterleavingSettings, ResourceSettings, TrainSettings
from adapterstilts.data.own import find_task
from adapterstilts.experiment.shapes import Shape, shape_of
from adapterstilts.experiment.step import Graph, Step
from adapterstilts.methods import method_of
from adapterstilts.mini.embedded import MINI
from adapterstilts.tasks import Task
from adapterstilts.tasks._groups import expand

# Assumed: tokens of an example, over all its windows; a multiple choice is read once an answer.
TOKENS = {
    "classification": 50, "multiple_choice": 240, "span": 250, "tagging": 40, "preference": 400, "masked_lm": 256,
    "retrieval": 30, "mining": 30, "answer_retrieval": 150,
}  # fmt: skip
OTHER_TOKENS = 100  # of formats of other packages
UNKNOWN_ROWS = 10_000  # of a person's own task, whose files nobody counts while planning
MINI_ROWS, MINI_FEW = 3000, 250  # what the embedded world has of every task
ROW_BYTES = 60  # of a prediction
PROCESS_BYTES = 1_000_000_000  # Python, torch, the tokenizer, a batch's rows
TRANSLATOR = 600_000_000  # parameters: NLLB's small model
PASSES_TRANSLATING = 5  # each token is read once, and written in about four beams

_DEFAULTS = {
    f"{room}.{name}": field.default
    for room, schema in (
        ("train", TrainSettings),
        ("data", DataSettings),
        ("mlm", InterleavingSettings),
        ("resources", ResourceSettings),
    )
    for name, field in schema.model_fields.items()
}


class Demand(NamedTuple):
    """What a step asks for: floating-point operations, bytes that stay on disk, bytes of memory."""

    flops: float
    disk: float
    memory: float
    sure: bool = True


class Module(NamedTuple):
    """What is trained: its method, its parameters, whether the encoder below it stays frozen."""

    method: str
    parameters: int
    frozen: bool


class Demands:
    """The demands of a graph's steps; `of` a kind that is not known here are nothing at all, and not sure."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._by_kind: dict[str, Callable[[Step], Demand]] = {
            "train": self._training, "fuse": self._training, "evaluate": self._evaluation, "retain": self._retention,
            "measure": self._measure, "translate": self._translation, "merge": self._composition,
            "stack": self._composition, "average": self._composition, "select": _nothing,
        }  # fmt: skip
        self.base, self.module = cache(self._base), cache(self._module)

    def of(self, step: Step) -> Demand:
        """Return what a step asks for."""
        known = self._by_kind.get(step.kind)
        return known(step) if known else Demand(0, 0, PROCESS_BYTES, False)

    def base_of(self, step: Step) -> str:
        """Return the name of the base that a step works on; "" where nobody says."""
        return str(self.base(step.id) or "")

    def _training(self, step: Step) -> Demand:
        shape, known = shape_of(self.base(step.id))
        module, names = self.module(step.id), _tasks(step)
        examples, sure = self.examples(step)
        looks = min(10.0, examples) * _number(_setting(step, "train.eval_examples"))
        tokens = _mean([_tokens(task, step) for task in names])
        backward = 1.0 if module.frozen else 2.0
        flops = _forward(shape, tokens) * (examples * (1 + backward) + looks)
        trained = module.parameters + shape.hidden**2  # and a head
        kept = 4.0 * trained * (1 + 2 * 3)  # and two checkpoints, each with AdamW's two moments
        return Demand(flops, kept, self._memory(step, shape, module), known and sure)

    def _memory(self, step: Step, shape: Shape, module: Module) -> float:
        """Weights, what training adds to each trained one, and the activations of one pass."""
        tokens = _number(_setting(step, "resources.micro_batch_tokens"))
        activations = tokens * shape.layers * (34 * shape.hidden + 2 * 256 * 16)  # 16-bit, heads' scores in windows
        return PROCESS_BYTES + 4.0 * shape.parameters + 12.0 * module.parameters + activations

    def _evaluation(self, step: Step) -> Demand:
        shape, known = shape_of(self.base(step.id))
        task, split = find_task(str(step.settings["task"])), str(step.settings.get("split", "test"))
        spoken = step.settings.get("languages") or task.languages
        mini = self._is_mini(step)
        counts = [_rows(task, language, split, mini) for language in spoken if language in task.configs]
        rows, sure = sum(count for count, _ in counts), all(sure for _, sure in counts)
        sides = 2 if task.format in ("retrieval", "mining") else 1
        flops = _forward(shape, _tokens(task, step)) * rows * sides
        return Demand(flops, ROW_BYTES * rows, PROCESS_BYTES + 4.0 * shape.parameters, known and sure)

    def _retention(self, step: Step) -> Demand:
        """All tasks of the trainings that it comes from, on English rows, by two encoders each."""
        shape, known = shape_of(self.base(step.id))
        found = [task for one in self.trainings(step) for task in _tasks(one)]
        rows = [(_rows(task, "en", "dev", self._is_mini(step))[0], task) for task in found]
        flops = sum(2 * count * _forward(shape, _tokens(task, step)) for count, task in rows)
        disk = sum(2 * ROW_BYTES * count for count, _ in rows)
        return Demand(flops, disk, PROCESS_BYTES + 8.0 * shape.parameters, known)

    def _measure(self, step: Step) -> Demand:
        shape, known = shape_of(self.base(step.id))
        disk = 4.0 * shape.layers * 6 * shape.hidden**2
        return Demand(1000 * 3 * _forward(shape, 100), disk, PROCESS_BYTES + 4.0 * shape.parameters, known)

    def _translation(self, step: Step) -> Demand:
        found = [find_task(name) for name in expand(list(step.settings["tasks"]))]
        rows = [(_rows(task, task.train_language, "train", self._is_mini(step)), _tokens(task, step)) for task in found]
        tokens = sum(count * length for (count, _), length in rows)
        flops = 2.0 * TRANSLATOR * PASSES_TRANSLATING * tokens
        return Demand(flops, 6 * tokens, PROCESS_BYTES + 4 * TRANSLATOR, all(sure for (_, sure), _ in rows))

    def _composition(self, step: Step) -> Demand:
        _, known = shape_of(self.base(step.id))
        module = self.module(step.id)
        return Demand(0, 4.0 * module.parameters, PROCESS_BYTES + 8.0 * module.parameters, known)

    def examples(self, step: Step) -> tuple[float, bool]:
        """Return how many examples a training reads in all its steps, and whether that is known."""
        batch = _number(_setting(step, "train.batch_size"))
        share = 1 - _number(_setting(step, "mlm.ratio") or 0)
        matched = [self._first(one) for one in step.parents.get("matched", ())]
        if matched:
            parts = [self.examples(one) for step in matched for one in (step, *self.trainings(step))]
            return sum(count for count, _ in parts), all(sure for _, sure in parts)
        if _setting(step, "train.max_steps"):
            return batch * _number(_setting(step, "train.max_steps")) / share, True
        limit = float(_setting(step, "data.limit_train") or math.inf)
        found = [_rows(task, _source(task, step), "train", self._is_mini(step)) for task in _tasks(step)]
        rows = sum(min(count, limit) for count, _ in found)
        steps = math.ceil(rows * _number(_setting(step, "train.epochs")) / batch)
        return batch * steps / share, all(sure for _, sure in found)

    def trainings(self, step: Step) -> list[Step]:
        """Return the trainings that a step's run comes from, without itself; of several that are tried, the first."""
        found: dict[str, Step] = {}
        for part in ("run", "start", "members", "tried"):
            for number, identity in enumerate(step.parents.get(part, ())):
                if part == "tried" and number:
                    break
                one = self.graph.steps[identity]
                found |= {one.id: one} if one.kind == "train" else {}
                found |= {other.id: other for other in self.trainings(one)}
        return list(found.values())

    def _is_mini(self, step: Step) -> bool:
        """Whether its rows are the embedded world's: where it says so, or where it works on the embedded base."""
        return MINI in (step.settings.get("mirror") or self.base(step.id), step.settings.get("model"))

    def _first(self, identity: str) -> Step:
        """Return a step, or in a choice's place the first of what it chooses among."""
        step = self.graph.steps[identity]
        return self._first(step.parents["tried"][0]) if step.parents.get("tried") else step

    def _before(self, step: Step) -> list[str]:
        return [one for part in ("start", "members", "run", "tried") for one in step.parents.get(part, ())]

    def _base(self, identity: str) -> str | None:
        step = self.graph.steps[identity]
        before = self._before(step)
        if "base" in step.settings or not before:  # a translation has none
            return step.settings.get("base")
        return self.base(before[0])

    def _module(self, identity: str) -> Module:
        """Return what a step trains or puts together; a training that goes on has the shape of what it starts from."""
        step = self.graph.steps[identity]
        shape, _ = shape_of(self.base(identity))
        members = [self.module(one) for one in step.parents.get("members", ())]
        if step.kind == "fuse" and members:
            attention = 3 * shape.hidden**2 * shape.layers if step.settings.get("how") == "attention" else 1000
            return Module("fuse", attention, True)
        if step.kind in ("merge", "stack") and members:
            return _composed(step, members)
        before = self._before(step)
        goes_on = before and not step.settings.get("on_top")
        if goes_on and not any(key.startswith("method.") for key in _dotted(step)):
            return self.module(before[0])
        name = str(step.settings.get("method", "lora"))
        return Module(name, _trained(name, _dotted(step), shape), method_of(name).frozen_base)


def _nothing(step: Step) -> Demand:
    return Demand(0, 0, PROCESS_BYTES)


def _composed(step: Step, members: Sequence[Module]) -> Module:
    """An exact sum of LoRAs has the ranks of all; what is averaged number by number, or cut, stays as it is."""
    first, rank = members[0], step.settings.get("rank")
    if not first.frozen or (rank and step.kind == "merge"):
        return first
    return Module(first.method, sum(one.parameters for one in members), True)


def _trained(method: str, settings: Mapping[str, Any], shape: Shape) -> int:
    """Return how many parameters a method trains in an encoder, heads aside."""
    if not method_of(method).frozen_base:
        return shape.parameters
    fields = method_of(method).schema.model_fields
    given = {name: settings.get(f"method.{name}", field.default) for name, field in fields.items()}
    layers = len(given["layers"]) if given.get("layers") else shape.layers
    wide = shape.hidden + shape.intermediate
    if "r" in given:
        widths = {"intermediate": wide, "output": wide}
        places = given["target_modules"]
        names = (places,) if isinstance(places, str) else tuple(places)
        names = ("query", "key", "value", "attention_output", *widths) if "all" in names else names
        return int(layers * int(given["r"]) * sum(widths.get(name, 2 * shape.hidden) for name in names))
    if "reduction_factor" in given:
        width = max(1, int(shape.hidden / float(given["reduction_factor"])))
        twice = 2 if given.get("variant") == "houlsby" else 1
        return int(layers * twice * (2 * shape.hidden * width + shape.hidden + width))
    return shape.parameters // 100  # of other packages' methods


def _forward(shape: Shape, length: float) -> float:
    """Operations of one example of `length` tokens: two a weight and token, and attention's two products."""
    return length * (2.0 * shape.linear + 4.0 * shape.layers * shape.hidden * length)


def _tokens(task: Task, step: Step) -> float:
    usual = TOKENS.get(task.format, OTHER_TOKENS)
    limit = _setting(step, "data.max_length")
    return float(min(usual, int(limit))) if limit and task.format not in ("span", "multiple_choice") else float(usual)


def _rows(task: Task, language: str, split: str, mini: bool) -> tuple[float, bool]:
    """Return how many rows a task has in one language and split, and whether that is known."""
    if mini:
        return float(MINI_ROWS if split == "train" else MINI_FEW), True
    known = dict(task.rows.get(language, {})).get(split)  # type: ignore[call-overload]  # a recipe's word
    if known is None and split == "dev" and task.held_out:
        known = task.held_out * dict(task.rows.get(language, {})).get("train", UNKNOWN_ROWS)
    return (float(UNKNOWN_ROWS), False) if known is None else (float(known), True)


def _source(task: Task, step: Step) -> str:
    return str(_setting(step, "data.source_language") or task.train_language)


def _tasks(step: Step) -> list[Task]:
    return [find_task(name) for name in expand([str(name) for name in step.settings.get("tasks", ())])]


def _dotted(step: Step) -> Mapping[str, Any]:
    found: Mapping[str, Any] = step.settings.get("settings") or {}
    return found


def _setting(step: Step, key: str) -> Any:
    value = _dotted(step).get(key)
    return _DEFAULTS.get(key) if value is None else value


def _number(value: Any) -> float:
    return float(value)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
