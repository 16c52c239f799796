"""PAWS-X: are two sentences with the same words paraphrases? Seven languages."""

from adapterstilts.tasks import Task

_LANGUAGES = ("de", "en", "es", "fr", "ja", "ko", "zh")

TASK = Task(
    name="pawsx",
    format="classification",
    metric="accuracy",
    repo="google-research-datasets/paws-x",
    configs={language: language for language in _LANGUAGES},
    splits={"train": "train", "dev": "validation", "test": "test"},
    columns={"text_a": "sentence1", "text_b": "sentence2", "label": "label", "id": "id"},
    labels=("0", "1"),
    roles=("target",),
    category="paraphrase",
    difficulty=2,
    parallel=True,
    licence="free for any purpose (Google)",
    source="Yang et al. 2019; XTREME (Hu et al. 2020)",
    rows={language: {"train": 49401, "dev": 2000, "test": 2000} for language in _LANGUAGES},
    rows_of=("paws",),
    notes="The rows of google/xtreme are not used: it drops some and stores the labels as strings.",
)
