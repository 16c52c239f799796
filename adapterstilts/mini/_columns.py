"""Generated rows as the Hub stores them: what each format's fields hold, in whose columns and types."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from adapterstilts.config.identity import derive_seed
from adapterstilts.mini._makers import TOGETHER, Row
from adapterstilts.mini._raw import raw_table
from adapterstilts.mini._report import in_characters, report
from adapterstilts.mini._supertags import SUPERTAGS, supertagged
from adapterstilts.mini.said import Question, Said, Statement, joined, place_of, text, tokens
from adapterstilts.tasks import Task

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

Fields = dict[str, Any]

_WITH_NUMBERED_LABELS = ("cosmos_qa", "xcopa")
_WITH_NUMBERED_ROWS = ("mnli", "qqp", "pawsx", "xcopa", "qnli", "sst2", "boolq", "paws")
_WITH_LETTERED_CHOICES = ("commonsense_qa",)
_WITH_ENGLISH_PASSAGES = ("afriqa",)
_IN_CHARACTERS = {("panx", "zh")}


def hub_table(task: Task, language: str, rows: Sequence[Row]) -> pa.Table:
    """Return the rows in one language as the Hub has them: the columns that the task reads, of the Hub's types."""
    import pyarrow as pa

    if (raw := raw_table(task, language, rows)) is not None:
        return raw
    say = _FIELDS[task.format]
    fields = [{"id": _name(task, language, number)} | say(task, language, row) for number, row in enumerate(rows)]
    columns: dict[str, list[Any]] = {column: [row[field] for row in fields] for field, column in task.columns.items()}
    if task.name in _WITH_LETTERED_CHOICES:
        columns["choices.label"] = [list(task.labels)] * len(rows)
    return pa.Table.from_pydict(_nested(columns), schema=_features(task).arrow_schema)


def _name(task: Task, language: str, number: int) -> int | str:
    return number if task.name in _WITH_NUMBERED_ROWS else f"{task.id_prefix.get(language, '')}{number}"


def _features(task: Task) -> Features:
    from datasets import ClassLabel, Features, List, Value

    string, number = Value("string"), Value("int32")
    names = ClassLabel(names=list(task.labels or SUPERTAGS)) if task.format in ("classification", "tagging") else None
    types: dict[str, Any] = {"choices": List(string), "answer_texts": List(string), "answer_starts": List(number)}
    if task.format == "classification":
        types["label"] = Value("int64") if task.numbered else names
    elif task.format == "tagging":
        types |= {"tokens": List(string), "tags": List(string if task.reshape == "words" else names)}
    elif task.name in _WITH_NUMBERED_LABELS:
        types["label"] = number
    if task.name in _WITH_NUMBERED_ROWS:
        types["id"] = number
    columns = {column: types.get(field, string) for field, column in task.columns.items()}
    if task.name in _WITH_LETTERED_CHOICES:
        columns["choices.label"] = List(string)
    features: dict[str, Any] = {}
    for column, feature in columns.items():
        outer, _, inner = column.partition(".")
        features[outer] = {**features.get(outer, {}), inner: feature} if inner else feature
    return Features(features)


def _nested(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Put the columns `a.b` and `a.c` together to one column `a` of dicts."""
    nested: dict[str, list[Any]] = {}
    for column, values in columns.items():
        outer, _, inner = column.partition(".")
        if inner:
            owners = nested.get(outer, [{}] * len(values))
            nested[outer] = [{**owner, inner: value} for owner, value in zip(owners, values, strict=True)]
        else:
            nested[outer] = values
    return nested


def _classified(task: Task, language: str, row: Row) -> Fields:
    """Return one text or two, and the label."""
    texts = zip(("text_a", "text_b"), row.texts, strict=False)
    return {**{field: joined(said, language) for field, said in texts}, "label": row.label}


def _tagged(task: Task, language: str, row: Row) -> Fields:
    [(said,)] = row.texts
    forms, tags = zip(*_words(task, language, said), strict=True)
    if task.reshape == "words":
        return {"tokens": forms, "tags": tags}
    labels = task.labels or SUPERTAGS
    return {"tokens": list(forms), "tags": [labels.index(tag) for tag in tags]}


def _words(task: Task, language: str, said: Said) -> list[tuple[str, str]]:
    """Return words with their tags: supertags, names (where a label is for what is none) or parts of speech."""
    if task.open_labels:
        return supertagged(said)
    if "O" not in task.labels:
        return [(token.form, token.upos) for token in tokens(said, language)]
    assert isinstance(said, Statement)
    words = [(form, label if label in task.labels else "O") for form, label in report(said, language)]
    return in_characters(words) if (task.name, language) in _IN_CHARACTERS else words


def _translated(task: Task, language: str, row: Row) -> Fields:
    """Return both sentences, with the newline at their ends that the Hub's have."""
    [said] = row.texts
    return {"query": joined(said, "en") + "\n", "document": joined(said, language) + "\n"}


def _choice(task: Task, language: str, row: Row) -> Fields:
    """Return a context and as many choices as labels, and before them a question where the task has one."""
    texts = [joined(one, language) for one in row.texts]
    choices = texts[-len(task.labels) :]
    label = row.label if task.name in _WITH_NUMBERED_LABELS else task.labels[row.label]
    fields: Fields = {"label": label, "choices": choices, "context": texts[0]}
    fields |= {f"choice_{place}": choice for place, choice in enumerate(choices)}
    if "question" in task.wording:  # the question is a code; which one, the row's own words tell
        codes = list(task.wording["question"])
        fields["question"] = codes[derive_seed(0, joined(row.texts[0], "en")) % len(codes)]
    elif "question" in task.columns:
        fields["question"] = texts[1]
    return fields


def _answered(task: Task, language: str, row: Row) -> Fields:
    """Return a passage, a question about the statement that `label` counts, and where the answer stands; or none."""
    statements, (question,) = row.texts
    asked, language = text(question, language), "en" if task.name in _WITH_ENGLISH_PASSAGES else language
    fields: Fields = {"context": joined(statements, language), "question": asked}
    if row.label == len(statements):
        return {**fields, "answer_texts": [], "answer_starts": []}
    about = statements[row.label]
    assert isinstance(question, Question)
    assert isinstance(about, Statement)
    begin, end = place_of(about, question.asked, language)
    answer = text(about, language)[begin:end]
    start = len(joined((*statements[: row.label], about), language)) - len(text(about, language)) + begin
    return {**fields, "answer_texts": [answer], "answer_starts": [start]}


def _written(task: Task, language: str, row: Row) -> Fields:
    """Return an article, and behind it the same in other languages where its label says so: which ones, its words."""
    others = [code for code in task.languages if code != language]
    order = random.Random(derive_seed(0, "together", language, joined(row.texts[0], "en")))
    spoken = [language, *order.sample(others, min(len(others), TOGETHER[row.label] - 1))]
    return {"text": " ".join(joined(row.texts[0], one) for one in spoken)}


_FIELDS: dict[str, Callable[[Task, str, Row], Fields]] = {
    "classification": _classified,
    "tagging": _tagged,
    "retrieval": _translated,
    "multiple_choice": _choice,
    "span": _answered,
    "masked_lm": _written,
}
