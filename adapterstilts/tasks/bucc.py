"""BUCC 2018: which sentences of two large pools translate each other? German, French, Russian, Chinese, and English."""

from adapterstilts.tasks import Task

_LANGUAGES = ("de", "fr", "ru", "zh")

TASK = Task(
    name="bucc",
    format="mining",
    metric="mining_f1",
    repo="bucc2018/bucc",
    configs={language: f"{language}-en" for language in _LANGUAGES},
    splits={"dev": "validation", "test": "test"},
    columns={"id": "id", "text": "text", "side": "side", "partners": "partners"},
    roles=("target",),
    category="retrieval",
    difficulty=1,
    licence="not stated; the organisers give the files out",
    source="Zweigenbaum et al. 2018; XTREME (Hu et al. 2020)",
    licensed="the organisers of BUCC 2018 give its files out: https://comparable.limsi.fr/bucc2018/bucc2018-task.html",
    notes=(
        "As in XTREME, BUCC's sample rows are dev, which choose the threshold, and its training rows are test. The "
        "Hub's bucc18 configurations hold the gold pairs without the pools they are mined from, and cannot be used."
    ),
)
