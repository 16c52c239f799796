"""Letters as people see them: a base with all marks on it, a conjunct of consonants, the jamo of a syllable.

Where they differ from Unicode's grapheme clusters (UAX 29) they are coarser, so that none of those is split; of signs
that are no letters (flags) some are, but nothing here moves those.
"""

from __future__ import annotations

import functools
import unicodedata

_JOINERS = "\u200c\u200d"
_VOWELS = "\u0e33\u0eb3"  # Thai and Lao am: letters to Python, marks to UAX 29
_ENDING = "\u0bcd\u0dca"  # Tamil's and Sinhala's viramas end a letter; others' lead on to the next consonant
_VIRAMA = 9  # combining class


def clusters(text: str) -> list[str]:
    """Return the pieces of `text` that must stay whole; joined they are the text again."""
    pieces: list[str] = []
    for character in text:
        if pieces and _continues(pieces[-1][-1], character):
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


@functools.cache
def is_letter(cluster: str) -> bool:
    """Whether a piece is a letter that may stand anywhere: beside another one, or itself, nothing of it joins."""
    return (
        unicodedata.category(cluster[0])[0] == "L"
        and clusters(cluster * 2) == [cluster, cluster]
        and clusters(f"a{cluster}a") == ["a", cluster, "a"]
    )


@functools.cache
def _continues(before: str, character: str) -> bool:
    if character in _JOINERS or character in _VOWELS or unicodedata.category(character)[0] == "M":
        return True
    if before == "\u200d":
        return True
    if unicodedata.combining(before) == _VIRAMA and before not in _ENDING:
        return unicodedata.category(character)[0] == "L"
    hangul = _hangul(before), _hangul(character)
    return all(hangul) and (hangul[0] == "first" or hangul[1] == "later")


def _hangul(character: str) -> str:
    """Return what part of a Korean syllable a character is; "" for none."""
    if "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97f":
        return "first"
    if "\u1160" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff":
        return "later"
    return "whole" if "\uac00" <= character <= "\ud7a3" else ""
