"""UDPOS: universal part-of-speech tags in 33 languages (Universal Dependencies 2.5)."""

from adapterstilts.tasks import Task
from adapterstilts.tasks._upos import UPOS

_NAMES = {
    "af": "Afrikaans", "ar": "Arabic", "bg": "Bulgarian", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "kk": "Kazakh", "ko": "Korean", "mr": "Marathi", "nl": "Dutch", "pt": "Portuguese", "ru": "Russian",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "ur": "Urdu",
    "vi": "Vietnamese", "yo": "Yoruba", "zh": "Chinese",
}  # fmt: skip

TASK = Task(
    name="udpos",
    format="tagging",
    metric="chunk_f1",
    repo="google/xtreme",
    configs={language: f"udpos.{name}" for language, name in _NAMES.items()},
    splits={"train": "train", "dev": "validation", "test": "test"},
    columns={"tokens": "tokens", "tags": "pos_tags"},
    labels=UPOS,
    roles=("intermediate", "target"),
    category="tagging",
    skill="syntax",
    difficulty=1,
    licence="that of each treebank; some are non-commercial",
    source="Nivre et al. 2018; XTREME (Hu et al. 2020)",
    rows={
        "en": {"train": 21253, "dev": 3974, "test": 5440},
        "de": {"dev": 19233, "test": 22458},
        "el": {"train": 28152, "dev": 2559, "test": 2809},
        "hi": {"test": 2684},
        "ru": {"dev": 9960},
        "th": {"test": 1000},
        "tl": {"test": 55},
        "tr": {"train": 3664, "dev": 988, "test": 4785},
        "yo": {"test": 100},
        "zh": {"dev": 3038, "test": 5528},
    },
    notes=(
        "The Hub's rows for Greek, German, Russian, French and Chinese hold other treebanks too (Ancient Greek, "
        "Swiss German, Old Russian, Old French, Classical Chinese), so these scores are not XTREME's. "
        "Kazakh has no dev rows; Tagalog, Thai and Yoruba have test rows only."
    ),
)
