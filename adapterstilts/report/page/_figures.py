"""Places of a map: a figure, its difference in colour, its interval; or a hole with its reason."""

from __future__ import annotations

from collections.abc import Iterable

from adapterstilts.report.page._blocks import Cell, Key, Mark, Scale
from adapterstilts.report.page._study import Place, Study
from adapterstilts.report.page._words import ZERO_SHOT, Line, chance, figure, score, signed, spanned, standardised

_GAIN, _LOSS = (107, 174, 214), (240, 160, 75)
CLEAR, SAME_ROWS = "●", "*"


def widest(values: Iterable[float | None]) -> float:
    """Return the largest difference to either side, which gets the full colour."""
    return max((abs(value) for value in values if value is not None), default=0.0)


def colour(value: float | None, most: float) -> str:
    """Return the colour of a difference: white at none, blue for a gain, orange for a loss."""
    if value is None or not most:
        return ""
    depth = min(abs(value) / most, 1)
    full = _GAIN if value > 0 else _LOSS
    return "#" + "".join(f"{round(255 + depth * (part - 255)):02x}" for part in full)


def scale(most: float) -> Scale:
    """Return what the colours mean."""
    return Scale((colour(-1, 1), signed(-most)), (colour(1, 1), signed(most)))


def marks() -> Key:
    """Return what the signs in a map mean."""
    return Key([
        Mark(CLEAR, "", "difference whose interval excludes 0 after Holm's correction (5 %)"),
        Mark(SAME_ROWS, "", "intermediate task is the target's own training data"),
        Mark("", "hole", "hole: no result; its reason is told there and under “Holes”"),
    ])  # fmt: skip


def place_cell(study: Study, place: Place, most: float, languages: str = ZERO_SHOT) -> Cell:
    """Make the map's cell of a place."""
    line = study.gain(place, languages)
    value = figure(line, "score")
    if value is None and languages == ZERO_SHOT:
        value = study.means.get(place)
    star = SAME_ROWS if place[3:] in study.results.same_rows else ""
    if value is None:
        return hole(str(line.get("why") or "") or study.reasons.get(place, "not run"), star)
    gained = figure(line, "difference") if place[3] != study.results.baseline else None
    style = "heat clear" if study.is_clear(line) else "heat"
    return Cell(
        score(value) + star, value, _lines(study, line, gained), style, colour(gained, most), _told(study, place, line)
    )


def hole(why: str, star: str = "") -> Cell:
    """Make the cell of a place without a result."""
    return Cell(f"hole{star}", None, [], "heat hole", title=why)


def _lines(study: Study, line: Line, gained: float | None) -> list[str]:
    """Return what stands below the score: difference, interval, how many runs where some are missing."""
    mark = f" {CLEAR}" if study.is_clear(line) else ""
    found = [] if gained is None else [signed(gained) + mark, spanned(line)]
    runs = figure(line, "seeds")
    if runs is not None and runs < len(study.results.seeds):
        found.append(f"{runs:.0f} of {len(study.results.seeds)} seeds")
    return [one for one in found if one]


def _told(study: Study, place: Place, line: Line) -> str:
    """Say more of a place where a mouse rests on it."""
    p, smallest, effect = (figure(line, key) for key in ("p_holm", "detectable", "effect"))
    told = [" · ".join(part for part in place if part)]
    told += [f"p {chance(p)} after Holm's correction"] if p is not None else []
    told += [f"standardised effect {standardised(effect)}"] if effect is not None else []
    told += [f"smallest difference that could be found: {smallest:.1f} points"] if smallest is not None else []
    told += [str(line["why"])] if line.get("why") else []
    return "; ".join(told)
