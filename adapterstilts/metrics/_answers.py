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

from adapterstilts.errors import UserError
from adapterstilts.metrics import Scores

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
    rows = list(zip(gold, prediction, strict=True))
    exact = 100.0 * fmean(max(exact_match(answer, given, rules) for answer in answers) for answers, given in rows)
    f1 = 100.0 * fmean(max(token_f1(answer, given, rules) for answer in answers) for answers, given in rows)
    return {"exact_match": exact, "f1": f1, "em_f1": (exact + f1) / 2}
