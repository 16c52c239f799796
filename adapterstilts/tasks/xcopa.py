"""XCOPA: which of two sentences is the cause, or the effect, of another? Eleven languages, English not among them."""

from adapterstilts.tasks import Task

_LANGUAGES = ("et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh")

TASK = Task(
    name="xcopa",
    format="multiple_choice",
    metric="accuracy",
    repo="cambridgeltl/xcopa",
    configs={language: language for language in _LANGUAGES},
    splits={"dev": "validation", "test": "test"},
    columns={
        "context": "premise",
        "question": "question",
        "choice_0": "choice1",
        "choice_1": "choice2",
        "label": "label",
        "id": "idx",
    },
    labels=("0", "1"),
    roles=("target",),
    category="commonsense",
    difficulty=3,
    parallel=True,
    licence="CC BY 4.0",
    source="Ponti et al. 2020; XTREME-R (Ruder et al. 2021)",
    rows={language: {"dev": 100, "test": 500} for language in _LANGUAGES},
    wording={"question": {"cause": "What was the reason for this?", "effect": "What came of this?"}},
    learns_from=("social_iqa", "commonsense_qa", "cosmos_qa", "hellaswag", "winogrande"),
    notes=(
        "XTREME-R trains on Social IQa, as here, and then on COPA, which is no task here, so these scores are not "
        "XTREME-R's. The question is asked in English in all languages."
    ),
)
