"""Generated rows in the shapes that `data/reshaping/` reads, and sentences of two pools: not one row an example."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from adapterstilts.mini._makers import Row
from adapterstilts.mini.languages import languages
from adapterstilts.mini.said import Said, joined, tokens
from adapterstilts.mini.world import sentence
from adapterstilts.tasks import Task

if TYPE_CHECKING:
    import pyarrow as pa

Columns = Mapping[str, Sequence[Any]]


class _Sentence(NamedTuple):
    """A sentence of a pool; its partner's id where it is of the first pool and translated in the second."""

    id: str
    text: str
    side: str
    partners: list[str]


def raw_table(task: Task, language: str, rows: Sequence[Row]) -> pa.Table | None:
    """Return the rows of a task whose shape on the Hub is its own; None where they are one row an example."""
    import pyarrow as pa

    shape = _SHAPES.get(task.reshape or task.format)
    if shape is None:
        return None
    columns = shape(task, language, rows)
    return pa.table({name: pa.array(values, _types().get(name)) for name, values in columns.items()})


def _types() -> dict[str, pa.DataType]:
    """Return the types that values alone do not tell."""
    import pyarrow as pa

    named = {
        "parent_id": pa.string(),
        "rank": pa.int32(),
        "partners": pa.list_(pa.string()),
        "questions": pa.list_(pa.string()),
    }
    return {**named, "gold": pa.list_(pa.list_(pa.int64()))}


def _with_a_gap(task: Task, language: str, rows: Sequence[Row]) -> Columns:
    """Return sentences of which the last has a gap for its agent, and two options."""
    told = [joined(row.texts[0][:-1], language) + " " + _gapped(row.texts[0][-1], language) for row in rows]
    options = [[_alone(text[0], language) for text in row.texts[1:]] for row in rows]
    first, second = zip(*options, strict=True)
    answers = [task.labels[row.label] for row in rows]
    return {"sentence": told, "option1": first, "option2": second, "answer": answers}


def _gapped(said: Said, language: str) -> str:
    words = tokens(said, language)
    agent = [place for place, token in enumerate(words) if token.role == "agent"]
    gap = words[agent[0]]._replace(form="_")
    return sentence(languages.get(language), [*words[: agent[0]], gap, *words[agent[-1] + 1 :]])


def _alone(said: Said, language: str) -> str:
    """Return a phrase as it stands inside a sentence, without a capital."""
    return " ".join(token.form for token in tokens(said, language))


def _dialogues(task: Task, language: str, rows: Sequence[Row]) -> Columns:
    """Return both whole dialogues of each pair."""
    said = list(_answers(language, rows))
    return {
        "chosen": [f"\n\nHuman: {prompt}\n\nAssistant: {good}" for prompt, good, _ in said],
        "rejected": [f"\n\nHuman: {prompt}\n\nAssistant: {bad}" for prompt, _, bad in said],
    }


def _messages(task: Task, language: str, rows: Sequence[Row]) -> Columns:
    """Return three messages a pair: a prompt and two ranked replies, in turn the better and the worse one first."""
    names = ("message_id", "parent_id", "text", "role", "lang", "rank", "deleted")
    messages: list[tuple[Any, ...]] = []
    for number, (prompt, *both) in enumerate(_answers(language, rows)):
        tree = f"{language}-{number}"
        replies = [
            (f"{tree}-{rank}", tree, reply, "assistant", language, rank, False) for rank, reply in enumerate(both)
        ]
        messages += [(tree, None, prompt, "prompter", language, None, False), *replies[:: 1 if number % 2 else -1]]
    return dict(zip(names, zip(*messages, strict=True), strict=True))


def _ranked(task: Task, language: str, rows: Sequence[Row]) -> Columns:
    """Return two responses and a preference of -3 to 3, below zero for the first, in turn."""
    said = list(_answers(language, rows))
    first_is_better = [number % 2 == 0 for number in range(len(rows))]
    both = [(good, bad) if first else (bad, good) for first, (_, good, bad) in zip(first_is_better, said, strict=True)]
    return {
        "language": [languages.get(language).name.lower()] * len(rows),
        "context": [[{"role": "user", "content": prompt}] for prompt, _, _ in said],
        "response1": [one for one, _ in both],
        "response2": [other for _, other in both],
        "overall_preference": [(1 + number % 3) * (-1 if first else 1) for number, first in enumerate(first_is_better)],
    }


def _answers(language: str, rows: Iterable[Row]) -> Iterator[tuple[str, ...]]:
    """Yield prompt, right answer and wrong answer."""
    for row in rows:
        yield tuple(joined(text, language) for text in row.texts)


def _pools(task: Task, language: str, rows: Sequence[Row]) -> Columns:
    """Return the sentences of both pools, a row each; the first is the language's, the second English."""
    sentences = list(_sentences(language, rows))
    return {name: [getattr(one, name) for one in sentences] for name in _Sentence._fields}


def _bitext(task: Task, language: str, rows: Sequence[Row]) -> Columns:
    """Return one row: the sentences of both pools, and the pairs by their places, from 1."""
    sentences = list(_sentences(language, rows))
    sides = [[one for one in sentences if one.side == side] for side in ("source", "target")]
    places = {one.id: place for side in sides for place, one in enumerate(side, 1)}
    pairs = [[places[one.id], places[other]] for one in sides[0] for other in one.partners]
    first, second = ([one.text for one in side] for side in sides)
    return {"sentence1": [first], "sentence2": [second], "gold": [pairs]}


def _sentences(language: str, rows: Sequence[Row]) -> Iterator[_Sentence]:
    """Yield of each row a sentence in both pools and, in the one that its label names, its like without a partner."""
    for number, row in enumerate(rows):
        told, like = row.texts
        source, target = f"{language}-{number:06}", f"en-{number:06}"
        yield _Sentence(source, joined(told, language), "source", [target])
        yield _Sentence(target, joined(told, "en"), "target", [])
        if row.label:
            yield _Sentence(f"{target}-like", joined(like, "en"), "target", [])
        else:
            yield _Sentence(f"{source}-like", joined(like, language), "source", [])


def _asked(task: Task, language: str, rows: Sequence[Row]) -> Columns:
    """Return questions beside the passages that they are asked of."""
    passages, questions = zip(*_answers(language, rows), strict=True)
    return {"id": [str(number) for number in range(len(rows))], "question": questions, "context": passages}


def _ranked_answers(task: Task, language: str, rows: Sequence[Row]) -> Columns:
    """Return questions and the statements of their passages, a row each; of each passage one statement answers."""
    columns: dict[str, list[Any]] = {name: [] for name in ("id", "text", "context", "side", "questions")}
    for number, row in enumerate(rows):
        passage, question = (joined(text, language) for text in row.texts)
        lines: list[tuple[Any, ...]] = [(str(number), question, "", "question", [])]
        for place, said in enumerate(row.texts[0]):
            answered = [str(number)] if place == row.label else []
            lines.append((f"{language}_{number}_{place}", joined((said,), language), passage, "candidate", answered))
        for line in lines:
            for column, value in zip(columns.values(), line, strict=True):
                column.append(value)
    return columns


_SHAPES: dict[str, Callable[[Task, str, Sequence[Row]], Columns]] = {
    "gap": _with_a_gap,
    "dialogue": _dialogues,
    "siblings": _messages,
    "ranked_pair": _ranked,
    "mining": _pools,
    "bitext": _bitext,
    "paragraphs": _asked,
    "answer_retrieval": _ranked_answers,
}
