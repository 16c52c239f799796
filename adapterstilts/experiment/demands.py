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
from adapterstilts.errors import UserError
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


_NUMBERS = {
    "batch": "train.batch_size", "max_steps": "train.max_steps", "epochs": "train.epochs",
    "limit": "data.limit_train", "max_length": "data.max_length", "eval_examples": "train.eval_examples",
    "pass_tokens": "resources.micro_batch_tokens",
}  # fmt: skip


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


class Asked(NamedTuple):
    """Of a training's settings those that its costs depend on, and whether its rows are the embedded world's."""

    tasks: tuple[str, ...]
    base: str | None
    mini: bool
    batch: float
    max_steps: float
    epochs: float
    limit: float
    max_length: float
    share: float
    source: str
    eval_examples: float
    pass_tokens: float


class Demands:
    """The demands of a graph's steps; `of` a kind that is not known here are nothing at all, and not sure.

    Steps that differ in what costs nothing, such as their seeds, are reckoned once.
    """

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
        asked, module = self._asked(step), self.module(step.id)
        matched = [self._first(one) for one in step.parents.get("matched", ())]
        if not matched:
            return _training(asked, module, *_examples(asked))
        parts = [_examples(self._asked(one)) for step in matched for one in (step, *self.trainings(step))]
        return _training(asked, module, sum(count for count, _ in parts), all(sure for _, sure in parts))

    def _asked(self, step: Step) -> Asked:
        given = {**_recipe_of(step), **(step.settings.get("settings") or {})}
        share = 1 - float(given.get("mlm.ratio") or 0)
        numbers = {name: float(_get(given, key) or 0) for name, key in _NUMBERS.items()}
        tasks = tuple(step.settings.get("tasks") or ())
        base, source = self.base(step.id), str(given.get("data.source_language") or "")
        return Asked(tasks, base, self._is_mini(step), share=share, source=source, **numbers)

    def _evaluation(self, step: Step) -> Demand:
        asked = step.settings
        languages = asked.get("languages")
        spoken = None if languages is None else tuple(languages)
        return _evaluation(
            str(asked["task"]), str(asked.get("split", "test")), spoken, self.base(step.id), self._is_mini(step)
        )

    def _retention(self, step: Step) -> Demand:
        """All tasks of the trainings that it comes from, on English rows, by two encoders each."""
        shape, known = shape_of(self.base(step.id))
        found = [task for one in self.trainings(step) for task in _tasks(self._asked(one).tasks)]
        rows = [(_rows(task, "en", "dev", self._is_mini(step))[0], task) for task in found]
        flops = sum(2 * count * _forward(shape, _tokens(task, 0)) for count, task in rows)
        disk = sum(2 * ROW_BYTES * count for count, _ in rows)
        return Demand(flops, disk, PROCESS_BYTES + 8.0 * shape.parameters, known)

    def _measure(self, step: Step) -> Demand:
        shape, known = shape_of(self.base(step.id))
        disk = 4.0 * shape.layers * 6 * shape.hidden**2
        return Demand(1000 * 3 * _forward(shape, 100), disk, PROCESS_BYTES + 4.0 * shape.parameters, known)

    def _translation(self, step: Step) -> Demand:
        found = _tasks(tuple(step.settings["tasks"]))
        mini = self._is_mini(step)
        rows = [(_rows(task, task.train_language, "train", mini), _tokens(task, 0)) for task in found]
        tokens = sum(count * length for (count, _), length in rows)
        flops = 2.0 * TRANSLATOR * PASSES_TRANSLATING * tokens
        return Demand(flops, 6 * tokens, PROCESS_BYTES + 4 * TRANSLATOR, all(sure for (_, sure), _ in rows))

    def _composition(self, step: Step) -> Demand:
        _, known = shape_of(self.base(step.id))
        module = self.module(step.id)
        return Demand(0, 4.0 * module.parameters, PROCESS_BYTES + 8.0 * module.parameters, known)

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

    def _before(self, step: Step) -> str | None:
        """Return a step that this one's run comes from; None where it begins with the bare base."""
        for part in ("start", "members", "run", "tried"):
            if step.parents.get(part):
                return step.parents[part][0]
        return None

    def _base(self, identity: str) -> str | None:
        step = self.graph.steps[identity]
        if "base" in step.settings:
            return str(step.settings["base"])
        before = self._before(step)
        return self.base(before) if before else None

    def _module(self, identity: str) -> Module:
        """Return what a step trains or puts together; a training that goes on has the shape of what it starts from."""
        step = self.graph.steps[identity]
        shape, _ = shape_of(self.base(identity))
        if step.kind in ("fuse", "merge", "stack"):
            members = [self.module(one) for one in step.parents["members"]]
            return _composed(step, shape, members)
        before = self._before(step)
        given = step.settings.get("settings") or {}
        of_method = tuple((key, _word(value)) for key, value in given.items() if key.startswith("method."))
        if before and not step.settings.get("on_top") and not of_method:
            return self.module(before)
        return _module(str(step.settings.get("method", "lora")), of_method, shape)


def _nothing(step: Step) -> Demand:
    return Demand(0, 0, PROCESS_BYTES)


def _composed(step: Step, shape: Shape, members: Sequence[Module]) -> Module:
    """An exact sum of LoRAs has the ranks of all; what is averaged number by number, or cut, stays as it is."""
    first, rank = members[0], step.settings.get("rank")
    if step.kind == "fuse":
        attention = 3 * shape.hidden**2 * shape.layers if step.settings.get("how") == "attention" else shape.layers
        return Module("fuse", attention, True)
    if not first.frozen or (rank and step.kind == "merge"):
        return first
    return Module(first.method, sum(one.parameters for one in members), True)


