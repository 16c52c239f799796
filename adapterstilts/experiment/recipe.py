"""What a study's recipe may say: the question, the grid, and how each way prepares the encoder.

A recipe is a YAML file. Cells of the grid are base x variant x method x way x target x seed; `graph.py` turns them into
steps, `check.py` says what is wrong with a recipe before anything runs.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from adapterstilts.tasks import Split, Task
from adapterstilts.tasks._groups import expand, narrowed

VERBS = ("learn", "mlm", "merge", "stack", "fuse", "match")

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$")]
Value = bool | int | float | str | list[Any] | None
Settings = dict[str, Value]
Axis = dict[str, Annotated[list[Value], Field(min_length=1)]]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
Tasks = Annotated[list[str], BeforeValidator(_listed), AfterValidator(expand), Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Phases(_Part):
    """Settings, dotted as `--set` takes them: of all trainings, of intermediate ones, of targets."""

    all: Settings = {}
    intermediate: Settings = {}
    target: Settings = {}


class Axes(_Part):
    """Further axes of the grid: any setting, with its values."""

    all: Axis = {}
    intermediate: Axis = {}
    target: Axis = {}


class MethodPart(_Part):
    """One method of the grid. `method`: its name in the catalog; None: the name that it has here.

    `tried`: settings with several values each. All of them are tried for every training, with the first seed, and
    what is `select`ed serves all seeds; their cost is counted.
    """

    method: str | None = None
    settings: Settings = {}
    tried: Axis = {}
    select: Literal["best on English dev"] = "best on English dev"


class Way(_Part):
    """One way to prepare an encoder for a target: a verb with what it needs, or none at all for the bare base.

    `learn`: intermediate tasks, in one run; `mlm`: masked LM on this text. Both may go on `start`ing from another way,
    `on_top` of it frozen. `translated`: the intermediate rows are translated into this language. `merge`, `stack`:
    of other ways; `fuse`: of other ways, learned with each target. `match`: no intermediate task, but each target is
    trained for as many examples as this other way has seen in all. `how`, `weights`, `rank`: of a merge or fusion.
    `runs`: every training, of targets too, is done so often from the same first weights, and averaged.
    `methods`: only these; None: all that suit. `shown`: whether targets are trained from it, or only others need it.
    """

    learn: Tasks | None = None
    mlm: str | None = None
    merge: Names | None = None
    stack: Names | None = None
    fuse: Names | None = None
    match: str | None = None
    start: str | None = Field(None, alias="from")
    on_top: bool = False
    translated: str | None = None
    how: str | None = None
    weights: list[float] | None = None
    rank: int | None = Field(None, ge=1)
    runs: int = Field(1, ge=1)
    settings: Settings = {}
    methods: Names | None = None
    shown: bool = True

    @property
    def verb(self) -> str:
        """What it does; "" for the bare base."""
        return next((verb for verb in VERBS if getattr(self, verb) is not None), "")

    @property
    def needs(self) -> list[str]:
        """The other ways that it builds on."""
        found = [*(self.merge or ()), *(self.stack or ()), *(self.fuse or ())]
        return [*found, *(one for one in (self.start, self.match) if one)]


class Scores(_Part):
    """What is scored. `languages`: None means all. `layers`: retrieval in every layer. `retention`: what each prepared
    encoder still knows of its own tasks.
    """

    split: Split = "test"
    languages: list[str] | None = None
    layers: bool = False
    retention: bool = False


class Study(_Part):
    """A study: one question, a grid of cells, and the settings of all trainings.

    `baseline`: the way that differences are to. `reference`: the method that the others are held against; None: there
    is no other method, or none is special. `translator`: the model for ways that are translated. `mirror`: where data
    sets are read; None: the Hub, or the embedded ones for the embedded base.
    """

    study: str = Field(min_length=1)
    bases: Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)] = Field(alias="base")
    mirror: str | None = None
    translator: str = "mini"
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    asked: Names = Field(alias="targets")
    methods: dict[Name, MethodPart] = Field(min_length=1)
    ways: dict[Name, Way] = Field(min_length=1)
    baseline: str = "none"
    reference: str | None = None
    settings: Phases = Phases()
    axes: Axes = Axes()
    scores: Scores = Scores()

    @cached_property
    def targets(self) -> list[str]:
        """The targets, a group's tasks in its place."""
        return expand(self.asked)

    def scored_as(self, task: Task) -> Task:
        """Return a target with the languages that count: of one that a group has brought, the group's."""
        return narrowed(task, self.asked)

    def catalog_name(self, method: str) -> str:
        """Return a method's name in the catalog."""
        return self.methods[method].method or method
