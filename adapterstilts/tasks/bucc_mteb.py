"""Sentence pairs mined from the pools of mteb/BUCC: not XTREME's BUCC, for the threshold has other rows."""

from adapterstilts.tasks import Task

_LANGUAGES = ("de", "fr", "ru", "zh")

TASK = Task(
    name="bucc_mteb",
    format="mining",
    metric="mining_f1",
    repo="mteb/BUCC",
    configs={language: f"{language}-en" for language in _LANGUAGES},
    splits={"test": "test"},
    columns={"id": "id", "text": "text", "side": "side", "partners": "partners", "held_out": "held_out"},
    roles=("target",),
    category="retrieval",
    difficulty=1,
    licence="not stated",
    source="Zweigenbaum et al. 2018, in the copy of MTEB (Muennighoff et al. 2023)",
    reshape="bitext",
    notes=(
        "The copy has no dev rows, so a part of its pools chooses the threshold and the rest is scored. Its numbers "
        "are neither XTREME's nor MTEB's; for XTREME's, import BUCC's own files as `bucc`. Gold pairs on the Hub: "
        "9,580 German, 9,086 French, 14,435 Russian, 1,899 Chinese."
    ),
)
