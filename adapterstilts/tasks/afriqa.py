"""AfriQA: questions in African languages, and passages of Wikipedia in English or French that answer them."""

from adapterstilts.tasks import Split, Task

_NAMES = {
    "bem": "bem", "fon": "fon", "ha": "hau", "ig": "ibo", "rw": "kin", "sw": "swa", "tw": "twi", "wo": "wol",
    "yo": "yor", "zu": "zul",
}  # fmt: skip

_ROWS: dict[str, dict[Split, int]] = {
    "bem": {"dev": 235, "test": 309},
    "fon": {"dev": 288, "test": 386},
    "ha": {"dev": 224, "test": 300},
    "ig": {"dev": 306, "test": 409},
    "rw": {"dev": 259, "test": 347},
    "sw": {"test": 295},
    "tw": {"dev": 367, "test": 486},
    "yo": {"test": 254},
    "zu": {"dev": 243, "test": 325},
}

TASK = Task(
    name="afriqa",
    format="span",
    metric="squad_v1",
    repo="masakhane/afriqa-gold-passages",
    configs=_NAMES,
    splits={"dev": "validation", "test": "test"},
    columns={
        "id": "id",
        "context": "context",
        "question": "question_lang",
        "answer_texts": "answer_pivot.text",
        "answer_starts": "answer_pivot.answer_start",
    },
    roles=("target",),
    category="QA",
    difficulty=3,
    licence="CC BY-SA 4.0 on its card; the authors' repository says CC BY 4.0",
    source="Ogundepo et al. 2023, https://github.com/masakhane-io/afriqa",
    rows=_ROWS,
    learns_from=("squad_v1", "squad_v2"),
    notes=(
        "Cross-lingual: the question is in the African language, passage and answer in English or French. The counts "
        "are those of the authors' files, which have no Wolof passages. Whether the Hub's main branch still is a "
        "loading script was not seen."
    ),
)
