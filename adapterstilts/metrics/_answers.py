"""What the two SQuAD scorers share: English normalisation, exact match and token F1 of two strings.

The rules of SQuAD evaluate-v1.1 and evaluate-v2.0, which XTREME (third_party/evaluate_squad.py) applies to
every language. So only ASCII punctuation goes, and it leaves no blank ("3.5" equals "35", "twenty-one" is one
token); English articles go everywhere ("vitamin A" equals "vitamin"); a Chinese or Thai answer is mostly one
token; and no Unicode normalisation is applied (composed and decomposed letters differ).
"""

from __future__ import annotations

import re
import string
from collections import Counter

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def normalise(text: str) -> str:
    """Return the text in lower case, without ASCII punctuation and English articles, blanks single."""
    bare = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLE.sub(" ", bare).split())


def exact_match(answer: str, prediction: str) -> float:
    """Return 1.0 where both are equal once normalised, else 0.0."""
    return float(normalise(answer) == normalise(prediction))


def token_f1(answer: str, prediction: str) -> float:
    """Return the F1 (0 to 1) of the two bags of normalised tokens; 0.0 where either bag is empty."""
    wanted, given = normalise(answer).split(), normalise(prediction).split()
    shared = (Counter(wanted) & Counter(given)).total()
    return 2 * shared / (len(wanted) + len(given)) if shared else 0.0
