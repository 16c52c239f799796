"""CoNLL: a word and its columns a line, tabs or blanks between, an empty line after a sentence.

Columns have no names; a task names them by place, 0 the first and -1 the last. Lines before a sentence's first word
that begin with "# " are comments, unless they have as many columns as the words: a lone # may be a word, as
#hashtags are. -DOCSTART- is no word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from adapterstilts.data.files import Content
from adapterstilts.data.files._lines import numbered_lines
from adapterstilts.data.files._sentences import blocks
from adapterstilts.errors import UserError

Word = tuple[int, list[str]]


def _read(path: Path, columns: Mapping[str, str]) -> Content:
    found = [[(number, _columns(line)) for number, line in block] for block in blocks(numbered_lines(path))]
    width = next((len(word) for block in found for _, word in block if word[0] not in {"#", "-DOCSTART-"}), 0)
    sentences = [words for block in found if (words := _words(block, width))]
    for number, word in (word for words in sentences for word in words):
        if len(word) != width:
            raise UserError(
                f"{path}, line {number}: {len(word)} columns, where the first word has {width}",
                where=" ".join(word)[:120],
                fix="give every word the same columns, and put an empty line after a sentence",
            )
    places = {str(place) for place in range(-width, width)} & {*columns.values(), *map(str, range(width))}
    return Content(
        {place: [[word[int(place)] for _, word in words] for words in sentences] for place in sorted(places)},
        [words[0][0] for words in sentences],
    )


def _columns(line: str) -> list[str]:
    line = line.rstrip(" \t")
    return line.split("\t") if "\t" in line else re.split(" +", line.lstrip(" "))


def _words(block: list[Word], width: int) -> list[Word]:
    """Return a block without the comments above it and marks of documents."""
    first = next((place for place, (_, word) in enumerate(block) if word[0] != "#" or len(word) == width), len(block))
    return [(number, word) for number, word in block[first:] if word[0] != "-DOCSTART-"]


READER = _read
