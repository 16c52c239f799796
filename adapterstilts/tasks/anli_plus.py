"""ANLI+: ANLI, MNLI and SNLI under one head, the largest intermediate task of the paper. 1,104,934 training pairs."""

from adapterstilts.tasks import Task

TASK = Task(
    name="anli_plus",
    format="classification",
    metric="accuracy",
    repo="facebook/anli",
    configs={"en": "plain_text"},
    splits={"train": "train", "dev": "dev"},
    columns={"text_a": "premise", "text_b": "hypothesis", "label": "label", "id": "id"},
    labels=("entailment", "neutral", "contradiction"),
    roles=("intermediate",),
    category="inference",
    difficulty=2,
    licence="that of its parts: ANLI CC BY-NC 4.0 (non-commercial), MNLI mixed open terms, SNLI CC BY-SA 4.0",
    source="Phang et al. 2020, of Nie et al. 2020, Williams et al. 2018 and Bowman et al. 2015",
    rows={"en": {"train": 1104934, "dev": 22857}},
    parts=("anli", "mnli", "snli"),
    notes=(
        "The counts are without the rows of SNLI on which the annotators did not agree: 785 of train, 158 of dev. "
        "Each part is read as its own task; an id begins with its part's name."
    ),
)
