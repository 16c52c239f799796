"""MLQA: which words of a Wikipedia paragraph answer the question? Question and paragraph in one of seven languages."""

from adapterstilts.tasks import Split, Task

_ROWS: dict[str, dict[Split, int]] = {
    "ar": {"dev": 517, "test": 5335},
    "de": {"dev": 512, "test": 4517},
    "en": {"dev": 1148, "test": 11590},
    "es": {"dev": 500, "test": 5253},
    "hi": {"dev": 507, "test": 4918},
    "vi": {"dev": 511, "test": 5495},
    "zh": {"dev": 504, "test": 5137},
}

TASK = Task(
    name="mlqa",
    format="span",
    metric="mlqa",
    repo="google/xtreme",
    configs={language: f"MLQA.{language}.{language}" for language in _ROWS},
    splits={"dev": "validation", "test": "test"},
    columns={
        "id": "id",
        "context": "context",
        "question": "question",
        "answer_texts": "answers.text",
        "answer_starts": "answers.answer_start",
    },
    roles=("target",),
    category="QA",
    difficulty=3,
    parallel=True,
    licence="CC BY-SA 3.0",
    source="Lewis et al. 2020; XTREME (Hu et al. 2020)",
    rows=_ROWS,
    learns_from=("squad_v1", "squad_v2"),
    notes=(
        "It learns from SQuAD, whose dev rows choose the checkpoint. Question and paragraph are in the same language, "
        "as XTREME scores it, with MLQA's own normaliser. facebook/mlqa is a loading script and is not used."
    ),
)
