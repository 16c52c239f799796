"""Rows of one task, language and split: an Arrow-backed table, and what is known of where it is from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from adapterstilts.config.identity import derive_seed
from adapterstilts.data.labels import LabelReader
from adapterstilts.errors import UserError, nearest
from adapterstilts.formats import Columns, formats
from adapterstilts.tasks import Split, Task

MARK = "serves_as_dev"  # a column of train rows, in translated mirrors: the choice was made over other rows than these


@dataclass(frozen=True)
class Rows:
    """The rows of one task, language and split.

    `table` has the format's fields as columns; `labels` turns its raw labels into ids in the task's order.
    `revision` is the Hub commit, or `mirror:` or `text:` and a digest of the files. `dropped` rows had no usable
    gold and are left out; of `repaired` rows the answer's place was wrong and has been found. `changed` says what
    has been done to the texts since (noise, mixed pairs); empty: nothing.
    """

    task: Task
    language: str
    split: Split
    table: Any
    labels: LabelReader
    revision: str
    declared: int | None
    dropped: int = 0
    repaired: int = 0
    selection: str = "all"
    changed: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.table)

    def origin(self) -> dict[str, Any]:
        """Return what a record keeps: where the rows are from, how many, and how many there should be."""
        return {
            "task": self.task.name,
            "task_version": self.task.version,
            "repo": self.task.repo,
            "config": self.task.configs[self.language],
            "language": self.language,
            "split": self.split,
            "revision": self.revision,
            "rows": len(self),
            "rows_declared": self.declared,
            "rows_dropped": self.dropped,
            "rows_repaired": self.repaired,
            "selection": self.selection,
            **({"changed": dict(self.changed)} if self.changed else {}),
            **({"translated": dict(self.task.translated[self.language])} if self._is_translated() else {}),
        }

    def ids(self) -> list[str]:
        """Return the rows' own ids, or their numbers where they have none."""
        if "id" in self.table.column_names:
            return [str(name) for name in self.table["id"]]
        return [str(row) for row in range(len(self))]

    def pick(self, count: int | None, seed: int | None) -> Rows:
        """Return `count` rows: the first ones, or with a seed a random choice in their own order."""
        if count is None or count >= len(self):
            return self
        if seed is None:
            chosen, how = np.arange(count), f"first {count}"
        else:
            order = np.random.default_rng(seed).permutation(len(self))
            chosen, how = np.sort(order[:count]), f"{count} drawn with seed {seed}"
        return self._select(chosen, how)

    def hold_out(self, share: float) -> Rows:
        """Return the dev part of train rows, or what is left of them, as `split` asks.

        Which rows are held out depends on the task alone, so that runs with other seeds are selected alike, and is
        known already where a column marks them. At least one is; of a single row none can be (UserError).
        """
        dev, marked = self._dev_rows(share), MARK in self.table.column_names
        size, what = int(dev.sum()), "marked" if marked else "dev"
        if marked and not 0 < size < len(self):
            raise UserError(
                f"task {self.task.name}: of its {len(self)} rows in language {self.language!r} {size} serve as dev",
                fix="take more rows (a larger --limit), so that there are some of both",
            )
        if self.split == "dev":
            how = f"{size} marked rows of train" if marked else f"{100 * share:g} % of train"
        else:
            how = f"train without {size} {what} rows"
        return self.unmarked()._select(np.flatnonzero(dev == (self.split == "dev")), how)

    def marked(self, share: float) -> Rows:
        """Return train rows with a column that says which of them `hold_out` takes for dev."""
        if MARK in self.table.column_names:
            return self
        return replace(self, table=self.table.add_column(MARK, self._dev_rows(share).tolist()))

    def unmarked(self) -> Rows:
        """Return the rows without that column."""
        return replace(self, table=self.table.remove_columns(MARK)) if MARK in self.table.column_names else self

    def read(self, batch: Columns) -> Columns:
        """Return a batch of the table with label ids for labels and words for coded words."""
        format = formats.get(self.task.format)
        columns = {**batch, **{name: self._say(name, batch[name]) for name in self.task.wording}}
        if format.gold_kind == "labels":
            columns[format.label_field] = [self.labels.read(raw) for raw in batch[format.label_field]]
        return columns

    def each(self) -> Iterator[dict[str, Any]]:
        """Yield every row as a dict, read."""
        for batch in self.table.iter(batch_size=1000):
            columns = self.read(batch)
            for values in zip(*columns.values(), strict=True):
                yield dict(zip(columns, values, strict=True))

    def _dev_rows(self, share: float) -> npt.NDArray[np.bool_]:
        """Return for every train row whether it serves as dev: as it is marked, else by its number."""
        if MARK in self.table.column_names:
            return np.asarray(self.table[MARK][:], dtype=bool)
        if self._is_translated():  # by its number the translation of a dev row would be trained on
            raise UserError(
                f"task {self.task.name}: its {self.language} rows do not say which are translations of dev rows",
                fix="they are an older version's; translate them again: adapterstilts translate --help",
            )
        if len(self) < 2:
            raise UserError(
                f"task {self.task.name}: {len(self)} rows in language {self.language!r}, so none can be held out",
                fix="give more rows, or leave this language out (--languages)",
            )
        order = np.random.default_rng(derive_seed(0, "held_out", self.task.name)).permutation(len(self))
        dev = np.zeros(len(self), dtype=bool)
        dev[order[: max(1, round(share * len(self)))]] = True
        return dev

    def _is_translated(self) -> bool:
        return self.language in self.task.translated

    def _say(self, name: str, codes: list[str]) -> list[str]:
        words = self.task.wording[name]
        unknown = sorted({code for code in codes if code not in words})
        if unknown:
            raise UserError(
                f"task {self.task.name}: unknown value {unknown[0]!r} in column {self.task.columns[name]!r}",
                fix=nearest(unknown[0], words),
            )
        return [words[code] for code in codes]

    def _select(self, chosen: Any, how: str) -> Rows:
        selection = how if self.selection == "all" else f"{self.selection}, {how}"
        return replace(self, table=self.table.select(chosen), selection=selection)
