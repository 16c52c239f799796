"""HH-RLHF: which of two answers of an assistant is more helpful, or does less harm? 160,800 dialogues."""

from adapterstilts.tasks import Task

TASK = Task(
    name="hh_rlhf",
    format="preference",
    metric="accuracy",
    repo="Anthropic/hh-rlhf",
    configs={"en": "default"},
    splits={"train": "train", "dev": "test"},
    columns={"prompt": "prompt", "chosen": "chosen", "rejected": "rejected", "id": "id"},
    roles=("intermediate",),
    category="preference",
    difficulty=3,
    licence="MIT",
    source="Bai et al. 2022, https://github.com/anthropics/hh-rlhf",
    rows={"en": {"train": 160800, "dev": 8552}},
    reshape="dialogue",
    notes=(
        "The two dialogues of a row begin alike: what they share is the prompt. The Hub's test rows choose the "
        "checkpoint. Some texts are offensive, as the authors say."
    ),
)
