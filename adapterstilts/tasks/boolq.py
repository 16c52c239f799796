"""BoolQ: is the answer to a question yes, by a passage of Wikipedia? 9,427 training questions."""

from adapterstilts.tasks import Task

TASK = Task(
    name="boolq",
    format="classification",
    metric="accuracy",
    repo="aps/super_glue",
    configs={"en": "boolq"},
    splits={"train": "train", "dev": "validation"},
    columns={"text_a": "question", "text_b": "passage", "label": "label", "id": "idx"},
    labels=("False", "True"),
    roles=("intermediate", "target"),
    category="QA",
    difficulty=3,
    licence="CC BY-SA 3.0",
    source="Clark et al. 2019, through SuperGLUE (Wang et al. 2019)",
    rows={"en": {"train": 9427, "dev": 3270}},
    notes=(
        "SuperGLUE's copy is read because its labels have names; google/boolq holds the same questions with bare truth "
        "values. The public test rows have no gold labels."
    ),
)
