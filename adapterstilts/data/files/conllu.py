"""CoNLL-U (Universal Dependencies): ten columns, by the format's own names in small letters, and `sent_id`.

The words are the syntactic ones, which the tags are of: lines of several words at once (1-2, as of "don't") and empty
nodes (8.1) are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from adapterstilts.data.files import Content
from adapterstilts.data.files._lines import numbered_lines
from adapterstilts.data.files._sentences import Line, blocks
from adapterstilts.errors import UserError

_NAMES = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")


def _read(path: Path, columns: Mapping[str, str]) -> Content:
    found = [(block, words) for block in blocks(numbered_lines(path)) if (words := _words(path, block))]
    by_name = {name: [[word[place] for _, word in words] for _, words in found] for place, name in enumerate(_NAMES)}
    identities = [_sentence(block) for block, _ in found]
    return Content({**by_name, "sent_id": identities}, [words[0][0] for _, words in found])


def _words(path: Path, block: list[Line]) -> list[tuple[int, list[str]]]:
    words = []
    for number, line in block:
        if line.startswith("#"):
            continue
        word = line.split("\t")
        if len(word) != len(_NAMES) or not re.fullmatch(r"\d+([-.]\d+)?", word[0]):
            raise UserError(
                f"{path}, line {number}: no line of CoNLL-U",
                where=line[:120],
                fix="a word has a number and nine more columns, tabs between; files of other columns end in .conll",
            )
        if word[0].isdecimal():
            words.append((number, word))
    return words


def _sentence(block: list[Line]) -> str:
    """Return the sentence's name in its comments, else the number of its first line."""
    found = (re.fullmatch(r"#\s*sent_id\s*=\s*(.+?)\s*", line) for _, line in block)
    return next((match.group(1) for match in found if match), str(block[0][0]))


READER = _read
