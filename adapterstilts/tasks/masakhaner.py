"""MasakhaNER: names and dates in the news of ten African languages."""

from adapterstilts.tasks import Split, Task

_NAMES = {
    "am": "amh", "ha": "hau", "ig": "ibo", "lg": "lug", "luo": "luo", "pcm": "pcm", "rw": "kin", "sw": "swa",
    "wo": "wol", "yo": "yor",
}  # fmt: skip

_ROWS: dict[str, dict[Split, int]] = {
    "am": {"dev": 250, "test": 500},
    "ha": {"dev": 276, "test": 552},
    "ig": {"dev": 320, "test": 638},
    "lg": {"dev": 200, "test": 407},
    "luo": {"dev": 92, "test": 186},
    "pcm": {"dev": 306, "test": 600},
    "rw": {"dev": 302, "test": 605},
    "sw": {"dev": 300, "test": 604},
    "wo": {"dev": 267, "test": 539},
    "yo": {"dev": 305, "test": 645},
}

TASK = Task(
    name="masakhaner",
    format="tagging",
    metric="chunk_f1",
    repo="masakhane/masakhaner",
    branch="refs/convert/parquet",
    configs=_NAMES,
    splits={"dev": "validation", "test": "test"},
    columns={"tokens": "tokens", "tags": "ner_tags", "id": "id"},
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-DATE", "I-DATE"),
    counted_as={"B-DATE": "O", "I-DATE": "O"},
    roles=("target",),
    category="tagging",
    difficulty=1,
    licence="CC BY-NC 4.0 (non-commercial); the Hub's card says unknown",
    source="Adelani et al. 2021, https://github.com/masakhane-io/masakhane-ner",
    rows=_ROWS,
    learns_from=("panx",),
    notes=(
        "PAN-X's head knows no dates, so where it answers, a date counts as no name. The main branch is a loading "
        "script; the rows are those of the branch that the Hub converts. Train rows are not read: no language is "
        "English."
    ),
)
