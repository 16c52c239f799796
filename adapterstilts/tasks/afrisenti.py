"""AfriSenti: is a tweet positive, neutral or negative? Fourteen African languages, and English."""

from adapterstilts.tasks import Split, Task

_NAMES = {
    "am": "amh", "arq": "arq", "ary": "ary", "en": "eng", "ha": "hau", "ig": "ibo", "om": "orm", "pcm": "pcm",
    "pt": "por", "rw": "kin", "sw": "swa", "ti": "tir", "ts": "tso", "tw": "twi", "yo": "yor",
}  # fmt: skip

_ROWS: dict[str, dict[Split, int]] = {
    "am": {"train": 5984, "dev": 1497, "test": 1999},
    "arq": {"train": 1651, "dev": 414, "test": 957},
    "ary": {"train": 5583, "dev": 494, "test": 2961},
    "ha": {"train": 14172, "dev": 2677, "test": 5303},
    "ig": {"train": 10192, "dev": 1841, "test": 3682},
    "pcm": {"train": 5121, "dev": 1281, "test": 4154},
    "pt": {"train": 3063, "dev": 767, "test": 3662},
    "rw": {"train": 3302, "dev": 827, "test": 1026},
    "sw": {"train": 1810, "dev": 453, "test": 748},
    "ts": {"train": 804, "dev": 203, "test": 254},
    "tw": {"train": 3481, "dev": 388, "test": 949},
    "yo": {"train": 8522, "dev": 2090, "test": 4515},
}

TASK = Task(
    name="afrisenti",
    format="classification",
    metric="accuracy",
    repo="masakhane/afrisenti",
    configs=_NAMES,
    splits={"train": "train", "dev": "validation", "test": "test"},
    columns={"text_a": "tweet", "label": "label"},
    labels=("positive", "neutral", "negative"),
    roles=("target",),
    category="sentiment",
    difficulty=1,
    licence="CC BY-NC-SA 2.0 (non-commercial)",
    source="Muhammad et al. 2023, https://github.com/afrisenti-semeval/afrisent-semeval-2023",
    rows=_ROWS,
    notes=(
        "Two things were not seen: how the Hub stores the labels (names are read; bare numbers are refused, since "
        "nobody says their order), and the English rows, which a training needs. The counts are lines of the authors' "
        "files, so tweets of several lines are counted several times. Portuguese is Mozambique's; Oromo has no train "
        "rows, Tigrinya dev and test rows only."
    ),
)
