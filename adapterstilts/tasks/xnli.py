"""XNLI: natural language inference in 15 languages; the English training rows are MNLI's."""

from adapterstilts.tasks import Task

_LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")

TASK = Task(
    name="xnli",
    format="classification",
    metric="accuracy",
    repo="facebook/xnli",
    configs={language: language for language in _LANGUAGES},
    splits={"train": "train", "dev": "validation", "test": "test"},
    columns={"text_a": "premise", "text_b": "hypothesis", "label": "label"},
    labels=("entailment", "neutral", "contradiction"),
    roles=("target",),
    category="inference",
    difficulty=2,
    parallel=True,
    licence="CC BY-NC 4.0 (non-commercial)",
    source="Conneau et al. 2018; XTREME (Hu et al. 2020)",
    rows={language: {"train": 392702, "dev": 2490, "test": 5010} for language in _LANGUAGES},
    rows_of=("mnli",),
    notes="Training rows of other languages than English are machine translations (XNLI-MT).",
)
