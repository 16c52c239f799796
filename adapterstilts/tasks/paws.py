"""PAWS: are two sentences with the same words paraphrases? English, 49,401 training pairs."""

from adapterstilts.tasks import Task

TASK = Task(
    name="paws",
    format="classification",
    metric="accuracy",
    repo="google-research-datasets/paws",
    configs={"en": "labeled_final"},
    splits={"train": "train", "dev": "validation", "test": "test"},
    columns={"text_a": "sentence1", "text_b": "sentence2", "label": "label", "id": "id"},
    labels=("0", "1"),
    roles=("intermediate", "target"),
    category="paraphrase",
    difficulty=2,
    licence="free for any purpose (Google)",
    source="Zhang et al. 2019, https://github.com/google-research-datasets/paws",
    rows={"en": {"train": 49401, "dev": 8000, "test": 8000}},
    notes="The English rows of PAWS-X are the same for training; its dev and test rows are others.",
)
