"""HelpSteer3: which of two answers is more helpful, by people's ratings? English and 13 more languages."""

from adapterstilts.tasks import Task

_LANGUAGES = ("de", "en", "es", "fr", "id", "it", "ja", "ko", "nl", "pl", "pt", "ru", "vi", "zh")

TASK = Task(
    name="helpsteer3",
    format="preference",
    metric="accuracy",
    repo="nvidia/HelpSteer3",
    configs=dict.fromkeys(_LANGUAGES, "preference"),
    splits={"train": "train", "dev": "validation"},
    columns={"prompt": "prompt", "chosen": "chosen", "rejected": "rejected", "id": "id"},
    roles=("intermediate",),
    category="preference",
    difficulty=3,
    licence="CC BY 4.0",
    source="Wang et al. 2025, https://huggingface.co/datasets/nvidia/HelpSteer3",
    reshape="ranked_pair",
    notes=(
        "The Hub's 38,459 train rows are of all languages and of code together; a preference below zero says that the "
        "first answer is better. Rows without a preference are left out. A training reads the English ones."
    ),
)
