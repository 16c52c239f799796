"""QQP: do two questions on Quora ask the same? 363,846 training pairs."""

from adapterstilts.tasks import Task

TASK = Task(
    name="qqp",
    format="classification",
    metric="accuracy_f1",
    repo="nyu-mll/glue",
    configs={"en": "qqp"},
    splits={"train": "train", "dev": "validation"},
    columns={"text_a": "question1", "text_b": "question2", "label": "label", "id": "idx"},
    labels=("not_duplicate", "duplicate"),
    roles=("intermediate", "target"),
    category="paraphrase",
    difficulty=2,
    licence="Quora terms (non-commercial)",
    source="Quora Question Pairs, through GLUE (Wang et al. 2019)",
    rows={"en": {"train": 363846, "dev": 40430}},
    notes="The public test rows have no gold labels.",
)
