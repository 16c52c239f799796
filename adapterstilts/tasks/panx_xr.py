"""PAN-X in the eight languages that XTREME-R adds: Azerbaijani, Gujarati, Lithuanian, Punjabi, Polish and others."""

from adapterstilts.tasks import Task

_LANGUAGES = ("az", "gu", "lt", "pa", "pl", "qu", "ro", "uk")

TASK = Task(
    name="panx_xr",
    format="tagging",
    metric="chunk_f1",
    repo="unimelb-nlp/wikiann",
    configs={language: language for language in _LANGUAGES},
    splits={"dev": "validation", "test": "test"},
    columns={"tokens": "tokens", "tags": "ner_tags"},
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"),
    roles=("target",),
    category="tagging",
    difficulty=1,
    licence="not stated; the texts are Wikipedia's (CC BY-SA 3.0)",
    source="Pan et al. 2017, in the splits of Rahimi et al. 2019; XTREME-R (Ruder et al. 2021)",
    learns_from=("panx",),
    notes=(
        "Answered by PAN-X's head; XTREME-R's number is over these languages and those of `panx`. WikiANN's "
        "train rows of these languages are not read."
    ),
)
