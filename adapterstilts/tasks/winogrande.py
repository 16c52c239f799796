"""WinoGrande: which of two names does a gap in a sentence stand for? 40,398 training sentences."""

from adapterstilts.tasks import Task

TASK = Task(
    name="winogrande",
    format="multiple_choice",
    metric="accuracy",
    repo="allenai/winogrande",
    configs={"en": "winogrande_xl"},
    splits={"train": "train", "dev": "validation"},
    columns={"context": "before", "choice_0": "with_option1", "choice_1": "with_option2", "label": "answer"},
    labels=("1", "2"),
    roles=("intermediate", "target"),
    category="commonsense",
    difficulty=3,
    licence="CC BY",
    source="Sakaguchi et al. 2020, https://winogrande.allenai.org",
    rows={"en": {"train": 40398, "dev": 1267}},
    reshape="gap",
    notes=(
        "The sentence is cut at its gap: what stands before it is the context, and a choice is an option with what "
        "stands after it. The public test rows have no gold labels."
    ),
)
