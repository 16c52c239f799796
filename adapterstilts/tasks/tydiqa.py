"""TyDiQA gold passage: questions of people who did not know the answer, in nine languages; English for training."""

from adapterstilts.tasks import Task

_NAMES = {
    "ar": "arabic", "bn": "bengali", "en": "english", "fi": "finnish", "id": "indonesian", "ko": "korean",
    "ru": "russian", "sw": "swahili", "te": "telugu",
}  # fmt: skip

TASK = Task(
    name="tydiqa",
    format="span",
    metric="squad_v1",
    repo="google-research-datasets/tydiqa",
    configs=dict.fromkeys(_NAMES, "secondary_task"),
    splits={"train": "train", "test": "validation"},
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
    licence="Apache-2.0",
    source="Clark et al. 2020; XTREME (Hu et al. 2020)",
    rows={
        "ar": {"test": 921},
        "bn": {"test": 113},
        "en": {"train": 3696, "test": 440},
        "fi": {"test": 782},
        "id": {"test": 565},
        "ko": {"test": 276},
        "ru": {"test": 812},
        "sw": {"test": 499},
        "te": {"test": 669},
    },
    id_prefix={language: f"{name}-" for language, name in _NAMES.items()},
    held_out=0.1,
    notes=(
        "All languages share one file; the ids tell them apart; English rows are trained on. A tenth of "
        "them is held out to choose the checkpoint; XTREME takes its English test rows for that "
        "(data.select_on=xtreme). Many offsets are shifted; answers are looked up by their text."
    ),
)
