"""Groups of tasks, each named like a task where several are meant: benchmarks, a region, a paper's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapterstilts.errors import UserError, nearest
from adapterstilts.tasks import Task, tasks


@dataclass(frozen=True)
class Group:
    """Tasks under one name; `without` holds the languages of a task that are not the group's."""

    about: str
    tasks: tuple[str, ...]
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


GROUPS: Mapping[str, Group] = {
    "xtreme": Group(
        "the nine tasks of XTREME (Hu et al. 2020) in its languages",
        ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc", "tatoeba"),
        {"xquad": ("ro",)},
    ),
    "xtreme-r": Group(
        "nine of the ten tasks of XTREME-R (Ruder et al. 2021): not Mewsli-X; two are two tasks here",
        ("xnli", "xcopa", "udpos_xr", "panx", "panx_xr", "xquad", "mlqa", "tydiqa", "tatoeba", "tatoeba_xr", "lareqa"),
    ),
    "african": Group(
        "African languages: names, parts of speech, inference, questions, sentiment",
        ("masakhaner", "masakhaner2", "masakhapos", "afrixnli", "afriqa", "afrisenti"),
    ),
    "paper-intermediate": Group(
        "the nine intermediate tasks of Phang et al. 2020 (arXiv 2005.13013)",
        ("anli_plus", "mnli", "qqp", "squad_v2", "squad_v1", "hellaswag", "ccg", "cosmos_qa", "commonsense_qa"),
    ),
}


def groups_of(task: str) -> list[str]:
    """Return the names of the groups that a task is in."""
    return [name for name, group in GROUPS.items() if task in group.tasks]


def expand(names: Sequence[str]) -> list[str]:
    """Return the names with those of its tasks in each group's place, which a name beside it does not repeat."""
    grouped = [one for name in names for one in _tasks(name) if one not in names]
    return [*(name for name in names if name not in GROUPS), *dict.fromkeys(grouped)]


def narrowed(task: Task, names: Sequence[str]) -> Task:
    """Return a task with the languages of the groups among `names` that bring it; one named itself has all."""
    without = [set(GROUPS[name].without.get(task.name, ())) for name in names if task.name in _tasks(name)]
    if not without or task.name in names:
        return task
    left_out = set.intersection(*without)
    return replace(task, configs={one: config for one, config in task.configs.items() if one not in left_out})


def must_be_known(name: str) -> str:
    """Return the name of a task; a UserError names the nearest task or group where there is none."""
    if name not in tasks.names():
        raise UserError(f"unknown task {name!r}", fix=nearest(name, [*tasks.names(), *GROUPS]))
    return name


def must_be_tasks(names: Sequence[str]) -> None:
    """Raise UserError for a group where only tasks can stand: among the targets of a training."""
    for name in names:
        if name in GROUPS:
            raise UserError(
                f"{name} is a group of tasks, and every target is trained in a run of its own: in one run each would "
                "change the others' scores",
                fix=f"train them one by one: {', '.join(GROUPS[name].tasks)}",
            )


def _tasks(name: str) -> tuple[str, ...]:
    return GROUPS[name].tasks if name in GROUPS else ()
