"""XQuAD-R as LAReQA's authors give it out: `xquad-r/<language>.json`, SQuAD's JSON with the sentences' places.

Candidates are all sentences of all paragraphs, and a question is answered by the one in which its answer begins, and by
any other of that paragraph that reads the same (google-research/xtreme, third_party/utils_lareqa.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from adapterstilts.console import log
from adapterstilts.errors import UserError
from adapterstilts.formats.answer_retrieval import CANDIDATE, QUESTION
from adapterstilts.store.atomic import write_text
from adapterstilts.tasks import tasks

_FOLDER = "xquad-r"
_SPLIT = "test"

Line = dict[str, Any]


class _Language(NamedTuple):
    """One language's rows, and the ids of all questions in its file, those without a sentence too."""

    rows: list[Line]
    asked: list[str]


def import_lareqa(source: Path, out: Path) -> None:
    """Write the languages that are under `source` into the folder `out` in the Hub's layout, one row a text.

    Columns: id, text, context (of a sentence, its paragraph), side (`question` or `candidate`), questions (ids of those
    that a sentence answers). Questions whose answer begins in no sentence are left out, aloud. Raises UserError:
    nothing there, JSON of another shape, languages with other questions.
    """
    files = _find(source)
    found = {language: _read(file, language) for language, file in files.items()}
    _must_be_parallel(files, {language: one.asked for language, one in found.items()})
    for language, one in found.items():
        _write(out / language, one.rows)
        lost = len(one.asked) - sum(row["side"] == QUESTION for row in one.rows)
        if lost:
            log(f"lareqa {language}: {lost} questions left out, whose answer begins in no sentence")
    write_text(out / "README.md", _card(list(found)))


def _find(source: Path) -> dict[str, Path]:
    """Return the files of the first folder that has some: the one given, if it is called so, or one within."""
    task = tasks.get("lareqa")
    inner = sorted(path for path in source.rglob(_FOLDER) if path.is_dir())
    for folder in [*inner, source]:
        files = {language: folder / f"{language}.json" for language in task.languages}
        there = {language: file for language, file in files.items() if file.is_file()}
        if there:
            return there
    raise UserError(
        f"{source} holds no files of XQuAD-R",
        where=f"looked for: {_FOLDER}/en.json, {_FOLDER}/ar.json, ...; {task.licensed}",
        fix="give --from the folder of your copy of that repository",
    )


def _read(file: Path, language: str) -> _Language:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        paragraphs = [one for article in content["data"] for one in article["paragraphs"]]
        parts = list(_rows(paragraphs, language))
        asked = [question["id"] for paragraph in paragraphs for question in paragraph["qas"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} is no file of XQuAD-R: {type(error).__name__} {error}",
            where="read: data, paragraphs, context, sentence_breaks, qas, id, question, one of answers, answer_start",
            fix="XQuAD's own files lack the sentences' places; copy the file from LAReQA's repository again",
        ) from None
    if len(set(asked)) < len(asked):
        raise UserError(f"{file}: a question's id is there twice", fix="copy the file again")
    return _Language(parts, asked)


def _rows(paragraphs: list[Any], language: str) -> Iterator[Line]:
    """Yield the questions and the sentences of all paragraphs; ValueError for places that are none in the text."""
    for number, paragraph in enumerate(paragraphs, start=1):
        context, breaks = paragraph["context"], paragraph["sentence_breaks"]
        if any(not 0 <= start < end <= len(context) for start, end in breaks):
            raise ValueError(f"sentence_breaks beyond the text of paragraph {number}")
        sentences = [context[start:end] for start, end in breaks]
        answered: dict[str, list[str]] = {sentence: [] for sentence in sentences}
        for question in paragraph["qas"]:
            [answer] = question["answers"]
            place = next((at for at, (start, end) in enumerate(breaks) if start <= answer["answer_start"] < end), None)
            if place is not None:
                answered[sentences[place]].append(question["id"])
                yield _row(question["id"], question["question"], "", QUESTION, [])
        for at, sentence in enumerate(sentences):
            yield _row(f"{language}_{number}_{at}", sentence, context, CANDIDATE, answered[sentence])


def _row(name: str, text: str, context: str, side: str, questions: list[str]) -> Line:
    return {"id": name, "text": text, "context": context, "side": side, "questions": questions}


def _must_be_parallel(files: Mapping[str, Path], asked: Mapping[str, list[str]]) -> None:
    """Raise UserError where a language has other questions: there the right answers would not be known."""
    first = next(iter(asked))
    for language, ids in asked.items():
        if other := set(ids) ^ set(asked[first]):
            raise UserError(
                f"{files[language]} has other questions than {files[first].name}: {len(other)} are in one alone",
                where=f"such as {min(other)}; XQuAD-R has every question in every language, MLQA-R has not",
                fix="copy the files again, all from the same folder",
            )


def _write(folder: Path, rows: list[Line]) -> None:
    import datasets

    texts = {name: datasets.Value("string") for name in ("id", "text", "context", "side")}
    features = datasets.Features({**texts, "questions": datasets.Sequence(datasets.Value("string"))})
    folder.mkdir(parents=True, exist_ok=True)
    table = datasets.Dataset.from_list(rows, features=features)
    table.to_parquet(str(folder / f"{_SPLIT}-00000-of-00001.parquet"))


def _card(languages: list[str]) -> str:
    lines = ["---", "configs:"]
    for language in languages:
        lines += [
            f"- config_name: {language}",
            "  data_files:",
            f"  - split: {_SPLIT}",
            f"    path: {language}/{_SPLIT}-*",
        ]
    return "\n".join([*lines, "---", "Imported from XQuAD-R of LAReQA (Roy et al. 2020), CC BY-SA 4.0.", ""])


IMPORT = import_lareqa
