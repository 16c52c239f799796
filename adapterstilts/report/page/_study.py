"""What all sections read: the results with what statistics made of them, looked up by place, and names for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from adapterstilts.experiment.results import CELL, Results
from adapterstilts.report.page._blocks import Key, Mark, Words
from adapterstilts.report.page._words import ZERO_SHOT, Line, figure, lines_of

if TYPE_CHECKING:
    import pandas as pd

    from adapterstilts.experiment.judgement import Judged

ENOUGH_SEEDS = 3
ALPHA = 0.05
Group = tuple[str, str]
Place = tuple[str, str, str, str, str]

_OTHERS = (
    ("#1b7f79", "o", "●"),
    ("#c9772b", "s", "■"),
    ("#a23b6e", "^", "▲"),
    ("#2f6fb0", "v", "▼"),
    ("#6b6b6b", "P", "✚"),
)


@dataclass(frozen=True)
class Look:
    """How a method looks in pictures: its colour, matplotlib's name of its marker, the sign in keys."""

    colour: str
    marker: str
    sign: str


REFERENCE = Look("#5b5ea6", "D", "◆")


@dataclass(frozen=True)
class Study:
    """A study as the page's sections read it. `distances`: of `typology.against_gain`; None: not asked for."""

    results: Results
    judged: Judged
    distances: pd.DataFrame | None

    @cached_property
    def groups(self) -> list[Group]:
        """The bases and variants of the study, in their order."""
        frames = (self.results.scores, self.results.holes, self.judged.gains)
        pairs = [
            (str(base), str(variant)) for one in frames for base, variant in zip(one.base, one.variant, strict=True)
        ]
        return list(dict.fromkeys(pairs))

    def name(self, group: Group) -> str:
        """Return what a group is called: nothing where there is only one."""
        return ", ".join(part for part in group if part) if len(self.groups) > 1 else ""

    def titled(self, title: str, group: Group) -> str:
        """Return a title with the group's name behind it."""
        return f"{title} ({name})" if (name := self.name(group)) else title

    def places(self) -> Iterator[tuple[Group, str]]:
        """Yield every group with every method."""
        for group in self.groups:
            for method in self.results.methods:
                yield group, method

    @property
    def others(self) -> list[str]:
        """The methods that are held against the reference."""
        return [method for method in self.results.methods if method != self.results.reference]

    @property
    def new_ways(self) -> list[str]:
        """The ways that are held against the baseline."""
        return [way for way in self.results.ways if way != self.results.baseline]

    @property
    def few_seeds(self) -> bool:
        """Whether there are too few seeds for an interval."""
        return len(self.results.seeds) < ENOUGH_SEEDS

    def look(self, method: str) -> Look:
        """Return how a method looks."""
        if method == self.results.reference:
            return REFERENCE
        return Look(*_OTHERS[self.others.index(method) % len(_OTHERS)])

    def key(self) -> Key:
        """Return the key of methods."""
        looks = [(method, self.look(method)) for method in self.results.methods]
        return Key([Mark(look.sign, look.colour, method) for method, look in looks])

    def numbered(self) -> Key:
        """Return the key of the numbers that stand for ways in crowded pictures."""
        return Key([Mark(str(self.number(way)), "", way) for way in self.results.ways])

    def number(self, way: str) -> int:
        """Return the number that stands for a way."""
        return self.results.ways.index(way) + 1

    @cached_property
    def zero_shot_scores(self) -> pd.DataFrame:
        """The scores in languages that no cell of their target was taught in."""
        import numpy as np

        scores = self.results.scores
        pairs = zip(scores.target, scores.language, strict=True)
        kept = [language in self.results.zero_shot.get(target, ()) for target, language in pairs]
        return scores[np.array(kept, dtype=bool)]  # of no rows, a list would choose no columns

    @cached_property
    def by_seed(self) -> pd.DataFrame:
        """The mean zero-shot score of every run: a row a cell and seed."""
        return self.zero_shot_scores.groupby([*CELL, "seed"], sort=False).score.mean().reset_index()

    @cached_property
    def means(self) -> dict[Place, float]:
        """The mean zero-shot score of every cell, over its runs."""
        means = self.by_seed.groupby(list(CELL), sort=False).score.mean()
        return dict(zip(means.index, means, strict=True))

    def pictured(self) -> list[tuple[Group, str, str]]:
        """Return every group and target with zero-shot scores, and a name of the two for the parts of pictures."""
        known = {(*place[:2], place[4]) for place in self.means}
        return [
            (group, target, f"{row}-{column}")
            for row, group in enumerate(self.groups)
            for column, target in enumerate(self.results.targets)
            if (*group, target) in known
        ]

    def not_pictured(self) -> list[Words]:
        """Say which targets have no zero-shot score, so that there is no picture of them."""
        known = {target for _, target, _ in self.pictured()}
        missing = [target for target in self.results.targets if target not in known]
        return [Words([f"No picture of {', '.join(missing)}: there is no zero-shot score."])] if missing else []

    @cached_property
    def costs(self) -> dict[Place, Line]:
        """The mean costs of every cell over its seeds; `in_all`: seconds with those of runs that were not chosen."""
        costs = self.results.costs.assign(in_all=self.results.costs.train_s + self.results.costs.search_s)
        columns = ["trained", "bytes", "train_s", "search_s", "in_all", "peak_memory_bytes", "examples"]
        means = costs.groupby(list(CELL), sort=False)[columns].mean().reset_index()
        return {_place(one): one for one in lines_of(means)}

    @cached_property
    def reasons(self) -> dict[Place, str]:
        """Why runs of a cell are missing, each reason once."""
        found: dict[Place, list[str]] = {}
        for one in lines_of(self.results.holes):
            found.setdefault(_place(one), []).append(str(one["why"]))
        return {place: "; ".join(dict.fromkeys(why)) for place, why in found.items()}

    @cached_property
    def _gains(self) -> dict[tuple[Place, str], Line]:
        return {(_place(one), str(one["languages"])): one for one in lines_of(self.judged.gains)}

    @cached_property
    def against(self) -> dict[Place, Line]:
        """The differences to the reference method by place."""
        return {_place(one): one for one in lines_of(self.judged.against_reference)}

    @cached_property
    def kept(self) -> dict[Place, Line]:
        """The shares of the reference method's gain by place; a frame without bases holds for the only one."""
        only = dict(zip(("base", "variant"), self.groups[0], strict=True)) if self.groups else {}
        return {_place({**only, **one}): one for one in lines_of(self.judged.kept)}

    def gain(self, place: Place, languages: str = ZERO_SHOT) -> Line:
        """Return the line of a place, {} where there is none."""
        return self._gains.get((place, languages), {})

    def gains(self, group: Group, method: str, languages: str = ZERO_SHOT) -> list[Line]:
        """Return the lines with a difference to the baseline, in the order of ways and targets."""
        places = [(*group, method, way, target) for way in self.new_ways for target in self.results.targets]
        lines = [self.gain(place, languages) for place in places]
        return [line for line in lines if figure(line, "difference") is not None]

    def is_clear(self, line: Line) -> bool:
        """Whether a difference excludes 0 after Holm's correction."""
        chance = figure(line, "p_holm")
        return chance is not None and chance < ALPHA


def _place(line: Line) -> Place:
    base, variant, method, way, target = (str(line.get(column, "")) for column in CELL)
    return base, variant, method, way, target
