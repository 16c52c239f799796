"""SQuAD 1.1: which words of a Wikipedia paragraph answer the question? 87,599 English training questions."""

from adapterstilts.tasks import Task

TASK = Task(
    name="squad_v1",
    format="span",
    metric="squad_v1",
    repo="rajpurkar/squad",
    configs={"en": "plain_text"},
    splits={"train": "train", "dev": "validation"},
    columns={
        "id": "id",
        "context": "context",
        "question": "question",
        "answer_texts": "answers.text",
        "answer_starts": "answers.answer_start",
    },
    roles=("intermediate", "target"),
    category="QA",
    difficulty=3,
    licence="CC BY-SA 4.0",
    source="Rajpurkar et al. 2016",
    rows={"en": {"train": 87599, "dev": 10570}},
    notes="Every question has an answer; the test rows are not public. XQuAD learns from these rows.",
)
