"""Wikipedia in many languages: plain text for masked language modelling."""

from adapterstilts.tasks import Task

_LANGUAGES = (
    "af", "ar", "az", "bg", "bn", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "gu", "ha", "he", "hi", "ht",
    "hu", "id", "ig", "it", "ja", "jv", "ka", "kk", "ko", "lt", "ml", "mr", "ms", "my", "nl", "pa", "pl", "pt", "qu",
    "ro", "ru", "sw", "ta", "te", "th", "tl", "tr", "uk", "ur", "vi", "wo", "yo", "zh",
)  # fmt: skip

TASK = Task(
    name="wikipedia",
    format="masked_lm",
    metric="masked_tokens",
    repo="wikimedia/wikipedia",
    configs={language: f"20231101.{language}" for language in _LANGUAGES},
    splits={"train": "train"},
    columns={"id": "id", "text": "text"},
    roles=("intermediate",),
    category="masked LM",
    difficulty=1,
    licence="CC BY-SA 3.0 and GFDL",
    source="Wikimedia dumps of 2023-11-01, https://huggingface.co/datasets/wikimedia/wikipedia",
    held_out=0.02,
    streamed=True,
    notes="Two percent of each language's articles is held out, to measure the loss on text that was not trained on.",
)
