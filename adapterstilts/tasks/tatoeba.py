"""Tatoeba: find an English sentence's translation among a thousand sentences; 36 languages."""

from adapterstilts.tasks import Task

_NAMES = {
    "af": "afr", "ar": "ara", "bg": "bul", "bn": "ben", "de": "deu", "el": "ell", "es": "spa", "et": "est", "eu": "eus",
    "fa": "pes", "fi": "fin", "fr": "fra", "he": "heb", "hi": "hin", "hu": "hun", "id": "ind", "it": "ita", "ja": "jpn",
    "jv": "jav", "ka": "kat", "kk": "kaz", "ko": "kor", "ml": "mal", "mr": "mar", "nl": "nld", "pt": "por", "ru": "rus",
    "sw": "swh", "ta": "tam", "te": "tel", "th": "tha", "tl": "tgl", "tr": "tur", "ur": "urd", "vi": "vie", "zh": "cmn",
}  # fmt: skip

_FEWER = {"jv": 205, "ka": 746, "kk": 575, "ml": 687, "sw": 390, "ta": 307, "te": 234, "th": 548}

TASK = Task(
    name="tatoeba",
    format="retrieval",
    metric="accuracy",
    repo="google/xtreme",
    configs={language: f"tatoeba.{name}" for language, name in _NAMES.items()},
    splits={"test": "validation"},
    columns={"query": "target_sentence", "document": "source_sentence"},
    roles=("target",),
    category="retrieval",
    difficulty=1,
    licence="CC BY 2.0 FR",
    source="Artetxe and Schwenk 2019, from https://tatoeba.org; XTREME (Hu et al. 2020)",
    rows={language: {"test": _FEWER.get(language, 1000)} for language in _NAMES},
    notes=(
        "Queries are the English sentences and the index is the other language, as in XTREME's program; the opposite "
        "direction gives other scores. The Hub's sentences end in a newline, which is left out. The Hub calls the rows "
        "`validation`; there are no others."
    ),
)
