"""Tasks: where the rows are, what their columns and labels mean, and how they are scored. One file a task.

A task file is pure declaration: no code, no download. `docs/decisions/0003-tasks.md` says why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from adapterstilts.errors import UserError, nearest
from adapterstilts.registry import Catalog

Split = Literal["train", "dev", "test"]
Role = Literal["intermediate", "target"]
Skill = Literal["syntax", "semantics"]
Difficulty = Literal[1, 2, 3]


@dataclass(frozen=True)
class Task:
    """One task on the Hub.

    `configs` maps a language to the configuration that holds its rows, `splits` our split names to the
    Hub's, `columns` the format's fields to the Hub's columns (`a.b` is column b inside column a). `labels`
    are the label names in the order of the head's outputs, empty where the format has none; the data's own
    order is mapped onto it by name. `rows` holds the known row counts, by language and split.

    `rows_of` names other tasks of the catalog whose rows its own train rows are.

    What only some tasks need: `unlabelled` says what a label of -1 means, `drop` where the data set
    documents it as "no gold label", `refuse` everywhere else. `wording` says the codes of a field in words.
    `id_prefix` tells a language's rows by their id, where one configuration holds all languages. `held_out`
    is the share of the train rows that serves as dev, where the data set has no dev rows of its
    own. `learns_from` names the tasks whose rows and head serve a target without train rows, the usual one
    first. `no_answer`: some questions have none. `version` grows when rows would be read differently.

    `skill` and `difficulty` are for choosing tasks by. The skill is syntax where the gold is a word's part in its
    sentence, else semantics. Difficulty 1: decided word by word or by likeness (tags, retrieval, sentiment of a
    sentence); 2: by holding two sentences against each other; 3: by reading a passage, or by knowledge that is
    not in the text.

    Where the rows are not plain: `parts` names tasks whose rows are read one after the other as this one's,
    `branch` the branch of a Hub repository whose main branch is a loading script, `reshape` what turns its rows into
    one row an example (`data/reshaping/`), `licensed` how to get data that the Hub does not have, `files` a user's own
    files by language and split, `train_language` the one whose rows are trained on. `streamed` says that the Hub has
    far more rows than a training reads, so that only some are taken (`data.limit_text`); these tasks need ids.

    Where the labels are not plain: `open_labels` says that they are the names that the rows bring, `numbered` names
    the data's bare numbers from 0 on, where its authors say their order, and `counted_as` says as which other label
    one counts where a head does not know it.

    `parallel` says that test rows of the same id say the same in all languages: statistics draw such rows together.
    Where the data has no ids, their numbers are meant.

    `translated` is never declared: it says of the languages that a mirror's machine translations add by what they were
    translated (`data/translated.py`).
    """

    name: str
    format: str
    metric: str
    repo: str
    configs: Mapping[str, str]
    splits: Mapping[Split, str]
    columns: Mapping[str, str]
    roles: tuple[Role, ...]
    category: str
    licence: str
    source: str
    skill: Skill = "semantics"
    difficulty: Difficulty = 2
    labels: tuple[str, ...] = ()
    rows: Mapping[str, Mapping[Split, int]] = field(default_factory=dict)
    unlabelled: Literal["refuse", "drop"] = "refuse"
    wording: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    id_prefix: Mapping[str, str] = field(default_factory=dict)
    held_out: float = 0.0
    learns_from: tuple[str, ...] = ()
    rows_of: tuple[str, ...] = ()
    no_answer: bool = False
    notes: str = ""
    version: int = 1
    parts: tuple[str, ...] = ()
    branch: str = ""
    reshape: str = ""
    licensed: str = ""
    files: Mapping[str, Mapping[Split, str]] = field(default_factory=dict)
    train_language: str = "en"
    streamed: bool = False
    parallel: bool = False
    open_labels: bool = False
    numbered: tuple[str, ...] = ()
    counted_as: Mapping[str, str] = field(default_factory=dict)
    translated: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        """All languages of the task, English first."""
        return tuple(sorted(self.configs, key=lambda language: (language != "en", language)))

    @property
    def commercial(self) -> bool:
        """Whether the words of the licence leave commercial use open; no legal advice."""
        return not re.search(r"\bNC\b|non-?commercial", self.licence)

    def config(self, language: str) -> str:
        """Return the Hub configuration of `language`; a UserError lists the languages there are."""
        if language not in self.configs:
            raise UserError(
                f"task {self.name} has no language {language!r}", fix=f"it has: {', '.join(self.languages)}"
            )
        return self.configs[language]

    def split(self, split: Split) -> str:
        """Return the Hub's name of `split`; a UserError lists the splits with gold labels."""
        if split == "dev" and self.held_out:
            return self.splits["train"]
        if split not in self.splits:
            raise UserError(
                f"task {self.name} has no {split} split with gold labels",
                fix=f"it has: {', '.join([*self.splits, *(['dev'] if self.held_out else [])])}",
            )
        return self.splits[split]


tasks: Catalog[Task] = Catalog("adapterstilts.tasks", "TASK", "task")


def require(task: Task, role: Role) -> Task:
    """Return the task if it can play `role`; else a UserError names what can."""
    if role not in task.roles:
        able = [other for other in tasks.names() if role in tasks.get(other).roles]
        raise UserError(f"task {task.name} cannot be {_article(role)} {role} task", fix=nearest(task.name, able))
    return task


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
