"""ANLI: inference whose hypotheses were written to fool a model. Three rounds, 162,865 training pairs."""

from adapterstilts.tasks import Task

_ROUNDS = ("r1", "r2", "r3")

TASK = Task(
    name="anli",
    format="classification",
    metric="accuracy",
    repo="facebook/anli",
    configs={"en": "plain_text"},
    splits={split: "+".join(f"{split}_{one}" for one in _ROUNDS) for split in ("train", "dev", "test")},
    columns={"text_a": "premise", "text_b": "hypothesis", "label": "label", "id": "uid"},
    labels=("entailment", "neutral", "contradiction"),
    roles=("intermediate", "target"),
    category="inference",
    difficulty=3,
    licence="CC BY-NC 4.0 (non-commercial)",
    source="Nie et al. 2020, https://github.com/facebookresearch/anli",
    rows={"en": {"train": 162865, "dev": 3200, "test": 3200}},
    notes="The three rounds are read one after the other: 16,946, 45,460 and 100,459 train rows.",
)
