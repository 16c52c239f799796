"""OASST1: which of two replies to the same message did people rank higher? Conversations in 35 languages."""

from adapterstilts.tasks import Task

_LANGUAGES = (
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "eo", "es", "eu", "fa", "fi", "fr", "gl", "he", "hu",
    "id", "it", "ja", "ko", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sv", "th", "tr", "uk", "vi", "zh",
)  # fmt: skip

TASK = Task(
    name="oasst1",
    format="preference",
    metric="accuracy",
    repo="OpenAssistant/oasst1",
    configs=dict.fromkeys(_LANGUAGES, "default"),
    splits={"train": "train", "dev": "validation"},
    columns={"prompt": "prompt", "chosen": "chosen", "rejected": "rejected", "id": "id"},
    roles=("intermediate",),
    category="preference",
    difficulty=3,
    licence="Apache-2.0",
    source="Köpf et al. 2023, https://huggingface.co/datasets/OpenAssistant/oasst1",
    reshape="siblings",
    notes=(
        "The Hub's rows are 84,437 train and 4,401 dev messages of all languages together; pairs are made of the "
        "ranked replies to one message. A training reads the English ones. Norwegian is Bokmål (nb)."
    ),
)
