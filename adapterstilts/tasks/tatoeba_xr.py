"""Tatoeba in the five languages that XTREME-R adds: Azerbaijani, Lithuanian, Polish, Romanian, Ukrainian."""

from adapterstilts.tasks import Task

_NAMES = {"az": "aze", "lt": "lit", "pl": "pol", "ro": "ron", "uk": "ukr"}

TASK = Task(
    name="tatoeba_xr",
    format="retrieval",
    metric="accuracy",
    repo="mteb/tatoeba-bitext-mining",
    configs={language: f"{name}-eng" for language, name in _NAMES.items()},
    splits={"test": "test"},
    columns={"query": "sentence2", "document": "sentence1"},
    roles=("target",),
    category="retrieval",
    difficulty=1,
    licence="CC BY 2.0 FR",
    source="Artetxe and Schwenk 2019, from https://tatoeba.org; XTREME-R (Ruder et al. 2021)",
    notes=(
        "MTEB's copy: google/xtreme has no rows of these languages. `sentence2` is the English side, as others read "
        "it; the counts were not seen."
    ),
)
