"""AfriXNLI: natural language inference in 16 African languages, and the same rows in English and French."""

from adapterstilts.tasks import Task

_NAMES = {
    "am": "amh", "ee": "ewe", "en": "eng", "fr": "fra", "ha": "hau", "ig": "ibo", "lg": "lug", "ln": "lin",
    "om": "orm", "rw": "kin", "sn": "sna", "st": "sot", "sw": "swa", "tw": "twi", "wo": "wol", "xh": "xho",
    "yo": "yor", "zu": "zul",
}  # fmt: skip

TASK = Task(
    name="afrixnli",
    format="classification",
    metric="accuracy",
    repo="masakhane/afrixnli",
    configs=_NAMES,
    splits={"dev": "validation", "test": "test"},
    columns={"text_a": "premise", "text_b": "hypothesis", "label": "label"},
    labels=("entailment", "neutral", "contradiction"),
    numbered=("entailment", "neutral", "contradiction"),
    roles=("target",),
    category="inference",
    difficulty=2,
    parallel=True,
    licence="Apache-2.0 on its card; translated from XNLI, which is CC BY-NC 4.0 (non-commercial)",
    source="Adelani et al. 2025 (IrokoBench), from Conneau et al. 2018",
    rows={language: {"dev": 450, "test": 600} for language in _NAMES},
    learns_from=("mnli", "xnli", "snli", "anli", "anli_plus"),
    notes=(
        "No train rows: it learns from MNLI, and XNLI's head answers it too. Whether the labels carry names was not "
        "seen; bare numbers are read as 0 entailment, 1 neutral, 2 contradiction."
    ),
)
