"""MNLI: does the premise entail the hypothesis? Ten genres, 392,702 training pairs."""

from adapterstilts.tasks import Task

TASK = Task(
    name="mnli",
    format="classification",
    metric="accuracy",
    repo="nyu-mll/glue",
    configs={"en": "mnli"},
    splits={"train": "train", "dev": "validation_matched", "test": "validation_mismatched"},
    columns={"text_a": "premise", "text_b": "hypothesis", "label": "label", "id": "idx"},
    labels=("entailment", "neutral", "contradiction"),
    roles=("intermediate", "target"),
    category="inference",
    difficulty=2,
    licence="mixed open terms (OANC, CC BY 3.0, CC BY-SA 3.0, public domain)",
    source="Williams et al. 2018, https://cims.nyu.edu/~sbowman/multinli/",
    rows={"en": {"train": 392702, "dev": 9815, "test": 9832}},
    notes="The public test rows have no gold labels; the mismatched dev rows stand in as `test`.",
)
