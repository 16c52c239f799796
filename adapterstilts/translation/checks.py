"""What tells a bad translation without knowing the language: no words, the source again, loops, an odd length."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence

_LOOP = re.compile(r"(\S.{0,40}?)\1{3,}", re.DOTALL)  # the same four times and more, one after the other
_WORDS, _LETTERS = 4, 20  # shorter texts may well be the same in two languages, or of any length
_ORDER, _BETA = 6, 2


def usual_ratio(pairs: Sequence[tuple[str, str]]) -> float:
    """Return how much longer texts become, in characters: the median of those with a length to speak of, or 1."""
    ratios = [len(told) / len(source) for source, told in pairs if len(source) >= _LETTERS and told]
    return statistics.median(ratios) if ratios else 1.0


def flags(source: str, told: str | None, usual: float, bound: float) -> list[str]:
    """Return what is wrong with a translation; empty: nothing that shows.

    `told` None: a sentence was too long to translate. `usual`: this language's ratio of lengths, which a long text's
    may miss by the factor `bound`.
    """
    if not source.strip():
        return []
    if told is None:
        return ["too long"]
    if not told.strip():
        return ["empty"]
    ratio = len(told) / len(source) / usual
    wrong = {
        "copied": len(source.split()) >= _WORDS and source.strip() == told.strip(),
        "looped": bool(_LOOP.search(told)) and not _LOOP.search(source),
        "length": len(source) >= _LETTERS and not 1 / bound <= ratio <= bound,
    }
    return [reason for reason, found in wrong.items() if found]


def likeness(one: str, other: str) -> float:
    """Return how much of `other` is in `one`, from 0 to 1, by their letters: chrF (Popović 2015), without blanks.

    The F-score, recall counting twice, of the means of precision and recall over runs of one to six letters; runs that
    neither text is long enough for are left out.
    """
    first, second = ("".join(text.split()) for text in (one, other))
    if not first or not second:
        return float(first == second)
    precisions, recalls = [], []
    for order in range(1, _ORDER + 1):
        ours, theirs = (_runs(text, order) for text in (first, second))
        if ours and theirs:
            common = (ours & theirs).total()
            precisions.append(common / ours.total())
            recalls.append(common / theirs.total())
    precision, recall = statistics.fmean(precisions), statistics.fmean(recalls)
    weight = _BETA**2
    return (1 + weight) * precision * recall / (weight * precision + recall) if precision + recall else 0.0


def _runs(text: str, order: int) -> Counter[str]:
    return Counter(text[place : place + order] for place in range(len(text) - order + 1))
