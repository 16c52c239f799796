"""Exact match and token F1 of MLQA's answers, by rules of the answer's language (MLQA's mlqa_evaluation_v1.py).

Unlike SQuAD's rules, all Unicode punctuation goes, and the articles are the language's own; Chinese is compared
character by character. Kept as they are, because published numbers have them: Arabic loses the letters of its article
anywhere, also inside a word, and a blank is left there; Vietnamese articles go from composed letters only; and
which characters are punctuation depends on Python's version of Unicode (new scripts only).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from functools import partial

from adapterstilts.metrics import Metric, Parts, Score, Scores
from adapterstilts.metrics._answers import answer_parts, best_of_answers

_ARTICLES = {
    "en": r"\b(?:a|an|the)\b",
    "es": r"\b(?:un|una|unos|unas|el|la|los|las)\b",
    "de": r"\b(?:ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "ar": "ال",
    "vi": r"\b(?:của|là|cái|chiếc|những)\b",
    "hi": "",
    "zh": "",
}
_HAN = re.compile("([\u4e00-\u9fa5])")


def normalise(text: str, language: str) -> str:
    """Return the text in lower case, without punctuation and the language's articles; Chinese characters apart."""
    bare = "".join(sign for sign in text.lower() if not _is_punctuation(sign))
    if _ARTICLES[language]:
        bare = re.sub(_ARTICLES[language], " ", bare)
    if language == "zh":
        bare = _HAN.sub(r" \1 ", bare)
    return " ".join(bare.split())


def _is_punctuation(sign: str) -> bool:
    return sign in string.punctuation or unicodedata.category(sign).startswith("P")


def _scorer(language: str) -> Score:
    def score(gold: Sequence[Sequence[str]], prediction: Sequence[str]) -> Scores:
        return best_of_answers(gold, prediction, partial(normalise, language=language))

    return score


def _parts(language: str) -> Parts:
    return answer_parts(partial(normalise, language=language))


METRIC = Metric(
    main="em_f1",
    version=1,
    score=_scorer("en"),
    lists=frozenset({"gold"}),
    languages={language: _scorer(language) for language in _ARTICLES},
    parts=_parts("en"),
    parts_by_language={language: _parts(language) for language in _ARTICLES},
)
