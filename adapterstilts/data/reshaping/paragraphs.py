"""Questions with their paragraph beside them, as in XQuAD-R: each question a row, and each paragraph one, once."""

from __future__ import annotations

from typing import Any

from adapterstilts.tasks import Task


def _reshape(task: Task, language: str, table: Any) -> Any:
    """Return id, text, side and questions from the columns `id`, `question` and `context`: questions, then paragraphs.

    A paragraph is called by its language and its place, from 1, as LAReQA's program does; `questions` are the ids of
    those that it answers. Places differ between languages if their rows' order does; nothing is compared by them.
    """
    import datasets

    ids = [str(name) for name in table["id"]]
    answered: dict[str, list[str]] = {}
    for name, context in zip(ids, table["context"], strict=True):
        answered.setdefault(context, []).append(name)
    columns = {
        "id": [*ids, *(f"{language}_{place}" for place in range(1, len(answered) + 1))],
        "text": [*table["question"], *answered],
        "side": ["question"] * len(ids) + ["candidate"] * len(answered),
        "questions": [*([] for _ in ids), *answered.values()],
    }
    features = {name: datasets.Value("string") for name in ("id", "text", "side")}
    listed = datasets.Sequence(datasets.Value("string"))
    return datasets.Dataset.from_dict(columns, features=datasets.Features({**features, "questions": listed}))


RESHAPE = _reshape
