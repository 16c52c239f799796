"""Sentences that have been translated, in files that only grow: one for each piece of work, a line for each batch.

What is in a batch decides by its padding the last bits of a model's numbers. So the batches of a piece of work are
fixed before its first one, from all its sentences; a batch that was not finished is done again, whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from adapterstilts.config.identity import canonical_json, fingerprint
from adapterstilts.console import progress
from adapterstilts.interrupt import StopRequest
from adapterstilts.translation import Translator

Batches = list[list[str]]


class Journal:
    """The translations of one language pair by one translator, in a folder of such files."""

    def __init__(self, folder: Path, translator: Translator, source: str, to: str) -> None:
        self.folder, self.translator, self.source, self.to = folder, translator, source, to
        self.who = fingerprint({**translator.identity(), "from": source, "to": to})

    def translate(self, sentences: Sequence[str], stop: StopRequest) -> dict[str, str | None]:
        """Return every sentence's translation; None for one that is too long for the translator.

        What finished files hold is not translated again. Raises Interrupted between two batches after a signal; the
        same call goes on from there.
        """
        known = self._finished()
        missing = sorted({one for one in sentences if one not in known})
        if missing:
            known |= self._work(missing, stop)
        return {one: known[one] for one in sentences}

    def _finished(self) -> dict[str, str | None]:
        known: dict[str, str | None] = {}
        for file in sorted(self.folder.glob(f"{self.to}-{self.who}-*.jsonl")):
            lines, _ = read_lines(file)
            if lines and len(lines) == lines[0]["batches"] + 1:
                known |= _pairs(lines)
        return known

    def _work(self, missing: list[str], stop: StopRequest) -> dict[str, str | None]:
        file = self.folder / f"{self.to}-{self.who}-{fingerprint(missing)}.jsonl"
        lines, whole = read_lines(file)
        batches, long = plan(missing, self.translator)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as handle:
            handle.truncate(whole)
            append = _appender(handle)
            if not lines:
                head = {"translator": self.translator.identity(), "from": self.source, "to": self.to}
                lines.append({**head, "batches": len(batches), "pairs": [[one, None] for one in long]})
                append(lines[0])
            done = len(lines) - 1
            with progress(f"translate to {self.to}", sum(map(len, batches)), sum(map(len, batches[:done]))) as bar:
                for batch in batches[done:]:
                    stop.raise_if_asked()
                    told = self.translator.translate(batch, self.source, self.to)
                    lines.append({"pairs": [list(pair) for pair in zip(batch, told, strict=True)]})
                    append(lines[-1])
                    bar.advance(len(batch))
        return _pairs(lines)


def plan(sentences: Sequence[str], translator: Translator) -> tuple[Batches, list[str]]:
    """Return batches of sentences of like length, the longest first, and the sentences that are too long.

    A batch's sentences times its longest is at most the translator's `batch`, or it is a single sentence.
    """
    sizes = dict(zip(sentences, translator.lengths(sentences), strict=True))
    long = [one for one in sentences if sizes[one] > translator.room]
    batches: Batches = []
    room = 0
    for one in sorted((one for one in sentences if sizes[one] <= translator.room), key=lambda one: (-sizes[one], one)):
        if room < 1:
            batches.append([])
            room = max(1, translator.batch // max(1, sizes[one]))
        batches[-1].append(one)
        room -= 1
    return batches, long


def read_lines(file: Path) -> tuple[list[Any], int]:
    """Return the whole lines of a journal and how many bytes they take; a torn last line is none."""
    if not file.is_file():
        return [], 0
    content = file.read_bytes()
    lines: list[Any] = []
    whole = 0
    for line in content.splitlines(keepends=True):
        try:
            if not line.endswith(b"\n"):
                break
            lines.append(json.loads(line))
        except ValueError:
            break
        whole += len(line)
    return lines, whole


def _pairs(lines: Sequence[Any]) -> dict[str, str | None]:
    return {source: told for line in lines for source, told in line["pairs"]}


def _appender(handle: Any) -> Callable[[Any], None]:
    def append(value: Any) -> None:
        handle.write(canonical_json(value).encode() + b"\n")
        handle.flush()
        os.fsync(handle.fileno())

    return append
