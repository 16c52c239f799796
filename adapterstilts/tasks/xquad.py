"""XQuAD: 240 paragraphs of SQuAD and their 1,190 questions, translated by hand into eleven languages."""

from adapterstilts.tasks import Task

_LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh")

TASK = Task(
    name="xquad",
    format="span",
    metric="squad_v1",
    repo="google/xquad",
    configs={language: f"xquad.{language}" for language in _LANGUAGES},
    splits={"test": "validation"},
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
    licence="CC BY-SA 4.0",
    source="Artetxe et al. 2020; XTREME (Hu et al. 2020)",
    rows={language: {"test": 1190} for language in _LANGUAGES},
    learns_from=("squad_v1", "squad_v2"),
    notes=(
        "Test rows only: it learns from SQuAD, and SQuAD's dev rows choose the checkpoint. XTREME has no Romanian. "
        "Offsets are shifted where a context once began with a blank; answers are looked up by their text."
    ),
)
