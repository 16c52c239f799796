"""What the files of a submission hold, task by task (google-research/xtreme, evaluate.py and its mock_test_data).

Labels: one a line. Tags: one a line, an empty line after each sentence. Answers: a JSON object from question ids to
texts, the right ones in SQuAD's JSON. Choices (XCOPA): a JSON object a line, its `label` counted from 0. Pairs
(BUCC): two ids a line with a tab between. Retrieved rows (Tatoeba): the number of a sentence, counted from 0, a line,
for the English sentences in the order of their code points, as XTREME's preparation leaves them.

Readers raise ValueError with words about the file, so that all files' problems can be told at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SHOWN = 3  # names in a message


@dataclass(frozen=True)
class Kind:
    """How one task's files look: `read` predictions, `read_gold`, and write values with their ids.

    What is read has a key for every value: the id of a question or a sentence, else the place in the file, counted
    from 1. Predictions must have the labels' keys, all of them and no other, unless not `whole`: then a key that is
    missing has no value, on either side.
    """

    suffix: str
    metric: str
    read: Callable[[Path], dict[str, Any]]
    read_gold: Callable[[Path], dict[str, Any]]
    write: Callable[[Sequence[str], Sequence[Any]], str]
    whole: bool = True


def _numbered(values: Sequence[Any]) -> dict[str, Any]:
    return {str(place): value for place, value in enumerate(values, start=1)}


def _read_lines(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    if empty := [str(place) for place, line in enumerate(lines, start=1) if not line.strip()]:
        raise ValueError(f"line {listed(empty)} is empty")
    return _numbered([line.strip() for line in lines])


def _read_rows(file: Path) -> dict[str, str]:
    # XTREME's own program prints an array, "[12]", where its labels are plain numbers
    return {place: line.strip("[]") for place, line in _read_lines(file).items()}


def _read_tags(file: Path) -> dict[str, list[str]]:
    sentences: list[list[str]] = [[]]
    for line in file.read_text(encoding="utf-8").removesuffix("\n").split("\n"):
        if tag := line.strip():
            sentences[-1].append(tag)
        else:
            sentences.append([])
    return _numbered(sentences if sentences[-1] else sentences[:-1])


def _read_pairs(file: Path) -> dict[str, list[str]]:
    lines = _read_lines(file) if file.stat().st_size else {}
    if wrong := [place for place, line in lines.items() if line.count("\t") != 1]:
        raise ValueError(f"line {listed(wrong)} is no pair of ids with a tab between")
    found: dict[str, list[str]] = {}
    for pair in once((line, None) for line in lines.values()):
        source, _, target = pair.partition("\t")
        found.setdefault(source, []).append(target)
    return found


def _read_choices(file: Path) -> dict[str, str]:
    try:
        return _numbered([str(json.loads(line)["label"]) for line in _read_lines(file).values()])
    except (KeyError, TypeError) as error:
        raise ValueError("a line is no JSON object with a label") from error


def _read_answers(file: Path) -> dict[str, str]:
    found = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=once)
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ValueError("not a JSON object from question ids to texts")
    return found


def _read_squad(file: Path) -> dict[str, list[str]]:
    try:
        articles = json.loads(file.read_text(encoding="utf-8"))["data"]
        questions = [one for article in articles for part in article["paragraphs"] for one in part["qas"]]
        found = once((one["id"], [answer["text"] for answer in one["answers"]]) for one in questions)
    except (KeyError, TypeError) as error:
        raise ValueError("not SQuAD's JSON (data, paragraphs, qas, id, answers, text)") from error
    if bare := [name for name, texts in found.items() if not any(texts)]:
        raise ValueError(f"without an answer, as in XTREME's public test files: {listed(bare)}")
    return found


def _write_lines(ids: Sequence[str], values: Sequence[Any]) -> str:
    return "".join(f"{value}\n" for value in values)


def _write_pairs(ids: Sequence[str], values: Sequence[Any]) -> str:
    return "".join(f"{source}\t{target}\n" for source, targets in zip(ids, values, strict=True) for target in targets)


def _write_tags(ids: Sequence[str], values: Sequence[Any]) -> str:
    return "\n".join(_write_lines(ids, tags) for tags in values)


def _write_choices(ids: Sequence[str], values: Sequence[Any]) -> str:
    pairs = zip(ids, values, strict=True)
    return "".join(json.dumps({"idx": name, "label": int(value)}) + "\n" for name, value in pairs)


def _write_answers(ids: Sequence[str], values: Sequence[Any]) -> str:
    """Write predicted texts, or lists of right ones in SQuAD's JSON."""
    pairs = list(zip(ids, values, strict=True))
    if all(isinstance(value, str) for value in values):
        return json.dumps(once(pairs), indent=1, ensure_ascii=False) + "\n"
    questions = [{"id": name, "answers": [{"text": text} for text in texts]} for name, texts in pairs]
    return json.dumps({"data": [{"paragraphs": [{"qas": questions}]}]}, indent=1, ensure_ascii=False) + "\n"


def once(pairs: Any) -> dict[str, Any]:
    """Return pairs of an id and a value as a dict; ValueError names the ids that come twice."""
    found: dict[str, Any] = {}
    twice: dict[str, None] = {}
    for name, value in pairs:
        if name in found:
            twice[name] = None
        found[name] = value
    if twice:
        raise ValueError(f"repeated: {listed(list(twice))}")
    return found


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


_LABELS = Kind("tsv", "accuracy", _read_lines, _read_lines, _write_lines)
_ROWS = Kind("tsv", "accuracy", _read_rows, _read_rows, _write_lines)
_TAGS = Kind("tsv", "chunk_f1", _read_tags, _read_tags, _write_tags)
_CHOICES = Kind("jsonl", "accuracy", _read_choices, _read_choices, _write_choices)
_ANSWERS = Kind("json", "squad_v1", _read_answers, _read_squad, _write_answers)
_MLQA = Kind("json", "mlqa", _read_answers, _read_squad, _write_answers)
_PAIRS = Kind("tsv", "mining_f1", _read_pairs, _read_pairs, _write_pairs, whole=False)

KINDS: Mapping[str, Kind] = {
    "xnli": _LABELS,
    "pawsx": _LABELS,
    "xcopa": _CHOICES,
    "udpos": _TAGS,
    "panx": _TAGS,
    "xquad": _ANSWERS,
    "tydiqa": _ANSWERS,
    "mlqa": _MLQA,
    "bucc2018": _PAIRS,
    "tatoeba": _ROWS,
}
