"""QNLI: does a sentence hold the answer to a question? Made of SQuAD, 104,743 training pairs."""

from adapterstilts.tasks import Task

TASK = Task(
    name="qnli",
    format="classification",
    metric="accuracy",
    repo="nyu-mll/glue",
    configs={"en": "qnli"},
    splits={"train": "train", "dev": "validation"},
    columns={"text_a": "question", "text_b": "sentence", "label": "label", "id": "idx"},
    labels=("entailment", "not_entailment"),
    roles=("intermediate", "target"),
    category="inference",
    difficulty=2,
    licence="CC BY-SA 4.0 (SQuAD's)",
    source="Wang et al. 2019 (GLUE), from Rajpurkar et al. 2016",
    rows={"en": {"train": 104743, "dev": 5463}},
    notes="The public test rows have no gold labels.",
)
