"""XQuAD-R by paragraphs: which ones, in any of eleven languages, answer a question? LAReQA itself ranks sentences."""

from adapterstilts.tasks import Task

_LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")

TASK = Task(
    name="xquad_r",
    format="answer_retrieval",
    metric="map_at_20",
    repo="google-research-datasets/xquad_r",
    configs={language: language for language in _LANGUAGES},
    splits={"test": "validation"},
    columns={"id": "id", "text": "text", "side": "side", "questions": "questions"},
    roles=("target",),
    category="retrieval",
    difficulty=3,
    parallel=True,
    licence="CC BY-SA 4.0",
    source="Roy et al. 2020 (arXiv 2004.05484), from XQuAD (Artetxe et al. 2020)",
    reshape="paragraphs",
    rows={language: {"test": 1190 + 240} for language in _LANGUAGES},
    notes=(
        "The Hub's copy lacks the authors' sentence breaks, and Thai does not mark where a sentence ends, so whole "
        "paragraphs are ranked: 240 a language, all languages in one pool, a right one in each. Its numbers are not "
        "LAReQA's; for those, import the authors' files as `lareqa`."
    ),
)
