"""CommonsenseQA: a question that takes everyday knowledge, five answers, 9,741 training rows."""

from adapterstilts.tasks import Task

TASK = Task(
    name="commonsense_qa",
    format="multiple_choice",
    metric="accuracy",
    repo="tau/commonsense_qa",
    configs={"en": "default"},
    splits={"train": "train", "dev": "validation"},
    columns={"context": "question", "choices": "choices.text", "label": "answerKey", "id": "id"},
    labels=("A", "B", "C", "D", "E"),
    roles=("intermediate", "target"),
    category="commonsense",
    difficulty=3,
    licence="MIT",
    source="Talmor et al. 2019, https://www.tau-nlp.org/commonsenseqa",
    rows={"en": {"train": 9741, "dev": 1221}},
    notes="The public test rows have no gold labels.",
)
