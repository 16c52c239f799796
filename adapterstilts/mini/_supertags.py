"""Supertags of combinatory grammar for the embedded world's English, by a word's part in its sentence.

As CCGbank has them (Hockenmaier and Steedman 2007), but without its features of agreement and its many rare categories:
what follows the object modifies the verb phrase, what stands in front the sentence.
"""

from __future__ import annotations

from collections.abc import Iterable

from adapterstilts.mini.said import Definition, Property, Question, Said, tokens
from adapterstilts.mini.world import Token

_VERB_PHRASE = "(S\\NP)\\(S\\NP)"
_ASKING = {"agent": "S[wq]/(S[dcl]\\NP)", "thing": "S[wq]/(S[q]/NP)", "place": "S[wq]/S[q]", "time": "S[wq]/S[q]"}
_BY_TAG = {"DET": "NP/N", "NUM": "N/N", "ADJ": "N/N", "NOUN": "N", "PROPN": "N"}
_DOES, _ASKS = "(S[dcl]\\NP)/(S[b]\\NP)", "(S[q]/(S[b]\\NP))/NP"

SUPERTAGS = (
    "N", "NP/N", "N/N", "(NP\\NP)/NP", "(S[dcl]\\NP)/NP", "((S[dcl]\\NP)/NP)/PR", "(S[b]\\NP)/NP", "((S[b]\\NP)/NP)/PR",
    "PR", "(S[dcl]\\NP)/(S[adj]\\NP)", "S[adj]\\NP", f"({_VERB_PHRASE})/NP", "(S/S)/NP", _VERB_PHRASE, _DOES, _ASKS,
    *dict.fromkeys(_ASKING.values()), ",", ".",
)  # fmt: skip


def supertagged(said: Said) -> list[tuple[str, str]]:
    """Return the English words of a sentence with their supertags."""
    told = tokens(said, "en")
    fronted = any(token.form == "," for token in told)
    return [(token.form, _supertag(said, place, told, fronted)) for place, token in enumerate(told)]


def _supertag(said: Said, place: int, told: list[Token], fronted: bool) -> str:
    token = told[place]
    if token.upos == "PUNCT":
        return "," if token.form == "," else "."
    if isinstance(said, Question) and place == 0:
        return _ASKING[said.asked]
    if token.role == "action":
        return _of_action(said, token, told)
    if isinstance(said, Property) and token.role == "":
        return "S[adj]\\NP"
    if token.upos == "ADP":
        return _of_preposition(token, fronted and place < [one.form for one in told].index(","))
    return _BY_TAG[token.upos]


def _of_action(said: Said, token: Token, told: Iterable[Token]) -> str:
    """Return the supertag of a verb, its particle ("away"), or what denies or asks."""
    if isinstance(said, Definition | Property):
        return "(S[dcl]\\NP)/NP" if isinstance(said, Definition) else "(S[dcl]\\NP)/(S[adj]\\NP)"
    if token.upos in ("PART", "ADP"):
        return _VERB_PHRASE if token.upos == "PART" else "PR"
    action = [one for one in told if one.role == "action"]
    if token.upos == "AUX":
        return _ASKS if isinstance(said, Question) and said.asked != "agent" else _DOES
    form = "(S[b]\\NP)/NP" if any(one.upos == "AUX" for one in action) else "(S[dcl]\\NP)/NP"
    return f"({form})/PR" if any(one.upos == "ADP" for one in action) else form


def _of_preposition(token: Token, in_front: bool) -> str:
    if token.role in ("agent", "thing", ""):  # "a piece of furniture"
        return "(NP\\NP)/NP"
    return "(S/S)/NP" if in_front else f"({_VERB_PHRASE})/NP"
