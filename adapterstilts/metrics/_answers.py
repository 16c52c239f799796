"""What the scorers of answers share: English normalisation, exact match and token F1 of two strings.

The rules of SQuAD evaluate-v1.1 and evaluate-v2.0, which XTREME (third_party/evaluate_squad.py) applies to
every language but MLQA's. So only ASCII punctuation goes, and it leaves no blank ("3.5" equals "35", "twenty-one"
is one token); English articles go everywhere ("vitamin A" equals "vitamin"); a Chinese or Thai answer is mostly one
token; and no Unicode normalisation is applied (composed and decomposed letters differ).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np

from adapterstilts.errors import UserError
from adapterstilts.metrics import Parts, Scores
from adapterstilts.metrics._sums import Numbers, share

Rules = Callable[[str], str]

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def normalise(text: str) -> str:
    """Return the text in lower case, without ASCII punctuation and English articles, blanks single."""
    bare = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLE.sub(" ", bare).split())


def exact_match(answer: str, prediction: str, rules: Rules = normalise) -> float:
    """Return 1.0 where both are equal once normalised, else 0.0."""
    return float(rules(answer) == rules(prediction))


def token_f1(answer: str, prediction: str, rules: Rules = normalise) -> float:
    """Return the F1 (0 to 1) of the two bags of normalised tokens; 0.0 where either bag is empty."""
    wanted, given = rules(answer).split(), rules(prediction).split()
    shared = (Counter(wanted) & Counter(given)).total()
    return 2 * shared / (len(wanted) + len(given)) if shared else 0.0


def best_of_answers(gold: Sequence[Sequence[str]], prediction: Sequence[str], rules: Rules = normalise) -> Scores:
    """Return exact match, F1 and their mean (percent), each the best over a row's answers, on its own.

    Raises UserError for a row without an answer.
    """
    if not all(gold):
        row = next(number for number, answers in enumerate(gold) if not answers)
        raise UserError(f"row {row} has no answer, and only questions with one are scored so", fix="use squad_v2")
    exact, f1 = (100.0 * fmean(column) for column in zip(*_each(gold, prediction, rules), strict=True))
    return {"exact_match": exact, "f1": f1, "em_f1": (exact + f1) / 2}


def answer_parts(rules: Rules = normalise) -> Parts:
    """Return the parts of `em_f1` where answers are compared by `rules`."""
    return Parts(lambda gold, prediction: em_f1_parts(_each(gold, prediction, rules)), share)


def em_f1_parts(rows: Sequence[tuple[float, float]]) -> Numbers:
    """Return the mean of exact match and F1 of each row, and 1: (rows, 2)."""
    return np.array([((exact + f1) / 2, 1.0) for exact, f1 in rows])


def _each(gold: Sequence[Sequence[str]], prediction: Sequence[str], rules: Rules) -> list[tuple[float, float]]:
    """Return exact match and F1 of each row, each the best over its answers."""
    return [
        (max(exact_match(one, given, rules) for one in answers), max(token_f1(one, given, rules) for one in answers))
        for answers, given in zip(gold, prediction, strict=True)
    ]
