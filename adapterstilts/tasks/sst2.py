"""SST-2: is a phrase of a film review positive? 67,349 training phrases."""

from adapterstilts.tasks import Task

TASK = Task(
    name="sst2",
    format="classification",
    metric="accuracy",
    repo="nyu-mll/glue",
    configs={"en": "sst2"},
    splits={"train": "train", "dev": "validation"},
    columns={"text_a": "sentence", "label": "label", "id": "idx"},
    labels=("negative", "positive"),
    roles=("intermediate", "target"),
    category="sentiment",
    difficulty=1,
    licence="not stated",
    source="Socher et al. 2013, through GLUE (Wang et al. 2019)",
    rows={"en": {"train": 67349, "dev": 872}},
    notes="Train rows are phrases, dev rows whole sentences. The public test rows have no gold labels.",
)
