"""SNLI: does the premise entail the hypothesis? Image captions, 550,152 training pairs."""

from adapterstilts.tasks import Task

TASK = Task(
    name="snli",
    format="classification",
    metric="accuracy",
    repo="stanfordnlp/snli",
    configs={"en": "plain_text"},
    splits={"train": "train", "dev": "validation", "test": "test"},
    columns={"text_a": "premise", "text_b": "hypothesis", "label": "label"},
    labels=("entailment", "neutral", "contradiction"),
    roles=("intermediate", "target"),
    category="inference",
    difficulty=2,
    licence="CC BY-SA 4.0",
    source="Bowman et al. 2015, https://nlp.stanford.edu/projects/snli/",
    rows={"en": {"train": 550152, "dev": 10000, "test": 10000}},
    unlabelled="drop",
    notes="A label of -1 means that the annotators did not agree; the data card says to leave such rows out.",
)