@cache
def _training(asked: Asked, module: Module, examples: float, sure: bool) -> Demand:
    shape, known = shape_of(asked.base)
    tokens = [_tokens(task, asked.max_length) for task in _tasks(asked.tasks)]
    length = sum(tokens) / max(1, len(tokens))
    looks = min(10.0, examples) * asked.eval_examples
    flops = _forward(shape, length) * (examples * (2.0 if module.frozen else 3.0) + looks)
    trained = module.parameters + shape.hidden**2  # and a head
    kept = 4.0 * trained  # checkpoints go when a run is finished
    # 16-bit numbers that each layer keeps for the way back, and the scores of its heads in windows
    activations = asked.pass_tokens * shape.layers * (34 * shape.hidden + 2 * 256 * 16)
    memory = PROCESS_BYTES + 4.0 * shape.parameters + 12.0 * module.parameters + activations
    return Demand(flops, kept, memory, known and sure)


@cache
def _examples(asked: Asked) -> tuple[float, bool]:
    """Return how many examples a training reads in all its steps, and whether that is known."""
    if asked.max_steps:
        return asked.batch * asked.max_steps / asked.share, True
    found = [_rows(task, asked.source or task.train_language, "train", asked.mini) for task in _tasks(asked.tasks)]
    cap = _DEFAULTS["train.examples_cap"] if len(found) > 1 else math.inf
    rows = sum(min(count, asked.limit or math.inf, cap) for count, _ in found)
    steps = math.ceil(rows * asked.epochs / asked.batch)
    return asked.batch * steps / asked.share, all(sure for _, sure in found)


@cache
def _evaluation(name: str, split: str, languages: tuple[str, ...] | None, base: str | None, mini: bool) -> Demand:
    shape, known = shape_of(base)
    task = find_task(name)
    spoken = [one for one in languages or task.languages if one in task.configs]
    counts = [_rows(task, language, split, mini) for language in spoken]
    rows, sure = sum(count for count, _ in counts), all(sure for _, sure in counts)
    sides = 2 if task.format in ("retrieval", "mining") else 1
    flops = _forward(shape, _tokens(task, 0)) * rows * sides
    return Demand(flops, ROW_BYTES * rows, PROCESS_BYTES + 4.0 * shape.parameters, known and sure)


@cache
def _module(method: str, given: tuple[tuple[str, str], ...], shape: Shape) -> Module:
    """Return what a method trains in an encoder, heads aside; `given`: its settings, dotted."""
    frozen = method_of(method).frozen_base
    if not frozen:
        return Module(method, shape.parameters, False)
    schema = method_of(method).schema
    settings = schema.model_validate({"name": method, **{key.removeprefix("method."): one for key, one in given}})
    values = settings.model_dump()
    layers = len(values["layers"]) if values.get("layers") else shape.layers
    wide, hidden = shape.hidden + shape.intermediate, shape.hidden
    if "r" in values:
        places = values["target_modules"]
        sums = {"intermediate": wide, "output": wide, "all": 4 * 2 * hidden + 2 * wide}
        return Module(method, layers * int(values["r"]) * sum(sums.get(place, 2 * hidden) for place in places), True)
    if "reduction_factor" in values:
        width = max(1, int(hidden / float(values["reduction_factor"])))
        twice = 2 if values.get("variant") == "houlsby" else 1
        return Module(method, layers * twice * (2 * hidden * width + hidden + width), True)
    return Module(method, shape.parameters // 100, True)  # of other packages: nobody knows


def _forward(shape: Shape, length: float) -> float:
    """Operations of one example of `length` tokens: two a weight and token, and attention's two products."""
    return length * (2.0 * shape.linear + 4.0 * shape.layers * shape.hidden * length)


def _tokens(task: Task, longest: float) -> float:
    usual = float(TOKENS.get(task.format, OTHER_TOKENS))
    return min(usual, longest) if longest and task.format not in ("span", "multiple_choice") else usual


def _rows(task: Task, language: str, split: str, mini: bool) -> tuple[float, bool]:
    """Return how many rows a task has in one language and split, and whether that is known."""
    if mini:
        return float(MINI_ROWS if split == "train" else MINI_FEW), True
    counts: Mapping[str, int] = {str(name): count for name, count in task.rows.get(language, {}).items()}
    if split == "train" and split not in counts and task.learns_from:
        return _rows(find_task(task.learns_from[0]), language, split, mini)
    if split not in counts and split == "dev" and task.held_out:
        return task.held_out * counts.get("train", UNKNOWN_ROWS), "train" in counts
    return float(counts.get(split, UNKNOWN_ROWS)), split in counts


@cache
def _tasks(names: tuple[str, ...]) -> list[Task]:
    return [find_task(name) for name in expand(names)]


def _recipe_of(step: Step) -> Mapping[str, Any]:
    """Return the settings of the recipe of trainings that a step's settings name; none where it says nothing of it."""
    name, tasks = (step.settings.get("settings") or {}).get("recipe"), step.settings.get("tasks") or ()
    return _recipe(str(name), tuple(expand(list(tasks)))) if name and tasks else {}


@cache
def _recipe(name: str, tasks: tuple[str, ...]) -> Mapping[str, Any]:
    from adapterstilts.train.recipe import open_recipe

    try:
        return {key: known.value for key, known in open_recipe(name).settings(tasks).items()}
    except UserError:  # whether it can be used is found out by the training
        return {}


def _word(value: Any) -> str:
    """Return a setting's value as a command line would give it."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _get(given: Mapping[str, Any], key: str) -> Any:
    value = given.get(key)
    return _DEFAULTS[key] if value is None else value
