"""LAReQA: which sentences of Wikipedia, in any of eleven languages, answer a question? From the authors' own files."""

from adapterstilts.tasks import Task

_CANDIDATES = {
    "ar": 1222, "de": 1276, "el": 1234, "en": 1180, "es": 1215, "hi": 1244, "ru": 1219, "th": 852, "tr": 1167,
    "vi": 1209, "zh": 1196,
}  # fmt: skip

TASK = Task(
    name="lareqa",
    format="answer_retrieval",
    metric="map_at_20",
    repo="lareqa/xquad_r",
    configs={language: language for language in _CANDIDATES},
    splits={"test": "test"},
    columns={"id": "id", "text": "text", "context": "context", "side": "side", "questions": "questions"},
    roles=("target",),
    category="retrieval",
    difficulty=3,
    parallel=True,
    licence="CC BY-SA 4.0",
    source="Roy et al. 2020 (arXiv 2004.05484); XTREME-R (Ruder et al. 2021)",
    rows={language: {"test": 1190 + candidates} for language, candidates in _CANDIDATES.items()},
    licensed=(
        "XQuAD-R with its sentence breaks (CC BY-SA 4.0) is not on the Hub; the folder xquad-r of "
        "https://github.com/google-research-datasets/lareqa holds it"
    ),
    notes=(
        "The pool is that of all languages that are imported, and every question has a right answer in each: fewer "
        "languages are another task. XTREME-R's own numbers are of encoders that SQuAD has first taught to retrieve; "
        "here nothing is taught. Without the files, `xquad_r` ranks the paragraphs that the Hub has."
    ),
)
