"""What a study's results are worth: differences with intervals, shares of a gain, and what choosing a way costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from adapterstilts.experiment.evidence import Evidence, Scored, System, Trained, gather
from adapterstilts.experiment.results import CELL, Results
from adapterstilts.stats.difference import Difference, item_deviation, judge
from adapterstilts.stats.holm import holm
from adapterstilts.stats.resampling import DRAWS
from adapterstilts.stats.selection import Rule, select
from adapterstilts.stats.share import Share, share_kept

if TYPE_CHECKING:
    import pandas as pd

Line = dict[str, Any]

ZERO_SHOT, ENGLISH = "zero-shot", "en"
RULES: dict[Rule, str] = {"dev": "English dev", "dev average": "averaged", "oracle": "oracle"}
_JUDGED = ("difference", "low", "high", "lowest", "highest", "basis", "p", "seeds", "seed_sd", "item_sd", "detectable")
_GAINS = (*CELL, "languages", "score", *_JUDGED, "p_holm", "effect", "effect_low", "effect_high", "same_rows", "why")
_AGAINST = (*CELL, *_JUDGED, "p_holm", "why")
_KEPT = (*CELL, "share", "low", "high", "why")
_WORDS = (*CELL, "languages", "basis", "same_rows", "rule", "why")
_SELECTION = ("base", "variant", "method", "rule", "target", "way", "score", "why")


@dataclass(frozen=True)
class Judged:
    """What statistics has made of a study's results, in points. NaN or None stands where there is no figure.

    `low` and `high` bound a 95 % interval, `basis` says what it takes into account; under three seeds there is
    none, and `lowest` and `highest` are the range over seeds. `why`: the reason of a hole, or what is missing in a
    mean; "" where nothing is. `p_holm`: p after Holm's correction over all of a frame (of `gains`: of the same
    languages). `seed_sd`, `item_sd`: what other seeds and other test items would change (`stats/difference.py`).

    - `gains`: CELL, languages ("zero-shot" or "en"), score, difference (to the baseline way of the same method), its
      interval, p, p_holm, seeds (how many have both), detectable (the difference that 80 % of such studies would find),
      effect with its interval (the difference by the standard deviation between test items of the baseline's score),
      same_rows. The baseline itself has a score only.
    - `against_reference`: the difference to the reference method with the same way, zero-shot.
    - `kept`: share of the reference method's gain (1 is all of it), with its interval; none of a control.
    - `selection`: rule ("English dev": the best on each target's dev rows; "averaged": one way for all targets, by the
      mean of their dev scores; "oracle": by the test itself), the way that it takes for a target, its zero-shot score.
    """

    gains: pd.DataFrame
    against_reference: pd.DataFrame
    kept: pd.DataFrame
    selection: pd.DataFrame


class _Place(NamedTuple):
    base: str
    variant: str
    method: str
    way: str
    target: str

    @property
    def system(self) -> System:
        return System(self.method, self.way)


def judge_results(results: Results, *, draws: int = DRAWS) -> Judged:
    """Judge all cells of a study; those without scores stay, and say why.

    Raises UserError where cells that are compared were scored on other rows or by other versions of a metric.
    """
    study = _Study(results, draws)
    return Judged(
        gains=_frame(_corrected(study.gains()), _GAINS),
        against_reference=_frame(_corrected(study.against_reference()), _AGAINST),
        kept=_frame(study.kept(), _KEPT),
        selection=_frame(study.selection(), _SELECTION),
    )


@dataclass(frozen=True)
class _Study:
    results: Results
    draws: int

    @cached_property
    def places(self) -> list[_Place]:
        """The cells that have runs or reasons why not, in the recipe's order."""
        results = self.results
        known = {_Place(*cell) for one in (results.scores, results.holes) for cell in _tuples(one, CELL)}
        pairs = dict.fromkeys((place.base, place.variant) for place in sorted(known))
        return [
            place
            for pair in pairs
            for method in results.methods
            for way in results.ways
            for target in results.targets
            if (place := _Place(*pair, method, way, target)) in known
        ]

    @cached_property
    def runs(self) -> dict[tuple[str, str, str], dict[Trained, Scored]]:
        """All runs, by base, variant and target."""
        found: dict[tuple[str, str, str], dict[Trained, Scored]] = {}
        columns = (*CELL, "seed", "language", "score", "folder")
        for base, variant, method, way, target, seed, language, score, folder in _tuples(self.results.scores, columns):
            of_target = found.setdefault((base, variant, target), {})
            run = Trained(System(method, way), seed)
            by_language = of_target[run].by_language if run in of_target else {}
            of_target[run] = Scored({**by_language, language: score}, Path(folder))
        return found

    @cached_property
    def reasons(self) -> dict[tuple[Any, ...], str]:
        """Why a run of a cell is missing, by the cell's columns and the seed."""
        return {tuple(hole[:-1]): str(hole[-1]) for hole in _tuples(self.results.holes, (*CELL, "seed", "why"))}

    @cached_property
    def evidence(self) -> dict[tuple[str, str, str, str], Evidence]:
        """What the runs show, by base, variant, target and languages."""
        return {
            (*key, languages): gather(key[2], runs, spoken, self.draws)
            for key, runs in self.runs.items()
            for languages, spoken in self.spoken(key[2]).items()
        }

    def spoken(self, target: str) -> dict[str, tuple[str, ...]]:
        """Return the languages of a target that are looked at together; English only where it is scored at all."""
        scores = self.results.scores
        spoken = {ZERO_SHOT: tuple(sorted(self.results.zero_shot.get(target, ())))}
        if ((scores["target"] == target) & (scores["language"] == ENGLISH)).any():
            spoken[ENGLISH] = (ENGLISH,)
        return spoken

    def shown(self, place: _Place, languages: str = ZERO_SHOT) -> Evidence:
        """Return what the runs of a cell's target show."""
        return self.evidence.get((place.base, place.variant, place.target, languages), Evidence({}, None, {}))

    def gains(self) -> Iterator[Line]:
        """Yield every cell beside the baseline way of its method."""
        for place in self.places:
            for languages in self.spoken(place.target):
                yield self.gain(place, languages)

    def gain(self, place: _Place, languages: str) -> Line:
        """Return a cell's score and its difference to the baseline way."""
        shown, before = self.shown(place, languages), place._replace(way=self.results.baseline)
        seeds = shown.seeds(place.system)
        line = {
            **place._asdict(),
            "languages": languages,
            "score": float(shown.values(place.system, seeds).mean()) if seeds else None,
            "seeds": len(shown.seeds(place.system, before.system)),
            "same_rows": (place.way, place.target) in self.results.same_rows,
            "why": self.missing(place, languages),
        }
        if place == before:
            return line
        found = _compared(shown, place.system, before.system)
        why = line["why"] or self.missing(before, languages, "the baseline: ")
        return {**line, **_line(found), **_effect(found, shown, before.system), "why": why}

    def against_reference(self) -> Iterator[Line]:
        """Yield every cell of another method beside the reference method's with the same way."""
        for place in self.others():
            beside = place._replace(method=str(self.results.reference))
            why = self.missing(place) or self.missing(beside, named="the reference: ")
            found = _compared(self.shown(place), place.system, beside.system)
            yield {**place._asdict(), "seeds": 0, "why": why, **_line(found)}

    def kept(self) -> Iterator[Line]:
        """Yield which share of the reference method's gain the others keep, way by way."""
        for place in self.others():
            if place.way in self.results.controls:
                yield {**place._asdict(), "why": "a control, whose gain is none of an intermediate task"}
            elif place.way != self.results.baseline:
                share = self.share(place)
                yield {**place._asdict(), "share": share.value, "low": share.low, "high": share.high, "why": share.why}

    def others(self) -> list[_Place]:
        """Return the cells that are held against the reference method."""
        reference = self.results.reference
        return [place for place in self.places if reference is not None and place.method != reference]

    def share(self, place: _Place) -> Share:
        """Return the share of the reference method's gain that a cell keeps."""
        beside = place._replace(method=str(self.results.reference))
        one, reference = ((this, this._replace(way=self.results.baseline)) for this in (place, beside))
        shown, four = self.shown(place), (*one, *reference)
        seeds = shown.seeds(*(each.system for each in four))
        if not seeds:
            missing = (self.missing(each, named=f"{each.method}, {each.way}: ") for each in four)
            return Share(None, None, None, next(filter(None, missing), "no seed has all four scores"))
        gain, drawn = shown.difference(one[0].system, one[1].system, seeds)
        full, drawn_full = shown.difference(reference[0].system, reference[1].system, seeds)
        draws = None if drawn is None or drawn_full is None else (drawn, drawn_full)
        return share_kept(gain, full, draws, shown.items)

    def missing(self, place: _Place, languages: str = ZERO_SHOT, named: str = "") -> str:
        """Return what a cell lacks and why, "" where nothing: all of it, or seeds."""
        if not self.spoken(place.target)[languages]:
            return "no language of this target is zero-shot"
        shown = self.shown(place, languages)
        known = shown.seeds(place.system)
        lacking = {
            seed: shown.incomplete.get(Trained(place.system, seed)) or self.reasons.get((*place, seed), "not run")
            for seed in self.results.seeds
            if seed not in known
        }
        whys = list(dict.fromkeys(lacking.values()))
        if not known and len(whys) == 1:
            return named + whys[0]
        return named + "; ".join(f"seed {seed}: {why}" for seed, why in lacking.items()) if lacking else ""

    def selection(self) -> Iterator[Line]:
        """Yield what each rule to choose a way comes to, by base, variant and method."""
        for base, variant, method in dict.fromkeys(place[:3] for place in self.places):
            alike = (place for place in self.places if place[:3] == (base, variant, method))
            places = [place for place in alike if place.way not in self.results.controls]
            targets = dict.fromkeys(place.target for place in places)
            test: dict[str, dict[str, float]] = {target: {} for target in targets}
            for place in places:
                shown = self.shown(place)
                if seeds := shown.seeds(place.system):
                    test[place.target][place.way] = float(shown.values(place.system, seeds).mean())
            for (target, rule), choice in select(self.dev(places), test).items():
                yield {"base": base, "variant": variant, "method": method, "rule": RULES[rule], "target": target,
                       "way": choice.way, "score": choice.score, "why": choice.why}  # fmt: skip

    def dev(self, places: Sequence[_Place]) -> dict[str, dict[str, float]]:
        """Return the dev scores of these cells, means over seeds, by target and way."""
        known: dict[_Place, list[float]] = {}
        for *cell, score in _tuples(self.results.dev, (*CELL, "score")):
            known.setdefault(_Place(*cell), []).append(score)
        found: dict[str, dict[str, float]] = {}
        for place in places:
            if place in known:
                found.setdefault(place.target, {})[place.way] = fmean(known[place])
        return found


def _compared(shown: Evidence, one: System, other: System) -> Difference | None:
    """Return the judged difference of two systems over the seeds that both have; None where there is none."""
    seeds = shown.seeds(one, other)
    return judge(*shown.difference(one, other, seeds), shown.items) if seeds else None


def _line(found: Difference | None) -> Line:
    if found is None:
        return {}
    return {"difference": found.value, **{name: getattr(found, name) for name in _JUDGED[1:]}}


def _effect(found: Difference | None, shown: Evidence, baseline: System) -> Line:
    """Return a difference and its interval by the standard deviation between test items of the baseline's score."""
    draws = shown.draws(baseline, shown.seeds(baseline))
    if found is None or draws is None:
        return {}
    between = item_deviation(draws, shown.items)
    figures = {"effect": found.value, "effect_low": found.low, "effect_high": found.high}
    return {name: value / between for name, value in figures.items() if value is not None and between > 0}


def _tuples(frame: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return frame[list(columns)].itertuples(index=False, name=None)


def _corrected(lines: Iterator[Line]) -> Iterator[Line]:
    """Yield lines with their p corrected over all of them that are of the same languages."""
    families: dict[str, list[Line]] = {}
    everything = list(lines)
    for line in everything:
        families.setdefault(line.get("languages", ZERO_SHOT), []).append(line)
    for family in families.values():
        for line, p in zip(family, holm([line.get("p") for line in family]), strict=True):
            line["p_holm"] = p
    yield from everything


def _frame(lines: Iterator[Line], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(list(lines), columns=list(columns))
    return frame.astype({name: "float64" for name in columns if name not in _WORDS})
