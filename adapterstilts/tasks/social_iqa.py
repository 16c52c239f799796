"""Social IQa: what would people do, want or feel next? Three answers, 33,410 training questions."""

from adapterstilts.tasks import Task

TASK = Task(
    name="social_iqa",
    format="multiple_choice",
    metric="accuracy",
    repo="lighteval/siqa",
    configs={"en": "default"},
    splits={"train": "train", "dev": "validation"},
    columns={
        "context": "context",
        "question": "question",
        "choice_0": "answerA",
        "choice_1": "answerB",
        "choice_2": "answerC",
        "label": "label",
    },
    labels=("1", "2", "3"),
    roles=("intermediate", "target"),
    category="commonsense",
    difficulty=3,
    licence="not stated",
    source="Sap et al. 2019, https://maartensap.com/social-iqa/",
    rows={"en": {"train": 33410, "dev": 1954}},
    notes=(
        "The authors' own repository allenai/social_i_qa is a loading script, which current versions of datasets "
        "refuse; this copy was found equal to it in all columns. The test rows are not public."
    ),
)
