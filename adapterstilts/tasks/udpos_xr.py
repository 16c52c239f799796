"""UDPOS of XTREME-R: universal part-of-speech tags in 38 languages (Universal Dependencies 2.7)."""

from adapterstilts.tasks import Task
from adapterstilts.tasks._upos import UPOS

_LANGUAGES = (
    "af", "ar", "bg", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "kk",
    "ko", "lt", "mr", "nl", "pl", "pt", "ro", "ru", "ta", "te", "th", "tl", "tr", "uk", "ur", "vi", "wo", "yo", "zh",
)  # fmt: skip

TASK = Task(
    name="udpos_xr",
    format="tagging",
    metric="chunk_f1",
    repo="izhx/xtreme-r-udpos",
    configs={language: language for language in _LANGUAGES},
    splits={"test": "test"},
    columns={"tokens": "tokens", "tags": "pos_tags"},
    labels=UPOS,
    roles=("target",),
    category="tagging",
    skill="syntax",
    difficulty=1,
    licence="that of each treebank; some are non-commercial",
    source="Nivre et al. 2020; XTREME-R (Ruder et al. 2021)",
    learns_from=("udpos", "udpos_ud"),
    notes=(
        "Answered by the head of `udpos`, whose English rows are of UD 2.5; XTREME-R trains on those of UD 2.7. The "
        "repository is somebody's copy; its columns and counts were not seen."
    ),
)
