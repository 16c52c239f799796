"""HellaSwag: which of four endings continues the text? Captions and how-to articles, 39,905 training rows."""

from adapterstilts.tasks import Task

TASK = Task(
    name="hellaswag",
    format="multiple_choice",
    metric="accuracy",
    repo="Rowan/hellaswag",
    configs={"en": "default"},
    splits={"train": "train", "dev": "validation"},
    columns={"context": "ctx", "choices": "endings", "label": "label"},
    labels=("0", "1", "2", "3"),
    roles=("intermediate", "target"),
    category="commonsense",
    difficulty=3,
    licence="MIT",
    source="Zellers et al. 2019, https://rowanzellers.com/hellaswag/",
    rows={"en": {"train": 39905, "dev": 10042}},
    notes="The public test rows have no gold labels. Markers such as [header] in the how-to articles stay as they are.",
)
